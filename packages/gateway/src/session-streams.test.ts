import type { StreamRequest } from "@trunkline/core/wire";
import { describe, expect, it } from "vitest";
import {
  type Decision,
  type Streams,
  answerSubscribe,
  authorized,
  endGrants,
  leave,
  noStreams,
  putOn,
  recheck,
  takeOff,
} from "./session-streams.ts";

const limits = { canSubscribe: true, subscriptions: 3 };
const ask = (streams: Streams, ...asked: StreamRequest[]) => answerSubscribe(streams, asked, limits);
/** Asked for with a token, and let in until `endsAt`. */
function granted(token: string, endsAt: number, channel = "a", streams = noStreams): Streams {
  return authorized(ask(streams, { channel, token })[0], [{ channel, allowed: true, turn: 0, endsAt }])[0];
}
const yes = (endsAt: number): Decision => ({ channel: "a", allowed: true, turn: 0, endsAt });
const no: Decision = { channel: "a", allowed: false, turn: 0 };
const ended = (channel: string): unknown[] => [
  { kind: "leave", channel },
  { kind: "verdict", verdict: { channel, verdict: "ended" } },
];

describe("a permission that ends", () => {
  it("is shown to the authorizer, and ends the subscription when it does", () => {
    expect(ask(noStreams, { channel: "a", token: "t" })[1]).toEqual([
      { kind: "authorize", channel: "a", token: "t", turn: 0 },
    ]);
    const streams = granted("u", 200, "b", granted("t", 100));
    expect(streams.endsAt).toBe(100);
    expect(endGrants(streams, 99)[1]).toEqual([]);
    const [rest, answers] = endGrants(streams, 100);
    expect(answers).toEqual(ended("a"));
    expect([...rest.on.keys(), rest.endsAt]).toEqual(["b", 200]);
    expect(endGrants(streams, 200)[1]).toEqual([...ended("a"), ...ended("b")]);
  });

  it("leaves what gateway code put on, and what was allowed for good", () => {
    const [own] = putOn(
      authorized(ask(noStreams, { channel: "a" })[0], [{ channel: "a", allowed: true, turn: 0 }])[0],
      "b",
    );
    expect(own.endsAt).toBe(Infinity);
    expect(endGrants(own, 1e15)[0].on.size).toBe(2);
  });

  it("is renewed by another one, while the connection stays on", () => {
    const [asked, answers] = ask(granted("t", 100), { channel: "a", token: "t2" });
    expect(answers).toEqual([{ kind: "authorize", channel: "a", token: "t2", turn: 0 }]);
    expect(asked.on.has("a")).toBe(true);
    const [renewed, joined] = authorized(asked, [yes(300)]);
    expect(joined).toEqual([{ kind: "join", channel: "a", position: undefined }]);
    expect(renewed.endsAt).toBe(300);
    expect(endGrants(renewed, 100)[1]).toEqual([]);
  });

  it("may be renewed where no more subscriptions are allowed", () => {
    const full = granted("v", 300, "c", granted("u", 200, "b", granted("t", 100)));
    expect(ask(full, { channel: "a", token: "t2" })[1]).toMatchObject([{ kind: "authorize" }]);
    expect(ask(full, { channel: "d" })[1]).toMatchObject([{ verdict: { error: { code: "gateway.limit" } } }]);
  });

  it("whose successor is refused is over", () => {
    const [, answers] = authorized(ask(granted("t", 100), { channel: "a", token: "bad" })[0], [no]);
    expect(answers).toMatchObject([{ kind: "leave" }, { verdict: { channel: "a", verdict: "refused" } }]);
  });

  it("that ends before its successor is decided is ended, and the answer means nothing", () => {
    const [asked] = ask(granted("t", 100), { channel: "a", token: "t2" });
    const [over, answers] = endGrants(asked, 100);
    expect(answers).toEqual(ended("a"));
    expect(authorized(over, [yes(300)])[1]).toEqual([]);
  });

  it("needs no second look when the client asks again with the same, or with none", () => {
    const streams = granted("t", 100);
    for (const request of [{ channel: "a" }, { channel: "a", token: "t" }])
      expect(ask(streams, request)[1]).toEqual([{ kind: "join", channel: "a", position: undefined }]);
  });
});

describe("another permission while one is looked at", () => {
  it("has its turn when that is decided, and its answer alone counts", () => {
    const [asked, none] = ask(ask(noStreams, { channel: "a" })[0], { channel: "a", token: "t" });
    expect(none).toEqual([]);
    const [again, answers] = authorized(asked, [no]);
    expect(answers).toEqual([{ kind: "authorize", channel: "a", token: "t", turn: 0 }]);
    const [on, joined] = authorized(again, [yes(100)]);
    expect(joined).toMatchObject([{ kind: "join" }]);
    expect(on).toMatchObject({ waiting: null, undecided: null, endsAt: 100 });
  });

  it("that was asked for after leaving is not let in by the answer to the one before", () => {
    const [left] = leave(ask(noStreams, { channel: "a", token: "good" })[0], ["a"]);
    const [asked] = ask(left, { channel: "a", token: "bad" });
    const [again, answers] = authorized(asked, [yes(100)]);
    expect(answers).toEqual([{ kind: "authorize", channel: "a", token: "bad", turn: 0 }]);
    expect(again.on.size).toBe(0);
  });
});

describe("what gateway code takes off", () => {
  it("is not given back by what the authorizer was asked before: whoever asks again has it asked anew", () => {
    const [asked] = ask(noStreams, { channel: "a" });
    const waiting = takeOff(asked, ["a"]);
    expect(waiting[1]).toMatchObject([{ verdict: { channel: "a", verdict: "refused" } }]);
    expect(authorized(waiting[0], [yes(300)])[1]).toEqual([]);
    const again = ask(waiting[0], { channel: "a" });
    expect(again[1]).toEqual([]);
    const late = authorized(again[0], [yes(300)]);
    expect(late[1]).toEqual([{ kind: "authorize", channel: "a", token: undefined, turn: 0 }]);
    expect(authorized(late[0], [no])[1]).toMatchObject([{ verdict: { verdict: "refused" } }]);
    expect(authorized(late[0], [yes(300)])[0].on.has("a")).toBe(true);
  });

  it("nor by what it was asked about anew, nor after its client had left", () => {
    const [checked] = recheck(granted("t", Infinity));
    const [off, answers] = takeOff(checked, ["a"]);
    expect(answers).toEqual(ended("a"));
    const [left] = leave(ask(noStreams, { channel: "a", token: "t" })[0], ["a"]);
    for (const [streams, turn] of [
      [off, 1],
      [takeOff(left, ["a"])[0], 0],
    ] as const) {
      const [again] = ask(streams, { channel: "a", token: "t" });
      expect(authorized(again, [{ ...yes(300), turn }])[1]).toMatchObject([{ kind: "authorize", token: "t" }]);
    }
  });
});
