import { describe, expect, it } from "vitest";
import type { Admitted } from "./admission.ts";
import type { UserPrincipal } from "./auth/principal.ts";
import { openSession, step } from "./session.ts";
import type { SessionEffect, SessionInput, SessionState } from "./session-state.ts";
import { sessionConfig as config } from "../../../test/support/session-config.ts";

const ada: UserPrincipal = { kind: "user", account: "acme", id: "ada" };
const v1: Admitted = { kind: "admitted", dialect: "v1", principal: ada };
const stream: Admitted = { ...v1, dialect: "plain", eventStream: { only: {} } };
const at = (offset: number): { epoch: string; offset: number; tag: string } => ({ epoch: "e", offset, tag: "t" });

const text = (message: object): SessionInput => ({ kind: "text", text: JSON.stringify(message), now: 0 });
const hello = (fields: object = {}): SessionInput => text({ type: "hello", instance: "i", ...fields });
const channels = (...names: string[]) => new Map(names.map((name, index) => [name, at(index + 1)]));
const registered = (...names: string[]): SessionInput => ({ kind: "registered", channels: channels(...names) });
const granted = (...names: string[]): SessionInput => ({
  kind: "granted",
  turn: 0,
  channels: new Map(names.map((name) => [name, undefined])),
});
const announced: SessionInput = { kind: "announced" };
const prepared = (...names: string[]): SessionInput => ({
  kind: "prepared",
  verdicts: names.map((channel) => ({ channel, verdict: "fresh", position: at(0) })),
  connection: "c",
  spreadMs: 0,
  now: 0,
});
const up = [hello(), registered("a", "b"), granted("own"), announced, prepared("a", "b", "own")];

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

describe("on the way in", () => {
  it("a page's channels are joined where the page was, or where its client has got since", () => {
    const { last } = play([
      hello({ streams: [{ channel: "b", position: at(9) }] }),
      registered("a", "b"),
      granted("own"),
      announced,
    ]);
    expect(last).toEqual([
      {
        kind: "prepare",
        streams: [
          { channel: "a", position: at(1) },
          { channel: "b", position: at(9) },
          { channel: "own", position: undefined },
        ],
      },
    ]);
  });

  it.each<[string, SessionInput[]]>([
    ["granted", [hello(), registered("a"), registered("b", "c"), granted(), announced]],
    ["announced", [hello(), registered("a"), granted(), registered("b", "c"), announced]],
  ])("what changes before it is %s counts", (_, inputs) => {
    const { last } = play(inputs);
    expect(last).toMatchObject([{ kind: "prepare", streams: [{ channel: "b" }, { channel: "c" }] }]);
  });

  it("what changes while the verdicts are on their way is left, and joined behind `connected`", () => {
    const before = [hello(), registered("a", "b"), granted(), announced];
    expect(play([...before, registered("b", "c")]).last).toEqual([{ kind: "leave", channel: "a" }]);
    const { last, state } = play([...before, registered("b", "c"), prepared("b")]);
    expect(last.slice(1)).toEqual([{ kind: "start" }, { kind: "join", channel: "c", position: at(2) }]);
    expect(channelsOf(state)).toEqual(["b", "c"]);
  });

  it("§11.1 an event stream that names no channel carries the first of its page's, from where the page was", () => {
    const { last, state } = play([registered("a", "b"), granted(), announced], stream);
    expect(last).toEqual([{ kind: "prepare", streams: [{ channel: "a", position: at(1) }] }]);
    expect(channelsOf(state)).toEqual(["a"]);
  });
});

describe("once it is up", () => {
  it("P-04 it follows what the registry says, and is told", () => {
    const { last, state } = play([...up, registered("b", "c")]);
    expect(last).toEqual([...off("a"), { kind: "join", channel: "c", position: at(2) }]);
    expect(channelsOf(state)).toEqual(["b", "own", "c"]);
    expect(play([...up, registered("a", "b")]).last).toEqual([]);
  });

  it("a channel that somebody else granted stays when its page has it no more, and the other way round", () => {
    const both = [...up.slice(0, 1), registered("own"), granted("own"), announced, prepared("own")];
    expect(play([...both, registered()]).last).toEqual([]);
    expect(channelsOf(play([...both, registered()]).state)).toEqual(["own"]);
    const turned: SessionInput[] = [{ kind: "reauthorize" }, { kind: "granted", turn: 1, channels: new Map() }];
    expect(channelsOf(play([...both, ...turned]).state)).toEqual(["own"]);
    expect(play([...both, ...turned, registered()]).last).toEqual(off("own"));
  });

  it("what its client left stays left, until its page is subscribed anew", () => {
    const left = [...up, text({ type: "unsubscribe", channels: ["a"] })];
    expect(channelsOf(play([...left, registered("a", "b", "c")]).state)).toEqual(["b", "own", "c"]);
    expect(channelsOf(play([...left, registered("b"), registered("a", "b")]).state)).toEqual(["b", "own", "a"]);
  });

  it("a link of one channel ends with it", () => {
    const one = play([registered("a", "b"), granted(), announced, prepared("a"), registered("b")], stream);
    expect(one.last).toContainEqual({ kind: "close", code: 4403, reason: "the gateway took it off" });
  });

  it("nothing happens once it is closed", () => {
    expect(play([...up, { kind: "gone" }, registered("x")]).last).toEqual([]);
  });
});

it("§6 a source that can't be asked now has the client come back", () => {
  const error = { code: "gateway.unavailable", message: "m" };
  expect(play([hello(), { kind: "denied", turn: 0, status: 503, error }]).last).toEqual([
    { kind: "refused", code: error.code },
    { kind: "close", code: 1013, reason: "m" },
    { kind: "end" },
  ]);
});
