import fc from "fast-check";
import type { Position } from "@trunkline/core/wire";
import { describe, expect, it } from "vitest";
import type { Admitted } from "./admission.ts";
import { type Principal, ownChannels } from "./auth/principal.ts";
import { openSession, step } from "./session.ts";
import type { SessionConfig, SessionEffect, SessionInput, SessionState, SessionStep } from "./session-state.ts";
import { sessionConfig as config } from "../../../test/support/session-config.ts";

const principal: Principal = { kind: "secret", account: "acme", keyId: "0" };
const user: Principal = { kind: "user", account: "acme", id: "u" };
const v1: Admitted = { kind: "admitted", dialect: "v1", principal: null };
const plain: Admitted = { kind: "admitted", dialect: "plain", principal };
const raw: Admitted = { ...plain, dialect: "raw", only: { channel: "account.acme" } };
const position: Position = { epoch: "e", offset: 3, tag: "t" };

/** On the way in, the sources name at once what is the principal's own; it is left out of the effects. */
function grantOwn([state, effects]: SessionStep, settings: SessionConfig): SessionStep {
  const grant = effects.find((effect) => effect.kind === "grant");
  if (grant === undefined || grant.turn > 0) return [state, effects];
  const channels = new Map(ownChannels(grant.principal).map((channel) => [channel, undefined]));
  const [next, more] = step(state, { kind: "granted", turn: 0, channels }, settings);
  return [next, [...effects.filter((effect) => effect !== grant), ...more]];
}

/** Plays inputs; the effects of each are kept apart. */
function play(
  admitted: Admitted,
  inputs: readonly SessionInput[],
  settings = config,
): { state: SessionState; effects: SessionEffect[][] } {
  const [first, opening] = grantOwn(openSession(admitted, 0, settings), settings);
  let state = first;
  const effects = [[...opening]];
  for (const input of inputs) {
    const [next, more] = grantOwn(step(state, input, settings), settings);
    state = next;
    effects.push([...more]);
  }
  return { state, effects };
}

const text = (message: unknown, now = 0): SessionInput => ({ kind: "text", text: JSON.stringify(message), now });
const hello = (streams: readonly object[] = []): SessionInput =>
  text({ type: "hello", instance: "i", token: "k", streams });
const authenticated: SessionInput = { kind: "authenticated", principal, endsAt: Infinity, now: 0 };
const announced: SessionInput = { kind: "announced" };
const authorized = (...answers: readonly (readonly [channel: string, allowed: boolean])[]): SessionInput => ({
  kind: "authorized",
  answers: answers.map(([name, allowed]) => ({ channel: name, allowed, turn: 0 })),
});
const prepared = (...channels: string[]): SessionInput => ({
  kind: "prepared",
  verdicts: channels.map((channel) => ({ channel, verdict: "fresh", position })),
  connection: "id",
  spreadMs: 5,
  now: 0,
});
const entry = [hello(), authenticated, announced, prepared("account.acme")];
const kinds = (effects: readonly SessionEffect[] | undefined): string[] => (effects ?? []).map(({ kind }) => kind);

describe("the way in", () => {
  it("§2.3 authenticates, shows the connection, asks, prepares, and only then says connected", () => {
    const { effects } = play(v1, [
      hello([{ channel: "a", position }, { channel: "b" }]),
      authenticated,
      announced,
      authorized(["b", false]),
      authorized(["a", true]),
      prepared("account.acme", "a"),
    ]);
    expect(effects.slice(0, 6)).toEqual([
      [],
      [{ kind: "authenticate", token: "k" }],
      [{ kind: "announce", link: null }],
      [
        { kind: "authorize", channel: "a", turn: 0 },
        { kind: "authorize", channel: "b", turn: 0 },
      ],
      [],
      [{ kind: "prepare", streams: [{ channel: "account.acme" }, { channel: "a", position }] }],
    ]);
    expect(effects[6]).toMatchObject([
      { kind: "refused", code: "gateway.forbidden" },
      {
        kind: "send",
        frame: {
          type: "connected",
          connection: "id",
          spreadMs: 5,
          streams: [
            { channel: "a", verdict: "fresh" },
            { channel: "b", verdict: "refused", error: { code: "gateway.forbidden" } },
            { channel: "account.acme", verdict: "fresh" },
          ],
        },
      },
      { kind: "start" },
    ]);
  });

  it("§2.2 who came with a header needs no token", () => {
    const { effects } = play({ ...v1, principal } as Admitted, [hello()]);
    expect(effects[1]).toEqual([{ kind: "announce", link: null }]);
  });

  it("§10.1 the plain dialect starts behind hello, and a refusal is an error and 4401", () => {
    expect(play(plain, []).effects[0]).toEqual([{ kind: "announce", link: null }]);
    const error = { code: "gateway.forbidden", message: "no" };
    expect(play({ kind: "turned-away", dialect: "plain", error }, []).effects[0]).toMatchObject([
      { kind: "refused" },
      { kind: "send", frame: { type: "error", message: "no" } },
      { kind: "close", code: 4401 },
      { kind: "end" },
    ]);
  });

  it("R-13 who can't be told apart because the gateway failed is closed with 1011, without an `error` that meant never", () => {
    const error = { code: "gateway.internal", message: "m" };
    const { effects } = play(v1, [hello(), { kind: "rejected", status: 500, error }]);
    expect(effects[2]).toEqual([
      { kind: "refused", code: error.code },
      { kind: "close", code: 1011, reason: "m" },
      { kind: "end" },
    ]);
  });

  it("a user is on the channels it was granted, and on no other", () => {
    const user: Principal = { kind: "user", account: "acme", id: "u", channels: ["a", "b"] };
    const { effects } = play(v1, [hello(), { ...authenticated, principal: user }, announced]);
    expect(effects[3]).toEqual([{ kind: "prepare", streams: [{ channel: "a" }, { channel: "b" }] }]);
  });

  it("§2.5 a rejected token is 4401, a forbidden one 4403", () => {
    const error = { code: "gateway.unauthorized", message: "no" };
    for (const [status, code] of [
      [401, 4401],
      [403, 4403],
    ] as const) {
      const { effects } = play(v1, [hello(), { kind: "rejected", status, error }]);
      expect(effects[2]).toContainEqual({ kind: "close", code, reason: "no" });
    }
  });

  it("§2.3 a hello over 64 KiB is 1009", () => {
    const { effects } = play(v1, [text({ type: "hello", instance: "é".repeat(33_000) })]);
    expect(effects[1]).toContainEqual(expect.objectContaining({ kind: "close", code: 1009 }));
  });

  it("messages behind hello wait for connected and are answered in order", () => {
    const [say, ...rest] = entry as [SessionInput, ...SessionInput[]];
    const { effects } = play(v1, [say, text([{ type: "ping", id: 1 }, { type: "nope" }, 7]), ...rest]);
    expect(effects[2]).toMatchObject([{ kind: "send", frame: { code: "peer.bad-frame" } }]);
    expect(effects.at(-1)?.map((effect) => (effect.kind === "send" ? effect.frame.type : effect.kind))).toEqual([
      "connected",
      "start",
      "pong",
      "error",
    ]);
    const flood = play(v1, [say, ...Array.from({ length: 101 }, () => text({ type: "ping" }))]);
    expect(flood.effects.at(-1)).toContainEqual(expect.objectContaining({ kind: "close", code: 4400 }));
  });

  it("§9 what waits behind hello is bounded, in messages and in characters: nobody knows yet who it is", () => {
    const ends = (inputs: readonly SessionInput[]) => play(v1, [hello(), ...inputs]).state.phase;
    const pings = (count: number) => Array.from({ length: count }, (_, id) => text({ type: "ping", id }));
    expect([ends(pings(100)), ends(pings(101))]).toEqual(["entering", "closed"]);
    const long = (characters: number) => text({ type: "ping", x: "x".repeat(characters - 22) });
    expect([ends([long(65_536)]), ends([long(65_537)])]).toEqual(["entering", "closed"]);
    expect(ends([long(32_768), long(32_768)])).toBe("entering");
    expect(ends([long(32_768), long(32_768), text({ type: "ping" })])).toBe("closed");
  });

  it("what gateway code does on the way in is part of connected, or joined right behind it", () => {
    const { effects } = play(v1, [
      hello([{ channel: "late", position }]),
      authenticated,
      { kind: "subscribe", channel: "early" },
      announced,
      authorized(["late", false]),
      { kind: "subscribe", channel: "late" },
      { kind: "unsubscribe", channel: "early" },
      prepared("account.acme"),
    ]);
    expect(effects[5]).toEqual([{ kind: "prepare", streams: [{ channel: "account.acme" }, { channel: "early" }] }]);
    expect(effects[7]).toEqual([{ kind: "leave", channel: "early" }]);
    expect(effects[8]?.slice(2)).toEqual([{ kind: "start" }, { kind: "join", channel: "late", position }]);
  });

  it("the same stream named twice in hello is one stream", () => {
    const { effects } = play(v1, [hello([{ channel: "a" }, { channel: "a", position }]), authenticated, announced]);
    expect(effects[3]).toEqual([{ kind: "authorize", channel: "a", turn: 0 }]);
  });
});

describe("an open connection", () => {
  it("§3.4 ping is answered with its id; unsubscribe is silent", () => {
    const { effects } = play(v1, [
      ...entry,
      text({ type: "ping", id: 9 }),
      text({ type: "unsubscribe", channels: ["account.acme", "x"] }),
    ]);
    expect(effects[5]).toEqual([{ kind: "send", frame: { type: "pong", id: 9 } }]);
    expect(effects[6]).toEqual([{ kind: "leave", channel: "account.acme" }]);
  });

  it("§3.2 more than 20 bad messages are 4400, counted over frames", () => {
    const bad = Array.from({ length: 21 }, () => text(7));
    const { effects, state } = play(v1, [...entry, ...bad]);
    expect(effects.slice(5, 25).every((each) => kinds(each).join() === "send")).toBe(true);
    expect(effects[25]).toContainEqual(expect.objectContaining({ kind: "close", code: 4400 }));
    expect(state).toEqual({ phase: "closed" });
    const inOne = play(v1, [...entry, text(Array.from({ length: 30 }, () => ({})))]);
    expect(kinds(inOne.effects[5])).toEqual([
      ...Array.from({ length: 20 }, () => "send"),
      "refused",
      "send",
      "close",
      "end",
    ]);
  });

  it("§3.2 an empty array and a text that is not JSON are one bad message each, and quote nothing", () => {
    const { effects } = play(v1, [...entry, text([]), { kind: "text", text: "{sk_secret", now: 0 }]);
    expect(effects[5]).toMatchObject([{ frame: { code: "peer.bad-frame" } }]);
    expect(JSON.stringify(effects[6])).not.toContain("sk_secret");
  });

  it("§9 the bucket fills with time and closes with 4429 when it is empty", () => {
    const pings = (count: number, now: number): SessionInput =>
      text(
        Array.from({ length: count }, () => ({ type: "ping" })),
        now,
      );
    const { effects } = play(v1, [...entry, pings(199, 0), pings(100, 1000), pings(100, 1500)]);
    expect(effects[5]).toHaveLength(199);
    expect(effects[6]).toHaveLength(100);
    expect(effects[7]).toContainEqual(expect.objectContaining({ kind: "close", code: 4429 }));
  });

  it("§5.3 subscribe asks the authorizer, within the limit; §5.6 again is answered again", () => {
    const subscribe = (...streams: object[]): SessionInput => text({ type: "subscribe", streams });
    const { effects } = play(v1, [
      ...entry,
      subscribe({ channel: "a", position }, { channel: "b" }, { channel: "c" }),
      authorized(["a", true]),
      authorized(["a", true]),
      authorized(["b", false]),
      subscribe({ channel: "a" }),
    ]);
    expect(effects[5]).toMatchObject([
      { kind: "authorize", channel: "a", turn: 0 },
      { kind: "authorize", channel: "b", turn: 0 },
      { kind: "refused", code: "gateway.limit" },
      { kind: "send", frame: { type: "verdict", streams: [{ channel: "c", verdict: "refused" }] } },
    ]);
    expect(effects[6]).toEqual([{ kind: "join", channel: "a", position }]);
    expect(effects[7]).toEqual([]);
    expect(effects[8]).toMatchObject([
      { kind: "refused" },
      { frame: { streams: [{ channel: "b", verdict: "refused" }] } },
    ]);
    expect(effects[9]).toEqual([{ kind: "join", channel: "a", position: undefined }]);
  });

  it("§5.6 a channel named twice in one subscribe is answered once, from the last position", () => {
    const again = { channel: "account.acme", position };
    const { effects } = play(v1, [
      ...entry,
      text({ type: "subscribe", streams: [{ channel: "account.acme" }, { channel: "*" }, again, { channel: "*" }] }),
    ]);
    expect(kinds(effects[5])).toEqual(["join", "refused", "send"]);
    expect(effects[5]?.[0]).toEqual({ kind: "join", ...again });
  });

  it("an authorizer that takes its time is asked about no more channels at once than there may be subscriptions", () => {
    const rounds = Array.from({ length: 50 }, (_, index) => [
      text({ type: "subscribe", streams: [{ channel: "a" }, { channel: `c${index}` }] }),
      text({ type: "unsubscribe", channels: ["a", `c${index}`] }),
    ]).flat();
    const { state, effects } = play(v1, [...entry, ...rounds]);
    expect(effects.flat().filter(({ kind }) => kind === "authorize")).toHaveLength(2);
    // Its answers make room again, and the one on its way serves the next who asks.
    const [next] = step(state, text({ type: "subscribe", streams: [{ channel: "a", position }] }), config);
    const [on, joined] = step(next, authorized(["a", true]), config);
    expect(joined).toEqual([{ kind: "join", channel: "a", position }]);
    const [after] = step(on, authorized(["c0", true]), config);
    const [, asked] = step(after, text({ type: "subscribe", streams: [{ channel: "c9" }] }), config);
    expect(asked).toEqual([{ kind: "authorize", channel: "c9", turn: 0 }]);
  });

  it("§5.5 who asks again while the authorizer decides is served by the answer under way, also at the limit", () => {
    const again = text({ type: "subscribe", streams: [{ channel: "a", position }, { channel: "b" }] });
    const { effects } = play(v1, [
      ...entry,
      again,
      ...Array.from({ length: 50 }, () => again),
      authorized(["a", true]),
    ]);
    expect(effects[5]).toEqual([
      { kind: "authorize", channel: "a", turn: 0 },
      { kind: "authorize", channel: "b", turn: 0 },
    ]);
    expect(effects.slice(6).flat()).toEqual([{ kind: "join", channel: "a", position }]);
  });

  it("an answer for a channel that was left meanwhile means nothing", () => {
    const { effects } = play(v1, [
      ...entry,
      text({ type: "subscribe", streams: [{ channel: "a" }] }),
      text({ type: "unsubscribe", channels: ["a"] }),
      authorized(["a", true]),
    ]);
    expect(effects.slice(6)).toEqual([[], []]);
  });

  it("§5.4 an offered position is taken up once", () => {
    const { effects } = play(v1, [
      hello([{ channel: "a", position }]),
      authenticated,
      announced,
      authorized(["a", false]),
      prepared("account.acme"),
      { kind: "subscribe", channel: "a" },
      { kind: "unsubscribe", channel: "a" },
      { kind: "subscribe", channel: "a" },
    ]);
    expect(effects[6]).toEqual([{ kind: "join", channel: "a", position }]);
    expect(effects[7]).toMatchObject([{ kind: "leave" }, { frame: { streams: [{ channel: "a", verdict: "ended" }] } }]);
    expect(effects[8]).toEqual([{ kind: "join", channel: "a", position: undefined }]);
  });

  it("§4.3 two unanswered pings end it; anything heard starts over; a long sleep is no offence", () => {
    const sweep = (now: number): SessionInput => ({ kind: "sweep", now, spreadMs: 1 });
    const { effects } = play(v1, [
      ...entry,
      sweep(24_999),
      sweep(25_000),
      text({ type: "pong" }, 25_001),
      sweep(9_000_000),
      sweep(9_025_000),
      sweep(9_050_000),
    ]);
    expect(effects.slice(5).map((each) => kinds(each).join())).toEqual(["", "send", "", "send", "send", "close,end"]);
    expect(effects.at(-1)?.[0]).toMatchObject({ code: 4408 });
  });

  it("§4.2 ping says where quiet streams are, and nothing when none is", () => {
    const quiet = [{ channel: "a", offset: 3, tag: "t" }];
    const { effects } = play(v1, [
      ...entry,
      { kind: "sweep", now: 25_000, spreadMs: 1, quiet },
      { kind: "sweep", now: 50_000, spreadMs: 1, quiet: [] },
    ]);
    expect(effects[5]).toEqual([{ kind: "send", frame: { type: "ping", positions: quiet, spreadMs: 1 } }]);
    expect(effects[6]).toEqual([{ kind: "send", frame: { type: "ping", spreadMs: 1 } }]);
  });

  it("§2.3 the greeting has an end, and so has the way in behind it", () => {
    const late: SessionInput = { kind: "sweep", now: 10_000, spreadMs: 0 };
    const { effects } = play(v1, [late]);
    expect(effects[1]).toContainEqual(expect.objectContaining({ kind: "close", code: 4408 }));
    // A fatal `error` would tell the client never to return.
    expect(kinds(effects[1] ?? [])).not.toContain("send");
    // Nobody could say in time who it is.
    const unknown = play(v1, [hello(), late]).effects[2] ?? [];
    expect(unknown).toContainEqual(expect.objectContaining({ kind: "close", code: 4408 }));
    expect(kinds(unknown)).not.toContain("send");
    expect(play(v1, [hello(), authenticated, late]).effects[3]).toContainEqual(
      expect.objectContaining({ kind: "close", code: 1013 }),
    );
  });

  it("§7.4 drain is told once, and all else goes on", () => {
    const drain: SessionInput = { kind: "drain", spreadMs: 7 };
    const { effects } = play(v1, [...entry, drain, drain, text({ type: "ping" })]);
    expect(effects.slice(5)).toEqual([
      [{ kind: "send", frame: { type: "drain", spreadMs: 7 } }],
      [],
      [{ kind: "send", frame: { type: "pong" } }],
    ]);
  });

  it("§8.5 a publish is handed on without fields that are not ours, and answered when it is done", () => {
    const request = { event: "e", data: null, channel: "c", key: "k", id: "i", meta: {} };
    const answer = { type: "published", ref: 7, stream: "c", offset: 1, epoch: "x" } as const;
    const { effects } = play(v1, [
      ...entry,
      text({ type: "publish", ref: 7, ...request, retryMs: 5, toString: 1 }),
      { kind: "drain", spreadMs: 0 },
      { kind: "answered", answer },
      text({ type: "publish", ref: 8, event: "e" }),
    ]);
    expect(effects[5]).toEqual([{ kind: "publish", ref: 7, request, retryMs: 5 }]);
    expect(effects[7]).toEqual([{ kind: "send", frame: answer }]);
    expect(effects[8]).toEqual([{ kind: "publish", ref: 8, request: { event: "e" }, retryMs: undefined }]);
  });

  it("§8.5 too many unanswered publishes are refused one by one, until there are answers again", () => {
    const publish = (ref: number): SessionInput => text({ type: "publish", ref, event: "e" });
    const answer = { type: "published", ref: 1, error: { code: "c", message: "m" } } as const;
    const { effects } = play(v1, [
      ...entry,
      publish(1),
      publish(2),
      publish(3),
      { kind: "answered", answer },
      publish(4),
    ]);
    expect(effects[7]).toMatchObject([
      { kind: "refused", code: "gateway.limit" },
      { kind: "send", frame: { type: "published", ref: 3, error: { code: "gateway.limit" } } },
    ]);
    expect(kinds(effects[9])).toEqual(["publish"]);
  });

  it("§3.4 a publish without a number or a name is a bad message, and an answer after the end means nothing", () => {
    const answer = { type: "published", ref: 1 } as const;
    const { effects } = play(v1, [
      ...entry,
      text({ type: "publish", event: "e" }),
      text({ type: "publish", ref: 1, event: 7 }),
      text({ type: "publish", ref: 1, event: "e" }),
      { kind: "gone" },
      { kind: "answered", answer },
    ]);
    expect(effects[5]).toMatchObject([{ frame: { code: "peer.bad-frame" } }]);
    expect(effects[6]).toMatchObject([{ frame: { code: "peer.bad-frame" } }]);
    expect(effects[9]).toEqual([]);
  });

  it("§7.6 hello says which link of the client it is; a newer one ends it, unless it was asked to leave by itself", () => {
    const [, ...rest] = entry;
    const newer: SessionInput = { kind: "superseded" };
    const numbered = text({ type: "hello", instance: "i", generation: 3, token: "k" });
    const { effects } = play(v1, [numbered, ...rest, newer]);
    expect(effects[2]).toEqual([{ kind: "announce", link: { instance: "i", generation: 3 } }]);
    const drained = play(v1, [numbered, ...rest, { kind: "drain", spreadMs: 1 }, newer]);
    expect(drained.effects.at(-1)).toEqual([]);
    expect(drained.state.phase).toBe("draining");
    for (const last of [effects.at(-1), play(v1, [numbered, authenticated, newer]).effects.at(-1)]) {
      expect(last).toMatchObject([
        { kind: "refused", code: "gateway.superseded" },
        { kind: "send", frame: { type: "error", code: "gateway.superseded", fatal: true } },
        { kind: "close", code: 4409 },
        { kind: "end" },
      ]);
    }
  });

  it("§10.3 a plain client may say pong; the app hears all else, and it is answered an error, or as a request that nobody handles", () => {
    const enter = [announced, prepared("account.acme")];
    const words = (said: string): SessionInput => ({ kind: "text", text: said, now: 0 });
    const { effects } = play(plain, [...enter, words("pong"), words("hi"), text({ id: "7", action: "go", more: 1 })]);
    expect(effects.slice(3)).toMatchObject([
      [],
      [
        { kind: "incoming", data: "hi" },
        { kind: "send", frame: { type: "error" } },
      ],
      [
        { kind: "incoming", data: '{"id":"7","action":"go","more":1}' },
        { kind: "refused", code: "gateway.unknown-method" },
        { kind: "send", frame: { type: "reply", ref: "7", status: 404 } },
      ],
    ]);
    // What is no request, or can't be answered by its id.
    const others = [{ id: 1 }, { action: "go" }, { id: {}, action: "go" }, { id: 1, action: 2 }, null, 7].map((each) =>
      text(each),
    );
    for (const answered of play(plain, [...enter, ...others]).effects.slice(3))
      expect(answered).toMatchObject([{ kind: "incoming" }, { kind: "send", frame: { type: "error" } }]);
  });

  it("§10.3 requests that nobody handles are no bad messages, other text is", () => {
    const enter = [announced, prepared("account.acme")];
    const requests = Array.from({ length: 30 }, (_, id) => text({ id, action: "go" }));
    expect(play(plain, [...enter, ...requests]).state.phase).toBe("open");
    const others = Array.from({ length: 21 }, () => text({ type: "ping" }));
    expect(play(plain, [...enter, ...others]).state.phase).toBe("closed");
  });

  it("§3.8 a call is the app's to hear, and is answered that nobody handles it, also as one of many", () => {
    const call = { type: "call", ref: 3, method: "post.create", data: { title: "x" } };
    const { effects } = play(v1, [...entry, text([call, { type: "ping" }])]);
    expect(effects.at(-1)).toMatchObject([
      { kind: "incoming", data: call },
      { kind: "refused", code: "gateway.unknown-method" },
      { kind: "send", frame: { type: "reply", ref: 3, status: 404, error: { code: "gateway.unknown-method" } } },
      { kind: "send", frame: { type: "pong" } },
    ]);
  });
});

describe("a raw link", () => {
  const own: Admitted = { kind: "admitted", dialect: "raw", principal, only: { channel: "account.acme" } };
  const room: Admitted = { ...own, only: { channel: "room" } };
  const words = (said: string): SessionInput => ({ kind: "text", text: said, now: 0 });

  it("§16.2 is on the one channel of its path, its own or one that it may have, and on no other", () => {
    const { effects } = play(own, [{ kind: "subscribe", channel: "news" }, announced]);
    expect(effects.at(-1)).toEqual([{ kind: "prepare", streams: [{ channel: "account.acme" }] }]);
    const asked = play(room, [announced, authorized(["room", true])]);
    expect(asked.effects.at(-2)).toEqual([{ kind: "authorize", channel: "room", turn: 0 }]);
    expect(asked.effects.at(-1)).toEqual([{ kind: "prepare", streams: [{ channel: "room" }] }]);
  });

  it("§16.2 ends with 4403 when it may not have it, or has to leave it", () => {
    const no = play(room, [announced, authorized(["room", false])]);
    const nobodyToAsk = play(room, [announced], { ...config, canSubscribe: false });
    const takenOff = play(own, [announced, prepared("account.acme"), { kind: "unsubscribe", channel: "account.acme" }]);
    for (const { state, effects } of [no, nobodyToAsk, takenOff]) {
      expect(state.phase).toBe("closed");
      expect(effects.at(-1)).toMatchObject([{ kind: "refused" }, { kind: "send" }, { kind: "close", code: 4403 }, {}]);
    }
  });

  it("R-06 §16.4 has no words: whatever comes is data, and the app's", () => {
    const said = ["ping", "pong", "", "{", '{"type":"hello"}', '{"id":1,"action":"x"}', "unsubscribe", "exit"];
    const { effects } = play(own, [announced, prepared("account.acme"), ...said.map(words)]);
    expect(effects.slice(3)).toEqual(said.map((data) => [{ kind: "incoming", data }]));
  });

  it("§16.5 is gone when two pings were answered by neither a pong nor a word", () => {
    const sweep = (count: number): SessionInput => ({ kind: "sweep", now: count * 25_000, spreadMs: 0 });
    const enter = [announced, prepared("account.acme")];
    const silent = play(own, [...enter, sweep(1), sweep(2), sweep(3)]);
    expect(silent.effects.at(-1)).toMatchObject([{ kind: "close", code: 4408 }, { kind: "end" }]);
    for (const sign of [{ kind: "pong" } as const, words("x")]) {
      const { state } = play(own, [...enter, sweep(1), sweep(2), sign, sweep(3), sweep(4), sign, sweep(5)]);
      expect(state.phase).toBe("open");
    }
  });
});

describe("any input in any order", () => {
  const channel = fc.constantFrom("a", "b", "account.acme", "*", "");
  const streams = fc.array(fc.record({ channel }, { requiredKeys: ["channel"] }), { maxLength: 4 });
  const message = fc.oneof(
    fc.record({ type: fc.constant("hello"), instance: fc.constant("i"), streams }),
    fc.record({ type: fc.constant("subscribe"), streams }),
    fc.record({ type: fc.constant("unsubscribe"), channels: fc.array(channel, { maxLength: 3 }) }),
    fc.record({ type: fc.constantFrom("ping", "pong", "other") }),
    fc.record({ type: fc.constant("publish"), ref: fc.nat(), event: fc.string() }),
    fc.record({ type: fc.constant("auth"), token: fc.string() }),
    fc.jsonValue(),
  );
  const now = fc.integer({ min: 0, max: 60_000 });
  const input: fc.Arbitrary<SessionInput> = fc.oneof(
    fc.record({
      kind: fc.constant("text" as const),
      text: fc.oneof(
        message.map((value) => JSON.stringify(value)),
        fc.array(message, { maxLength: 5 }).map((value) => JSON.stringify(value)),
        fc.string(),
      ),
      now,
    }),
    fc.constantFrom<SessionInput>(
      { kind: "binary" },
      { kind: "gone" },
      announced,
      authenticated,
      { kind: "close", code: 4000, reason: "" },
      { kind: "drain", spreadMs: 1 },
      { kind: "superseded" },
    ),
    fc.record({
      kind: fc.constant("rejected" as const),
      status: fc.constantFrom(401 as const, 403 as const),
      error: fc.constant({ code: "c", message: "m" }),
    }),
    fc.array(fc.tuple(channel, fc.boolean()), { maxLength: 3 }).map((answers) => authorized(...answers)),
    fc.record({
      kind: fc.constant("authenticated" as const),
      principal: fc.constantFrom<Principal>(principal, user, { ...user, id: "other" }),
      endsAt: now,
      now,
    }),
    fc.record({ kind: fc.constantFrom("subscribe" as const, "unsubscribe" as const), channel }),
    fc.record({ kind: fc.constant("pong" as const) }),
    fc.record({ kind: fc.constant("sweep" as const), now, spreadMs: fc.constant(0) }),
    fc.array(channel, { maxLength: 3 }).map((channels) => prepared(...channels)),
    fc.constantFrom(...entry),
  );

  it("never throws, sends nothing but error before connected, ends once and last", () => {
    fc.assert(
      fc.property(fc.constantFrom(v1, plain, raw), fc.array(input, { maxLength: 60 }), (admitted, inputs) => {
        const { state, effects } = play(admitted, inputs);
        const all = effects.flat();
        const sent = all.flatMap((effect) => (effect.kind === "send" ? [effect.frame.type] : []));
        const connected = sent.indexOf("connected");
        const early = connected === -1 ? sent : sent.slice(0, connected);
        expect(early.filter((type) => type !== "error")).toEqual([]);
        expect(sent.filter((type) => type === "connected").length).toBeLessThanOrEqual(1);
        const ends = all.filter(({ kind }) => kind === "end");
        expect(ends).toHaveLength(state.phase === "closed" ? 1 : 0);
        if (state.phase === "closed") expect(all.at(-1)?.kind).toBe("end");
        // Streams flow only once the client knows of them.
        const first = all.findIndex(({ kind }) => kind === "start" || kind === "join");
        if (first !== -1) expect(connected).not.toBe(-1);
        expect(all.filter(({ kind }) => kind === "close").length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 3000 },
    );
  });
});

it("the authorizer's answers come to the same together as one by one", () => {
  const name = fc.constantFrom("a", "b", "c", "d");
  const before = fc.oneof(
    fc
      .array(name, { maxLength: 4 })
      .map((names) => text({ type: "subscribe", streams: names.map((channel) => ({ channel })) })),
    fc.array(name, { maxLength: 2 }).map((channels) => text({ type: "unsubscribe", channels })),
    fc.record({ kind: fc.constantFrom("subscribe" as const, "unsubscribe" as const), channel: name }),
  );
  const opening = fc.constantFrom(entry, [
    hello([{ channel: "a", position }, { channel: "b" }]),
    authenticated,
    announced,
  ]);
  fc.assert(
    fc.property(
      opening,
      fc.array(before, { maxLength: 6 }),
      fc.array(fc.tuple(name, fc.boolean()), { maxLength: 8 }),
      (way, inputs, answers) => {
        const { state } = play(v1, [...way, ...inputs]);
        const [together, effects] = step(state, authorized(...answers), config);
        let alone = state;
        const one: SessionEffect[] = [];
        for (const answer of answers) {
          const [next, more] = step(alone, authorized(answer), config);
          alone = next;
          one.push(...more);
        }
        expect([together, effects]).toEqual([alone, one]);
      },
    ),
    { numRuns: 2000 },
  );
});

describe("an event stream", () => {
  const own: Admitted = { ...plain, eventStream: { only: { channel: "account.acme", position } } };
  const other: Admitted = { ...plain, eventStream: { only: { channel: "room" } } };

  it("§11.1 is on its one channel from the position it names, and on no other", () => {
    const { effects } = play(own, [{ kind: "subscribe", channel: "news" }, announced]);
    expect(effects.at(-1)).toEqual([{ kind: "prepare", streams: [{ channel: "account.acme", position }] }]);
    const later = play(own, [announced, prepared("account.acme"), { kind: "subscribe", channel: "news" }]);
    expect(later.effects.at(-1)).toEqual([]);
  });

  it("§11.1 asks for a channel that is not its own, and ends with 4403 when it may not have it", () => {
    const asked = play(other, [announced]);
    expect(asked.effects.at(-1)).toEqual([{ kind: "authorize", channel: "room", turn: 0 }]);
    const yes = play(other, [announced, authorized(["room", true])]);
    expect(yes.effects.at(-1)).toEqual([{ kind: "prepare", streams: [{ channel: "room" }] }]);
    const no = play(other, [announced, authorized(["room", false])]);
    const nobodyToAsk = play(other, [announced], { ...config, canSubscribe: false });
    const takenOff = play(own, [announced, prepared("account.acme"), { kind: "unsubscribe", channel: "account.acme" }]);
    for (const { state, effects } of [no, nobodyToAsk, takenOff]) {
      expect(state.phase).toBe("closed");
      expect(effects.at(-1)).toMatchObject([
        { kind: "refused", code: "gateway.forbidden" },
        { kind: "send" },
        { kind: "close", code: 4403 },
        { kind: "end" },
      ]);
    }
  });

  it("§11.1 gateway code that puts it on the channel it asks for is as good as an authorizer", () => {
    const { effects } = play(other, [{ kind: "subscribe", channel: "room" }, announced]);
    expect(effects.at(-1)).toEqual([{ kind: "prepare", streams: [{ channel: "room" }] }]);
  });

  it("§11.3 owes no pong, in either dialect", () => {
    const sweeps = [1, 2, 3, 4].map((count) => ({ kind: "sweep" as const, now: count * 25_000, spreadMs: 0 }));
    for (const [admitted, way] of [
      [own, [announced, prepared("account.acme")]],
      [{ ...v1, eventStream: { only: null } }, entry],
    ] as const) {
      const { state, effects } = play(admitted, [...way, ...sweeps]);
      expect(state.phase).toBe("open");
      expect(effects.slice(-4).map(kinds)).toEqual([["send"], ["send"], ["send"], ["send"]]);
    }
  });
});
