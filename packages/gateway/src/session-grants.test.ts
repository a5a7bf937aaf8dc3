import { describe, expect, it } from "vitest";
import type { Admitted } from "./admission.ts";
import type { UserPrincipal } from "./auth/principal.ts";
import { openSession, step } from "./session.ts";
import type { RefusalStatus, SessionEffect, SessionInput, SessionState } from "./session-state.ts";
import { sessionConfig as config } from "../../../test/support/session-config.ts";

const ada: UserPrincipal = { kind: "user", account: "acme", id: "ada" };
const v1: Admitted = { kind: "admitted", dialect: "v1", principal: ada };
const position = { epoch: "e", offset: 3, tag: "t" };

const text = (message: object): SessionInput => ({ kind: "text", text: JSON.stringify(message), now: 0 });
const hello = (fields: object = {}): SessionInput => text({ type: "hello", instance: "i", ...fields });
const subscribe = (...channels: string[]): SessionInput =>
  text({ type: "subscribe", streams: channels.map((channel) => ({ channel })) });
const granted = (turn: number, ...channels: string[]): SessionInput => ({
  kind: "granted",
  turn,
  channels: new Map(channels.map((channel) => [channel, undefined])),
});
const denied = (turn: number, status: RefusalStatus = 403): SessionInput => ({
  kind: "denied",
  turn,
  status,
  error: { code: "gateway.forbidden", message: "no" },
});
const authorized = (turn: number, channel: string, allowed: boolean): SessionInput => ({
  kind: "authorized",
  answers: [{ channel, allowed, turn }],
});
const announced: SessionInput = { kind: "announced" };
const reauthorize: SessionInput = { kind: "reauthorize" };
const prepared: SessionInput = { kind: "prepared", verdicts: [], connection: "c", spreadMs: 0, now: 0 };
const up = (...channels: string[]): SessionInput[] => [hello(), granted(0, ...channels), announced, prepared];

function play(inputs: readonly SessionInput[], admitted = v1): { state: SessionState; last: readonly SessionEffect[] } {
  let [state, last] = openSession(admitted, 0, config);
  for (const input of inputs) [state, last] = step(state, input, config);
  return { state, last };
}
const channelsOf = (state: SessionState): string[] => (state.phase === "closed" ? [] : [...state.streams.on.keys()]);
const off = (channel: string): object[] => [
  { kind: "leave", channel },
  { kind: "send", frame: { type: "verdict", streams: [{ channel, verdict: "ended" }] } },
];

describe("§13.3 what goes along with a channel", () => {
  const watched = ["~members/a", "~count/a"] as const;
  const watching = (...channels: string[]): SessionInput[] => [
    ...up(...channels),
    subscribe(...watched),
    ...watched.map((channel) => authorized(0, channel, true)),
  ];
  const ended = [...off("a"), ...off("~members/a"), ...off("~count/a")];

  it("ends when gateway code takes the connection off the channel, also where its client had left it", () => {
    expect(play([...watching("a"), { kind: "unsubscribe", channel: "a" }]).last).toEqual(ended);
    const left = text({ type: "unsubscribe", channels: ["a"] });
    const { state, last } = play([...watching("a"), left, { kind: "unsubscribe", channel: "a" }]);
    expect(last).toEqual(ended.slice(2));
    expect(channelsOf(state)).toEqual([]);
  });

  it("ends when its sources name the channel no more, and stays when its client leaves it", () => {
    const { last } = play([...watching("a"), reauthorize, granted(1)]);
    expect(last).toEqual(ended);
    expect(channelsOf(play([...watching("a"), text({ type: "unsubscribe", channels: ["a"] })]).state)).toEqual(watched);
  });

  it("is not allowed by an answer that was given before", () => {
    const off: SessionInput = { kind: "unsubscribe", channel: "a" };
    const { state, last } = play([...up("a"), subscribe("~members/a"), off, authorized(0, "~members/a", true)]);
    expect([channelsOf(state), last]).toEqual([[], []]);
  });

  it("ends with the permission to listen, whether its client has left the channel or not", () => {
    const sweep: SessionInput = { kind: "sweep", now: 100, spreadMs: 0 };
    const permitted: SessionInput = {
      kind: "authorized",
      answers: [{ channel: "a", allowed: true, turn: 0, endsAt: 100 }],
    };
    const way = [...up("b"), subscribe("a"), permitted, subscribe("~members/a"), authorized(0, "~members/a", true)];
    expect(play([...way, sweep]).last).toEqual([...off("a"), ...off("~members/a")]);
    const left = play([...way, text({ type: "unsubscribe", channels: ["a"] }), sweep]);
    expect([left.last, channelsOf(left.state)]).toEqual([off("~members/a"), ["b"]]);
  });
});

describe("on the way in", () => {
  it("A-22 asks for scope and channels once it is known who it is, and shows the connection with its channels on", () => {
    const hint = "organization/5";
    expect(play([hello({ scope: hint })]).last).toEqual([{ kind: "grant", turn: 0, principal: ada, hint }]);
    const { state, last } = play([hello(), granted(0, "a", "b")]);
    expect(last).toEqual([{ kind: "announce", link: null }]);
    expect(channelsOf(state)).toEqual(["a", "b"]);
    expect(play([hello({ streams: [{ channel: "b", position }] }), granted(0, "a", "b"), announced]).last).toEqual([
      { kind: "prepare", streams: [{ channel: "a" }, { channel: "b", position }] },
    ]);
  });

  it.each([
    ["v1", 400, 4400],
    ["v1", 401, 4401],
    ["v1", 403, 4403],
    ["plain", 403, 4401],
    ["v1", 500, 1011],
    ["plain", 500, 1011],
  ] as const)("%s: what is denied with %i is closed with %i, before anybody sees it", (dialect, status, code) => {
    const { state, last } = play([...(dialect === "v1" ? [hello()] : []), denied(0, status)], { ...v1, dialect });
    expect(last).toContainEqual({ kind: "close", code, reason: "no" });
    expect(last.some(({ kind }) => kind === "send")).toBe(status !== 500);
    expect(state.phase).toBe("closed");
  });

  it("§11.1 an event stream that names no channel carries the first of its own, from its position on", () => {
    const stream = (only: object): Admitted => ({ ...v1, dialect: "plain", eventStream: { only } });
    const { state, last } = play([granted(0, "a", "b"), announced], stream({ position }));
    expect(last).toEqual([{ kind: "prepare", streams: [{ channel: "a", position }] }]);
    expect(channelsOf(state)).toEqual(["a"]);
    expect(play([granted(0)], stream({})).last).toContainEqual(
      expect.objectContaining({ kind: "close", code: 4400, reason: expect.stringMatching(/\?channel=NAME/) }),
    );
  });

  it("answers that come when nobody asks change nothing", () => {
    const { state } = play(up("a"));
    for (const input of [granted(7, "b"), denied(7), authorized(7, "a", false)])
      expect(step(state, input, config)).toEqual([state, []]);
    const announcing = play([hello(), granted(0, "a")]).state;
    for (const input of [granted(0, "b"), denied(0), reauthorize])
      expect(step(announcing, input, config)).toEqual([announcing, []]);
  });
});

describe("§2.9 reauthorize", () => {
  it("asks the sources about all, and the authorizer about what it had allowed and what waits for it", () => {
    const way = [...up("a"), subscribe("b", "c"), authorized(0, "b", true)];
    expect(play([...way, reauthorize]).last).toEqual([
      { kind: "grant", turn: 1, principal: ada },
      { kind: "authorize", channel: "c", turn: 1 },
      { kind: "authorize", channel: "b", turn: 1, again: true },
    ]);
  });

  it("shows the authorizer the permission that the client had brought, and takes the end that it names now", () => {
    const brought = text({ type: "subscribe", streams: [{ channel: "b", token: "T" }] });
    const yes = (turn: number, endsAt: number): SessionInput => ({
      kind: "authorized",
      answers: [{ channel: "b", allowed: true, turn, endsAt }],
    });
    const way = [...up("a"), brought, yes(0, 5000), reauthorize];
    expect(play(way).last).toContainEqual({ kind: "authorize", channel: "b", token: "T", turn: 1, again: true });
    const { state, last } = play([...way, yes(1, 900), { kind: "sweep", now: 900, spreadMs: 0 }]);
    expect(last).toEqual(off("b"));
    expect(channelsOf(state)).toEqual(["a"]);
  });

  it("a permission that ends leaves what a source names too", () => {
    const way = [...up("a"), subscribe("b")];
    const ending: SessionInput = {
      kind: "authorized",
      answers: [{ channel: "b", allowed: true, turn: 0, endsAt: 900 }],
    };
    const { state, last } = play([
      ...way,
      ending,
      reauthorize,
      granted(1, "a", "b"),
      { kind: "sweep", now: 900, spreadMs: 0 },
    ]);
    expect(last).toEqual([]);
    expect(channelsOf(state)).toEqual(["a", "b"]);
  });

  it("takes off what the sources name no more, and puts on what is new", () => {
    const { state, last } = play([...up("a", "b"), reauthorize, granted(1, "b", "c")]);
    expect(last).toEqual([...off("a"), { kind: "join", channel: "c", position: undefined }]);
    expect(channelsOf(state)).toEqual(["b", "c"]);
  });

  it("takes off what the authorizer allows no more, and leaves what it still does", () => {
    const way = [...up("a"), subscribe("b", "c"), authorized(0, "b", true), authorized(0, "c", true), reauthorize];
    expect(play([...way, authorized(1, "b", false)]).last).toEqual(off("b"));
    const { state, last } = play([...way, authorized(1, "b", true), authorized(1, "c", false)]);
    expect(last).toEqual(off("c"));
    expect(channelsOf(state)).toEqual(["a", "b"]);
  });

  it("answers to what was asked before it mean nothing: a yes that crossed the revocation lets nobody in", () => {
    const way = [...up("a"), subscribe("b"), reauthorize];
    const crossed = play([...way, authorized(0, "b", true), granted(0, "a", "x")]);
    expect(crossed.last).toEqual([]);
    expect(channelsOf(crossed.state)).toEqual(["a"]);
    expect(play([...way, authorized(0, "b", true), authorized(1, "b", false)]).last).toMatchObject([
      { kind: "refused" },
      { frame: { streams: [{ channel: "b", verdict: "refused", error: { code: "gateway.forbidden" } }] } },
    ]);
    // Twice in a row: only the second question counts.
    expect(channelsOf(play([...way, reauthorize, granted(1, "x"), granted(2, "y")]).state)).toEqual(["y"]);
  });

  it("leaves what gateway code put it on, also where a source had named it too", () => {
    const way = [...up("a"), { kind: "subscribe", channel: "a" }, { kind: "subscribe", channel: "b" }] as const;
    const { state, last } = play([...way, reauthorize, granted(1)]);
    expect(last).toEqual([]);
    expect(channelsOf(state)).toEqual(["a", "b"]);
  });

  it("does not put a client back on what it left, nor on what gateway code took it off", () => {
    const left = text({ type: "unsubscribe", channels: ["a"] });
    const way = [...up("a", "b"), left, { kind: "unsubscribe", channel: "b" }] as const;
    expect(channelsOf(play([...way, reauthorize, granted(1, "a", "b")]).state)).toEqual([]);
  });

  it("closes a connection that may not be here any more, and one whose sources fail", () => {
    expect(play([...up("a"), reauthorize, denied(1, 403)]).last).toContainEqual({
      kind: "close",
      code: 4403,
      reason: "no",
    });
    expect(play([...up("a"), reauthorize, denied(1, 500)]).last).toContainEqual({
      kind: "close",
      code: 1011,
      reason: "no",
    });
  });

  it("§11.1 ends an event stream with its channel, whoever had granted it", () => {
    const stream = (channel: string): Admitted => ({ ...v1, dialect: "plain", eventStream: { only: { channel } } });
    const own = play([granted(0, "a"), announced, prepared, reauthorize, granted(1)], stream("a"));
    const way = [granted(0, "a"), announced, authorized(0, "b", true), prepared, reauthorize];
    const asked = play([...way, authorized(1, "b", false)], stream("b"));
    for (const { state, last } of [own, asked]) {
      expect(last).toContainEqual(expect.objectContaining({ kind: "close", code: 4403 }));
      expect(state.phase).toBe("closed");
    }
  });

  it("does not count what it asks about again against the limit", () => {
    const way = [...up("a"), subscribe("b"), authorized(0, "b", true), reauthorize, subscribe("c")];
    expect(play(way).last).toEqual([{ kind: "authorize", channel: "c", turn: 1 }]);
  });
});
