import fc from "fast-check";
import { expect, it } from "vitest";
import { type EventStreamState, type StreamEvent, eventStreamStart, readEventStream } from "./event-stream-text.ts";

function read(...pieces: readonly string[]): StreamEvent[] {
  let state: EventStreamState = eventStreamStart;
  return pieces.flatMap((piece) => {
    const [next, events] = readEventStream(state, piece);
    state = next;
    return events;
  });
}

it("reads name, data of several lines and id; comments and other fields mean nothing", () => {
  expect(read(":hi\nevent: tick\nid: 7\nretry: 10\nfoo\ndata: a\ndata:  b\ndata\n\ndata:c\n\n")).toEqual([
    { event: "tick", data: "a\n b\n", id: "7" },
    { event: "message", data: "c", id: "7" },
  ]);
});

it("keeps an id that came without data, and tells nobody", () => {
  expect(read("id: 1\n\nevent: lost\n\ndata: x\n\n")).toEqual([{ event: "message", data: "x", id: "1" }]);
  expect(read("id: 1\nid: a\0b\ndata: x\n\nid\ndata: y\n\n").map(({ id }) => id)).toEqual(["1", ""]);
});

it("holds back what has not ended", () => {
  expect(read("data: a\n")).toEqual([]);
  expect(read("data: a\n", "\n")).toEqual([{ event: "message", data: "a", id: "" }]);
  expect(read("data: a\r", "\n\r")).toHaveLength(1);
  expect(read("data: a\r", "", "\n", "\r")).toHaveLength(1);
});

it("any chunking of a stream, with any line ends, reads the same", () => {
  const line = fc.oneof(
    fc.constant(""),
    fc.constantFrom("data", "event", "id", ":", "data:", "data: ", "id: 3", "event: e"),
    fc.string({ unit: fc.constantFrom(":", " ", "a", "é", "\0", "data", "\u2028") }).map((text) => `data: ${text}`),
  );
  const stream = fc
    .array(fc.tuple(line, fc.constantFrom("\n", "\r", "\r\n")), { maxLength: 30 })
    .map((lines) => lines.flat().join(""));
  fc.assert(
    fc.property(stream, fc.array(fc.nat(200), { maxLength: 10 }), (text, cuts) => {
      const places = [
        0,
        ...cuts.map((cut) => Math.min(cut, text.length)).sort((one, other) => one - other),
        text.length,
      ];
      const pieces = places.slice(1).map((place, index) => text.slice(places[index], place));
      expect(read(...pieces)).toEqual(read(text));
    }),
  );
});
