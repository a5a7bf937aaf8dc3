import type { PresenceFrame } from "@trunkline/core/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AttendanceTable } from "./attendance-table.ts";

const everywhere = (): boolean => true;

/** A table and the numbers of its frames. */
function setUp() {
  const table = new AttendanceTable();
  let last = 0;
  const next = (isOn: (channel: string) => boolean = everywhere) => table.next(() => ++last, isOn);
  const enter = (channel: string, data: unknown = channel) => table.enter(channel, data, JSON.stringify(data));
  const answer = (ref: number, ...refused: [channel: string, code: string][]) =>
    table.answered({
      type: "presence",
      ref,
      refused: refused.map(([channel, code]) => ({ channel, error: { code, message: "" } })),
    });
  return { table, next, enter, answer };
}

describe("what is told of attendance", () => {
  it("§13 goes in one frame, of the channels that the client is on, with what was said last", () => {
    const { table, next, enter, answer } = setUp();
    enter("a", 1);
    enter("b");
    enter("a", 2);
    table.enter("c", undefined, undefined);
    expect(next((channel) => channel !== "b")).toEqual({
      type: "presence",
      ref: 1,
      enter: [{ channel: "a", data: 2 }, { channel: "c" }],
    });
    expect(next((channel) => channel !== "b")).toBeNull();
    expect(answer(1)).toEqual({
      outcomes: [
        { channel: "a", error: null },
        { channel: "c", error: null },
      ],
      later: false,
    });
    expect(next()).toEqual({ type: "presence", ref: 2, enter: [{ channel: "b", data: "b" }] });
  });

  it("is told again on another link, unanswered or not; answers of the old one mean nothing", () => {
    const { table, next, enter, answer } = setUp();
    enter("a");
    next();
    answer(1);
    enter("b");
    next();
    table.restart();
    expect(answer(2)).toEqual({ outcomes: [], later: false });
    expect(next()?.enter?.map(({ channel }) => channel)).toEqual(["a", "b"]);
  });

  it("to leave what no gateway knows of is to say nothing; else it is told until it is answered", () => {
    const { table, next, enter, answer } = setUp();
    enter("a");
    expect(table.leave("a")).toBe(false);
    expect(next()).toBeNull();
    enter("a");
    next();
    expect(table.leave("a")).toBe(true);
    expect(next()).toEqual({ type: "presence", ref: 2, leave: ["a"] });
    // That of the frame before.
    expect(answer(1).outcomes).toEqual([]);
    table.restart();
    expect(next()).toMatchObject({ ref: 3, leave: ["a"] });
    expect(answer(3).outcomes).toEqual([{ channel: "a", error: null }]);
    table.restart();
    expect(next()).toBeNull();
    expect(table.leave("unknown")).toBe(false);
  });

  it("is forgotten when it is refused, and tried again when it could not be done just now", () => {
    const { table, next, enter, answer } = setUp();
    for (const channel of ["a", "b", "c"]) enter(channel);
    next();
    const answered = answer(1, ["a", "gateway.forbidden"], ["b", "gateway.unavailable"]);
    expect(answered.later).toBe(true);
    expect(answered.outcomes).toEqual([
      { channel: "a", error: { code: "gateway.forbidden", message: "" } },
      { channel: "c", error: null },
    ]);
    expect(["a", "b", "c"].map((channel) => table.has(channel))).toEqual([false, true, true]);
    expect(next()).toBeNull();
    table.retry();
    expect(next()?.enter?.map(({ channel }) => channel)).toEqual(["b"]);
  });

  it("is told again where the gateway had taken the client off", () => {
    const { table, next, enter, answer } = setUp();
    enter("a");
    next();
    answer(1);
    table.off("a");
    expect(next(() => false)).toBeNull();
    expect(next()?.enter).toEqual([{ channel: "a", data: "a" }]);
  });

  it("is split into frames that a gateway takes", () => {
    const { table, next, enter } = setUp();
    const channels = Array.from({ length: 100 }, (_, index) => `é${index}`);
    for (const channel of channels) enter(channel, "ü".repeat(2_000));
    const told: string[] = [];
    for (let frame = next(); frame !== null; frame = next()) {
      expect(Buffer.byteLength(JSON.stringify(frame))).toBeLessThan(64_000);
      told.push(...(frame.enter ?? []).map(({ channel }) => channel));
    }
    expect(told).toEqual(channels);
    expect(table.due).toBe(false);
  });
});

const channel = fc.constantFrom("a", "b", "c");
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("enter" as const), channel, data: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("leave" as const), channel }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("send" as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("answer" as const), unavailable: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("retry" as const) }) },
);

it("whatever is lost or put off, in the end the gateway knows what is wanted", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 50 }), (operations) => {
      const { table, next, enter, answer } = setUp();
      const wanted = new Map<string, unknown>();
      /** Of the gateway: it does what it is told when it answers. */
      const there = new Map<string, unknown>();
      let underWay: PresenceFrame[] = [];
      const send = (): boolean => {
        const frame = next();
        if (frame) underWay.push(frame);
        return frame !== null;
      };
      const reply = (unavailable: boolean): void => {
        const frame = underWay.shift();
        if (!frame) return;
        const refused: [string, string][] = [];
        for (const left of frame.leave ?? []) there.delete(left);
        for (const entered of frame.enter ?? []) {
          if (unavailable) refused.push([entered.channel, "gateway.unavailable"]);
          else there.set(entered.channel, entered.data);
        }
        answer(frame.ref, ...refused);
      };
      for (const each of operations) {
        if (each.kind === "enter") {
          enter(each.channel, each.data);
          wanted.set(each.channel, each.data);
        } else if (each.kind === "leave") {
          table.leave(each.channel);
          wanted.delete(each.channel);
        } else if (each.kind === "send") send();
        else if (each.kind === "answer") reply(each.unavailable);
        else if (each.kind === "retry") table.retry();
        else {
          underWay = [];
          table.restart();
        }
      }
      while (underWay.length > 0) reply(false);
      table.retry();
      while (send()) reply(false);
      expect(new Map(there)).toEqual(wanted);
      expect(["a", "b", "c"].filter((name) => table.has(name))).toEqual([...wanted.keys()].sort());
    }),
    { numRuns: 1_000 },
  );
});
