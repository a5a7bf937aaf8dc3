import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replay } from "../testing/replay.ts";
import { schedule } from "./backoff.ts";
import { step } from "./session.ts";
import { type Effect, firstState, type Input, type SessionConfig, type State, statusOf } from "./state.ts";

const folder = new URL("../../../../test/vectors/sessions/", import.meta.url);
const sessions = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));

describe("test/vectors/sessions", () => {
  it("holds sessions", () => {
    expect(sessions.length).toBeGreaterThan(20);
  });
  it.each(sessions)("%s", (name) => {
    const replayed = replay(readFileSync(new URL(name, folder), "utf8"));
    expect(replayed.length).toBeGreaterThan(0);
    for (const { line, expected, actual } of replayed) expect({ line, ...actual }).toEqual({ line, ...expected });
  });
});

const config: SessionConfig = {
  connectTimeoutMs: 10_000,
  greetTimeoutMs: 10_000,
  heartbeatGraceMs: 10_000,
  getToken: true,
  backoff: schedule([1_000, 2_000, 4_000]),
};
const connectedFrame = {
  type: "connected",
  connection: "c",
  server: "s",
  heartbeatMs: 25_000,
  spreadMs: 500,
  limits: { frameBytes: 1, subscriptions: 1 },
  features: [],
  streams: [],
} as const;

/** Plays inputs from the start; returns the last step. */
function play(inputs: readonly Input[], config_ = config): readonly [State, readonly Effect[]] {
  let last: readonly [State, readonly Effect[]] = [firstState, []];
  for (const input of inputs) last = step(last[0], input, config_);
  return last;
}
const up = (link: number): Input[] => [{ type: "token", link }, { type: "opened", link }, connectedFrame];

const closes = JSON.parse(
  readFileSync(new URL("../../../../test/vectors/closes.json", import.meta.url), "utf8"),
) as readonly { readonly code: number; readonly retry: "backoff" | "now" | "token" | "never" }[];
const following = { backoff: "retry", now: "retry", token: "get-token", never: "fail" } as const;

describe("what follows a close", () => {
  it.each(closes)("§6.1 $code leads to $retry", ({ code, retry }) => {
    const closed: Input = { type: "closed", link: 1, code, reason: "", upMs: 0 };
    const [, effects] = play([{ type: "connect" }, ...up(1), closed]);
    expect(effects.map((effect) => effect.kind)).toContain(following[retry]);
    const found = effects.find((effect) => effect.kind === "retry");
    if (found) expect(found.ceilingMs).toBe(retry === "now" ? 0 : 1_000);
  });
});

it("§7.1 W-07 the first seven ceilings are 1, 2, 4, 8, 16, 32 and 60 s, then 60 s for ever", () => {
  const seed = { ...config, backoff: schedule([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]) };
  const ceilings: unknown[] = [];
  let [state] = step(firstState, { type: "connect" }, seed);
  for (let link = 1; link <= 10; link++) {
    [state] = step(state, { type: "token", link }, seed);
    const [next, effects] = step(state, { type: "closed", link, code: 1006, reason: "", upMs: 0 }, seed);
    ceilings.push(...effects.flatMap((effect) => (effect.kind === "retry" ? [effect.ceilingMs / 1000] : [])));
    [state] = step(next, { type: "woke", heard: false, lateMs: 0, upMs: 0 }, seed);
  }
  expect(ceilings).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
});

it("§7.2 W-25 only a link that was connected for 5 s starts the back-off over", () => {
  const ceilings = (upMs: number): unknown[] => {
    let [state] = play([{ type: "connect" }]);
    const found: unknown[] = [];
    for (let link = 1; link <= 3; link++) {
      for (const input of up(link)) [state] = step(state, input, config);
      const [next, effects] = step(state, { type: "closed", link, code: 1006, reason: "", upMs }, config);
      found.push(...effects.flatMap((effect) => (effect.kind === "retry" ? [effect.ceilingMs] : [])));
      [state] = step(next, { type: "woke", heard: false, lateMs: 0, upMs: 0 }, config);
    }
    return found;
  };
  expect(ceilings(4_999)).toEqual([1_000, 2_000, 4_000]);
  // §7.3: the gateway's hint.
  expect(ceilings(5_000)).toEqual([500, 500, 500]);
});

it("§7.3 a ping replaces the spread", () => {
  const [, effects] = play([
    { type: "connect" },
    ...up(1),
    { type: "ping", spreadMs: 7_000 },
    { type: "closed", link: 1, code: 1006, reason: "", upMs: 60_000 },
  ]);
  expect(effects).toContainEqual({ kind: "retry", ceilingMs: 7_000, lost: "1006 " });
});

describe("status", () => {
  it("W-03 is connected only after `connected` came", () => {
    const seen = [{ type: "connect" } as const, ...up(1)].map((_, count, all) =>
      statusOf(play(all.slice(0, count + 1))[0]),
    );
    expect(seen).toEqual(["connecting", "connecting", "connecting", "connected"]);
  });
  it("W-11 is reconnecting only after it was connected once", () => {
    const lost = (link: number): Input => ({ type: "closed", link, code: 1006, reason: "", upMs: 0 });
    expect(statusOf(play([{ type: "connect" }, { type: "token", link: 1 }, lost(1)])[0])).toBe("connecting");
    expect(statusOf(play([{ type: "connect" }, ...up(1), lost(1)])[0])).toBe("reconnecting");
  });
});

const link = fc.integer({ min: 0, max: 6 });
const ms = fc.integer({ min: 0, max: 100_000 });
const anyInput: fc.Arbitrary<Input> = fc.oneof(
  fc.constant<Input>({ type: "connect" }),
  fc.record({ type: fc.constant("close" as const), timeoutMs: ms }),
  fc.record({ type: fc.constantFrom("token" as const, "opened" as const), link }),
  fc
    .record({ type: fc.constant("connected" as const), heartbeatMs: ms, spreadMs: ms })
    .map((frame) => ({ ...connectedFrame, ...frame })),
  fc.record({ type: fc.constant("ping" as const) }),
  fc.record({ type: fc.constant("pong" as const) }),
  fc.record({ type: fc.constant("drain" as const), spreadMs: ms }),
  fc.record({
    type: fc.constant("error" as const),
    code: fc.constantFrom("gateway.unauthorized", "gateway.internal", "", "peer.bad-frame"),
    message: fc.string(),
    fatal: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("closed" as const),
    link,
    code: fc.constantFrom(1000, 1006, 4400, 4401, 4403, 4408, 4409, 4410, 4429),
    reason: fc.string(),
    upMs: ms,
  }),
  fc.record({ type: fc.constant("woke" as const), heard: fc.boolean(), lateMs: ms, upMs: ms, quietMs: ms }),
);

/** Inputs that belong to the newest attempt more often than chance would have it. */
const steered = (input: Input, state: State, stale: boolean): Input =>
  "link" in input && !stale ? { ...input, link: state.link } : input;

describe("any inputs in any order", () => {
  it("never throw, never open two links at once, name one timer at most, and stay quiet once closed", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyInput, fc.boolean()), { maxLength: 60 }), fc.boolean(), (inputs, canRefresh) => {
        let state: State = firstState;
        let dialled = 0;
        for (const [given, stale] of inputs) {
          const input = steered(given, state, stale);
          const before = state;
          const [next, effects] = step(state, input, { ...config, getToken: canRefresh });
          state = next;
          const kinds = effects.map((effect) => effect.kind);
          expect(kinds.filter((kind) => kind === "wake" || kind === "retry").length).toBeLessThanOrEqual(1);
          if (
            (before.phase === "closed" || before.phase === "idle") &&
            input.type !== "connect" &&
            input.type !== "close"
          ) {
            expect(effects).toEqual([]);
          }
          if (before.phase === "closed" && input.type === "close") expect(effects).toEqual([]);
          // An old link is kept only beside a newer attempt, and let go of exactly once.
          if (next.old > 0) {
            expect(next.old).toBeLessThan(next.link);
            expect(["authorizing", "connecting", "greeting", "waiting"]).toContain(next.phase);
          }
          const ended = input.type === "closed" && input.link === before.old;
          expect(kinds.filter((kind) => kind === "leave").length).toBe(
            before.old > 0 && next.old === 0 && !ended ? 1 : 0,
          );
          for (const effect of effects) {
            // A new link only for a newer attempt, so that the driver's one slot is enough.
            if (effect.kind === "dial") {
              expect(effect.link).toBeGreaterThan(dialled);
              dialled = effect.link;
            }
          }
          // Where a timer has to bring it on, there is one.
          if (
            next.phase !== before.phase &&
            ["authorizing", "connecting", "greeting", "closing", "draining"].includes(next.phase)
          ) {
            expect(kinds).toSatisfy((all: string[]) => all.includes("wake") || all.includes("retry"));
          }
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it("§12 an input of an older attempt changes nothing", () => {
    fc.assert(
      fc.property(fc.array(anyInput, { maxLength: 30 }), anyInput, (inputs, late) => {
        fc.pre("link" in late);
        const [state] = play(inputs.map((input) => input));
        const older = { ...late, link: state.link - 1 } as Input;
        expect(step(state, older, config)).toEqual([state, []]);
      }),
    );
  });
});
