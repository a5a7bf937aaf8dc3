import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage, encodeVolatile, foreignBody } from "./envelope.ts";

const header = (fields: object): string =>
  JSON.stringify({ v: 1, kind: "event", src: "s", birth: "b", time: 7, at: [["log", 3, 35]], ...fields });

describe("envelope", () => {
  it("R-23 carries events with their places, and bodies as they are", () => {
    const at = [
      ["log", 3, 35],
      ["state", 1, 36, 1],
    ];
    expect(decodeMessage(`${header({ at })}\u001e{"v":2}\u001e "x" `)).toEqual({
      kind: "event",
      birth: "b",
      entries: [
        { line: "log", offset: 3, tag: "z", time: 7, body: '{"v":2}' },
        { line: "state", offset: 1, tag: "10", time: 7, body: ' "x" ', deleted: true },
      ],
    });
  });

  it("P-30 a body can't pass for a header, whatever it holds", () => {
    for (const payload of [
      "x",
      [1],
      null,
      { key: 1 },
      { __propagated: 1 },
      { v: 1, kind: "event", at: [] },
      "\u001e",
    ]) {
      const body = JSON.stringify(payload);
      expect(decodeMessage(encodeVolatile("s", body, 5))).toEqual({ kind: "volatile", body, time: 5 });
    }
    fc.assert(
      fc.property(fc.json(), (body) => {
        expect(decodeMessage(encodeVolatile("s", body, 5))).toEqual({ kind: "volatile", body, time: 5 });
      }),
    );
  });

  it.each([
    "",
    "hello",
    "{",
    "null",
    "[]",
    '{"v":2,"kind":"volatile","time":1}\u001e{}',
    '{"v":1,"kind":"volatile","time":1}',
    '{"v":1,"kind":"volatile"}\u001e{}',
    '{"v":1,"kind":"else","time":1}\u001e{}',
    header({}),
    `${header({ at: [["log", "3", 35]] })}\u001e{}`,
    `${header({ at: [["other", 3, 35]] })}\u001e{}`,
    `${header({ at: [7] })}\u001e{}`,
    `${header({ at: {} })}\u001e{}`,
    `${header({ birth: 1 })}\u001e{}`,
  ])("what is no message of this version is null: %j", (text) => {
    expect(decodeMessage(text)).toBeNull();
  });

  it("R-23 a foreign text is an event when it says so, else the data of a message", () => {
    expect(foreignBody('{"event":"post.created","data":{"id":1},"key":"k"}')).toBe(
      '{"event":"post.created","data":{"id":1}}',
    );
    expect(foreignBody('{"event":"ping"}')).toBe('{"event":"ping","data":null}');
    for (const payload of ["x", [1], null, { key: 1 }, { __propagated: 1 }])
      expect(foreignBody(JSON.stringify(payload))).toBe(JSON.stringify({ event: "message", data: payload }));
    expect(foreignBody("plain text")).toBe('{"event":"message","data":"plain text"}');
    expect(foreignBody("{broken")).toBe('{"event":"message","data":"{broken"}');
  });

  it("a foreign event with a bad name, or too large, is none", () => {
    expect(foreignBody('{"event":7}')).toBeNull();
    expect(foreignBody('{"event":""}')).toBeNull();
    expect(foreignBody("x".repeat(256 * 1024 + 1))).toBeNull();
  });
});
