import { describe, expect, it } from "vitest";
import type { Admitted } from "./admission.ts";
import { type Principal, type UserPrincipal, ownChannels } from "./auth/principal.ts";
import { nextDue } from "./session-auth.ts";
import { openSession, step } from "./session.ts";
import type { SessionEffect, SessionInput, SessionState, SessionStep } from "./session-state.ts";
import { sessionConfig as config } from "../../../test/support/session-config.ts";

const ada: UserPrincipal = { kind: "user", account: "acme", id: "ada" };
const v1: Admitted = { kind: "admitted", dialect: "v1", principal: null };

const text = (message: object): SessionInput => ({ kind: "text", text: JSON.stringify(message), now: 0 });
const hello = text({ type: "hello", instance: "i", token: "first", generation: 1 });
const auth = text({ type: "auth", token: "SECRET" });
const authenticated = (endsAt: number, principal: Principal = ada, now = 0): SessionInput => ({
  kind: "authenticated",
  principal,
  endsAt,
  now,
});
const prepared = (now = 0): SessionInput => ({ kind: "prepared", verdicts: [], connection: "c", spreadMs: 0, now });
const sweep = (now: number, spreadMs = 0): SessionInput => ({ kind: "sweep", now, spreadMs });
const entry = (endsAt: number, principal: Principal = ada): SessionInput[] => [
  hello,
  authenticated(endsAt, principal),
  { kind: "announced" },
  prepared(),
];

/** On the way in, the sources name at once what is the principal's own; it is left out of the effects. */
function grantOwn([state, effects]: SessionStep): SessionStep {
  const grant = effects.find((effect) => effect.kind === "grant");
  if (grant === undefined || grant.turn > 0) return [state, effects];
  const channels = new Map(ownChannels(grant.principal).map((channel) => [channel, undefined]));
  const [next, more] = step(state, { kind: "granted", turn: 0, channels }, config);
  return [next, [...effects.filter((effect) => effect !== grant), ...more]];
}

function play(
  inputs: readonly SessionInput[],
  admitted = v1,
  endsAt?: number,
): { state: SessionState; effects: (readonly SessionEffect[])[] } {
  const [first, opening] = grantOwn(openSession(admitted, 0, config, endsAt));
  let state = first;
  const effects = [opening];
  for (const input of inputs) {
    const [next, more] = grantOwn(step(state, input, config));
    state = next;
    effects.push(more);
  }
  return { state, effects };
}
const last = (inputs: readonly SessionInput[]): readonly SessionEffect[] => play(inputs).effects.at(-1) ?? [];
const sent = (effects: readonly SessionEffect[]): unknown[] =>
  effects.flatMap((effect) => (effect.kind === "send" ? [effect.frame] : []));
const over = [
  { kind: "refused", code: "gateway.unauthorized" },
  { kind: "send", frame: { type: "error", code: "gateway.unauthorized", fatal: true } },
  { kind: "close", code: 4401 },
  { kind: "end" },
];

describe("§2.7 a token that ends", () => {
  it("is told with connected, and not when it never ends", () => {
    expect(sent(last([hello, authenticated(60_000.7), { kind: "announced" }, prepared(1000)]))).toMatchObject([
      { type: "connected", expiresInMs: 59_000 },
    ]);
    expect(sent(last(entry(Infinity)))[0]).not.toHaveProperty("expiresInMs");
  });

  it("that is over already lets nobody in, by hello or by header", () => {
    expect(last([hello, authenticated(5, ada, 5)])).toMatchObject(over);
    expect(play([], { ...v1, principal: ada } as Admitted, 0).effects[0]).toMatchObject(over);
  });

  it("is followed by drain, once: a tenth of its life ahead, and 30 s at most", () => {
    for (const [endsAt, noticeAt] of [
      [100_000, 90_000],
      [3_600_000, 3_570_000],
    ] as const) {
      const pong = text({ type: "pong" });
      const way = [...entry(endsAt), sweep(noticeAt - 1), pong];
      expect(sent(last(way.slice(0, -1)))).not.toContainEqual(expect.objectContaining({ type: "drain" }));
      expect(sent(last([...way, sweep(noticeAt, 7)]))).toContainEqual({ type: "drain", spreadMs: 7 });
      const again = last([...way, sweep(noticeAt), pong, sweep(noticeAt + 1)]);
      expect(sent(again)).not.toContainEqual(expect.objectContaining({ type: "drain" }));
    }
  });

  it("leaves half of what is left to come back in, whatever the fleet's spread", () => {
    expect(sent(last([...entry(10_000), sweep(9000, 60_000)]))).toEqual([{ type: "drain", spreadMs: 500 }]);
  });

  it("ends the connection with an error and 4401, in every phase, draining included", () => {
    const way = entry(10_000);
    for (const inputs of [way.slice(0, 2), way.slice(0, 3), way, [...way, sweep(9000)]])
      expect(last([...inputs, sweep(10_000)])).toMatchObject(over);
    const greeting = play([sweep(4999), sweep(5000)], { ...v1, principal: ada } as Admitted, 5000);
    expect(greeting.effects[1]).toEqual([]);
    expect(greeting.effects[2]).toMatchObject(over);
  });

  it("ends a plain connection, which knows no drain, and an event stream", () => {
    const plain: Admitted = { kind: "admitted", dialect: "plain", principal: ada };
    for (const admitted of [plain, { ...plain, eventStream: { only: { channel: "account.acme" } } }]) {
      const way = [{ kind: "announced" } as const, prepared()];
      expect(play([...way, sweep(9000), sweep(10_000)], admitted, 10_000).effects.at(-1)).toMatchObject(over);
    }
  });

  it("§11.1 as the end of a permission, ends an event stream of one channel", () => {
    const plain: Admitted = { kind: "admitted", dialect: "plain", principal: ada };
    const stream = { ...plain, eventStream: { only: { channel: "room" } } };
    const decision = { channel: "room", allowed: true, turn: 0, endsAt: 500 };
    const way: SessionInput[] = [{ kind: "announced" }, { kind: "authorized", answers: [decision] }, prepared()];
    const { effects } = play([...way, sweep(499), sweep(500)], stream);
    expect(effects.at(-2)).toEqual([]);
    expect(effects.at(-1)).toContainEqual(expect.objectContaining({ kind: "close", code: 4403 }));
  });

  it("is looked at in time, whatever the pings are up to", () => {
    const due = (inputs: readonly SessionInput[]): unknown => {
      const { state } = play(inputs);
      return state.phase === "closed" ? null : nextDue(state);
    };
    expect(due(entry(10_000))).toBe(9000);
    expect(due([...entry(10_000), sweep(9000)])).toBe(10_000);
    expect(due(entry(Infinity))).toBe(25_000);
  });

  it("does not put off a ping that is due with it", () => {
    expect(sent(last([...entry(26_000), sweep(25_000)]))).toMatchObject([{ type: "drain" }, { type: "ping" }]);
  });

  it("§7.6 a client that was told to come back is not ended by its own newer link", () => {
    expect(last([...entry(10_000), sweep(9000), { kind: "superseded" }])).toEqual([]);
  });
});

describe("§2.7 auth", () => {
  const more: UserPrincipal = { ...ada, channels: ["news"] };

  it("is answered once the token is known, and the connection is the new principal's", () => {
    const { state, effects } = play([...entry(10_000), auth, authenticated(80_000.5, more, 5000)]);
    expect(effects.at(-2)).toEqual([{ kind: "authenticate", token: "SECRET" }]);
    expect(effects.at(-1)).toEqual([
      { kind: "send", frame: { type: "auth", expiresInMs: 75_000 } },
      { kind: "grant", turn: 1, principal: more },
    ]);
    expect(state).toMatchObject({ phase: "open", principal: more, refreshing: false });
  });

  it("puts the end off, and the drain; the next token gets its own", () => {
    const way = [...entry(10_000), sweep(9000), auth, authenticated(110_000, ada, 9500)];
    expect(sent(last([...way, sweep(10_000)]))).toEqual([]);
    expect(sent(last([...way, sweep(99_950)]))).toContainEqual({ type: "drain", spreadMs: 0 });
    expect(last([...way, sweep(99_950), sweep(110_000)])).toMatchObject(over);
  });

  it.each([
    ["that is refused", { kind: "rejected", status: 401, error: { code: "gateway.unauthorized", message: "no" } }],
    ["that is forbidden", { kind: "rejected", status: 403, error: { code: "gateway.forbidden", message: "no" } }],
    ["that is over", authenticated(5000, ada, 5000)],
    ["of another person", authenticated(80_000, { ...ada, id: "bob" })],
    ["of another account", authenticated(80_000, { ...ada, account: "globex" })],
    ["that is a key", authenticated(80_000, { kind: "secret", account: "acme", keyId: "0" })],
  ] as const)("one %s is an error, and the old token goes on to its end", (_, answer: SessionInput) => {
    const way = [...entry(10_000), auth, answer];
    const { state, effects } = play(way);
    expect(sent(effects.at(-1) ?? [])).toEqual([
      { type: "error", code: "gateway.unauthorized", message: expect.stringMatching(/^auth: /) },
    ]);
    expect(state).toMatchObject({ phase: "open", principal: ada, refreshing: false });
    expect(JSON.stringify(effects.at(-1))).not.toMatch(/SECRET|bob|globex/);
    expect(last([...way, sweep(10_000)])).toMatchObject(over);
  });

  it("is one at a time; what comes after the answer is looked at again", () => {
    expect(sent(last([...entry(10_000), auth, auth]))).toMatchObject([{ type: "error", code: "gateway.limit" }]);
    expect(last([...entry(10_000), auth, authenticated(80_000), auth])).toMatchObject([{ kind: "authenticate" }]);
  });

  it.each<Principal>([
    { kind: "secret", account: "acme", keyId: "0" },
    { kind: "public", account: "acme", channel: "news", keyId: "0" },
    { kind: "anonymous", account: "default" },
  ])("means nothing where there is no token: $kind", (principal) => {
    const { state, effects } = play([...entry(Infinity, principal), auth]);
    expect(effects.at(-1)).toMatchObject([
      { kind: "refused" },
      { kind: "send", frame: { type: "error", code: "gateway.unsupported" } },
    ]);
    expect(state.phase).toBe("open");
  });

  it("an answer to nothing, or to a connection that is over, changes nothing", () => {
    const { state } = play(entry(10_000));
    expect(step(state, authenticated(80_000), config)).toEqual([state, []]);
    expect(last([...entry(10_000), auth, { kind: "gone" }, authenticated(80_000)])).toEqual([]);
  });

  it("before connected waits for it; before hello it is no first word", () => {
    const effects = last([hello, auth, ...entry(10_000).slice(1)]);
    expect(effects[0]).toMatchObject({ kind: "send", frame: { type: "connected" } });
    expect(effects.at(-1)).toEqual({ kind: "authenticate", token: "SECRET" });
    expect(last([auth])).toContainEqual(expect.objectContaining({ kind: "close", code: 4400 }));
  });
});
