// Replays sessions written as JSON lines (test/vectors/sessions) through the client machine.
import { schedule } from "../client/backoff.ts";
import { step } from "../client/session.ts";
import { type Effect, firstState, type Input, type SessionConfig, type Status, statusOf } from "../client/state.ts";

/** One line of a session: what happens, and what has to follow. */
export interface SessionLine {
  readonly input: Input;
  readonly effects: readonly Effect[];
  /** What people see afterwards. */
  readonly status: Status;
}

/** What a line of a session really led to. */
export interface Replayed {
  /** Number of the line in the file, from 1. */
  readonly line: number;
  readonly expected: Pick<SessionLine, "effects" | "status">;
  readonly actual: Pick<SessionLine, "effects" | "status">;
}

/** The configuration of a session whose first line does not say otherwise. */
export const sessionDefaults = {
  connectTimeoutMs: 10_000,
  greetTimeoutMs: 10_000,
  heartbeatGraceMs: 10_000,
  canRefresh: false,
  ceilingsMs: [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000] as readonly number[],
};

/** Runs one session from its start. @throws {SyntaxError} when a line is not JSON */
export function replay(session: string): readonly Replayed[] {
  let config = configOf({});
  let state = firstState;
  const replayed: Replayed[] = [];
  for (const [index, text] of session.split("\n").entries()) {
    if (text.trim() === "") continue;
    const line = JSON.parse(text) as Partial<SessionLine> & { readonly config?: Partial<typeof sessionDefaults> };
    if (line.config !== undefined) config = configOf(line.config);
    if (line.input === undefined || line.effects === undefined || line.status === undefined) continue;
    const [next, effects] = step(state, line.input, config);
    state = next;
    replayed.push({
      line: index + 1,
      expected: { effects: line.effects, status: line.status },
      actual: { effects, status: statusOf(state) },
    });
  }
  return replayed;
}

function configOf(given: Partial<typeof sessionDefaults>): SessionConfig {
  const { ceilingsMs, canRefresh, ...rest } = { ...sessionDefaults, ...given };
  return { ...rest, getToken: canRefresh, backoff: schedule(ceilingsMs) };
}
