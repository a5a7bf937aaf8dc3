import fc from "fast-check";
import { expect, it } from "vitest";
import type { Admitted } from "./admission.ts";
import { openSession, step } from "./session.ts";
import type { SessionConfig, SessionEffect, SessionInput, SessionState } from "./session-state.ts";

// A session against a naive oracle of rights: whatever the order in which questions are answered, nobody is put on what is not theirs
// at that moment, and once all is answered everybody is on exactly what is.

const config: SessionConfig = {
  greetTimeoutMs: 10_000,
  heartbeatMs: 25_000,
  frameBytes: 65_536,
  subscriptions: 100,
  rate: 1e6,
  burst: 1e6,
  canSubscribe: true,
  pendingPublishes: 2,
};
const channels = ["a", "b", "c", "d"];
const some = fc.subarray(channels);
const one = fc.constantFrom(...channels);

type Move =
  | { readonly kind: "rights"; readonly named: readonly string[]; readonly allowed: readonly string[] }
  | { readonly kind: "subscribe" | "leave" | "put" | "take"; readonly channel: string }
  | { readonly kind: "answer"; readonly index: number };
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("rights" as const), named: some, allowed: some }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom("subscribe" as const, "leave", "put", "take"), channel: one }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("answer" as const), index: fc.nat(20) }) },
);

type Question = Extract<SessionEffect, { readonly kind: "grant" | "authorize" }>;

class Play {
  #state: SessionState;
  #questions: Question[] = [];
  #named = new Set<string>();
  #allowed = new Set<string>();
  /** What the client wants and the gateway's code gave, as far as rights let it. */
  readonly #wanted = new Set<string>();
  readonly #put = new Set<string>();
  /** Channels that were left or taken although a source names them: until it names them anew, they stay off. */
  readonly #off = new Set<string>();
  /** What the sources said when they were heard last. */
  #heard = new Set<string>();

  constructor() {
    const ada: Admitted = { kind: "admitted", dialect: "v1", principal: { kind: "user", account: "acme", id: "ada" } };
    const [state, effects] = openSession(ada, 0, config);
    this.#state = state;
    this.#take(effects);
    this.#input({ kind: "text", now: 0, text: JSON.stringify({ type: "hello", instance: "i" }) });
    this.#answer(0);
    this.#input({ kind: "announced" });
    this.#input({ kind: "prepared", verdicts: [], connection: "c", spreadMs: 0, now: 0 });
  }

  make(move: Move): void {
    switch (move.kind) {
      case "rights":
        this.#named = new Set(move.named);
        this.#allowed = new Set(move.allowed);
        return this.#input({ kind: "reauthorize" });
      case "subscribe":
        return this.#frame({ type: "subscribe", streams: [{ channel: move.channel }] });
      case "leave":
        this.#leave(move.channel);
        return this.#frame({ type: "unsubscribe", channels: [move.channel] });
      case "put":
        this.#put.add(move.channel);
        return this.#input({ kind: "subscribe", channel: move.channel });
      case "take":
        this.#leave(move.channel);
        return this.#input({ kind: "unsubscribe", channel: move.channel });
      case "answer":
        if (this.#questions.length > 0) this.#answer(move.index % this.#questions.length);
    }
  }

  /** Every question is answered. */
  finish(): void {
    while (this.#questions.length > 0) this.#answer(0);
    const named = [...this.#heard].filter((channel) => !this.#off.has(channel));
    expect(new Set(this.#on)).toEqual(new Set([...named, ...this.#put, ...this.#wanted]));
  }

  get #on(): readonly string[] {
    return this.#state.phase === "closed" ? [] : [...this.#state.streams.on.keys()];
  }

  #leave(channel: string): void {
    this.#wanted.delete(channel);
    this.#put.delete(channel);
    if (this.#heard.has(channel)) this.#off.add(channel);
  }

  #frame(message: object): void {
    this.#input({ kind: "text", now: 0, text: JSON.stringify(message) });
  }

  /** By the rights of the moment in which it was asked: the app may have looked them up at once. */
  #answer(index: number): void {
    const [question] = this.#questions.splice(index, 1) as [Question];
    const asked = this.#answers.get(question);
    if (asked === undefined) throw new Error("expected a question that was noted");
    const { named, allowed } = asked;
    const current = this.#state.phase !== "closed" && this.#state.streams.turn === question.turn;
    if (question.kind === "grant") {
      if (current) {
        for (const channel of this.#off) if (!named.has(channel)) this.#off.delete(channel);
        this.#heard = named;
      }
      return this.#input({
        kind: "granted",
        turn: question.turn,
        channels: new Map([...named].map((channel) => [channel, undefined])),
      });
    }
    const { channel, turn } = question;
    const before = new Set(this.#on);
    this.#input({ kind: "authorized", answers: [{ channel, turn, allowed }] });
    if (current && !allowed) this.#wanted.delete(channel);
    if (current && allowed && !before.has(channel) && this.#on.includes(channel)) this.#wanted.add(channel);
  }

  readonly #answers = new Map<Question, { readonly named: Set<string>; readonly allowed: boolean }>();

  #input(input: SessionInput): void {
    const before = this.#on;
    const [state, effects] = step(this.#state, input, config);
    this.#state = state;
    this.#take(effects, before);
  }

  #take(effects: readonly SessionEffect[], before: readonly string[] = []): void {
    for (const effect of effects) {
      // One that it is on already is only begun anew.
      if (effect.kind === "join" && !before.includes(effect.channel)) {
        const { channel } = effect;
        const rightful = this.#named.has(channel) || this.#allowed.has(channel) || this.#put.has(channel);
        expect(rightful, `put on ${channel}, which is not theirs`).toBe(true);
      }
      if (effect.kind !== "grant" && effect.kind !== "authorize") continue;
      const allowed = effect.kind === "authorize" && this.#allowed.has(effect.channel);
      this.#answers.set(effect, { named: new Set(this.#named), allowed });
      this.#questions.push(effect);
    }
  }
}

it("whatever crosses what, nobody is put on what is not theirs, and in the end everybody is on what is", () => {
  // A failure prints its seed.
  fc.assert(
    fc.property(fc.array(move, { minLength: 5, maxLength: 60 }), (moves) => {
      const play = new Play();
      for (const each of moves) play.make(each);
      play.finish();
    }),
    { numRuns: 10_000 },
  );
});
