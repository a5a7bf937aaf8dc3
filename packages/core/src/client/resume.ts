// What follows the loss of a link. PROTOCOL §6.1 and §7.
import type { ErrorCode } from "../errors.ts";
import { retryRule } from "../wire/codes.ts";
import { type Effect, leave, type SessionConfig, type State, type Step, wake } from "./state.ts";

/** A link that was connected for this long held: the back-off starts over (PROTOCOL §7.2). */
const stableMs = 5_000;

/** Refusals that say whether to come back: the error code's reason, and the close code that says the same. */
const refusals: Readonly<Record<string, number>> = {
  "bad-request": 4400,
  unauthorized: 4401,
  forbidden: 4403,
  unsupported: 4406,
  superseded: 4409,
};

/** The close code that a fatal `error` foretells; 1006, so back-off, for those that say nothing about coming back. */
export function closeCodeOf(errorCode: string): number {
  return refusals[errorCode.slice(8)] ?? 1006;
}

/** `state` after a link was connected for `upMs`. */
export function rested(state: State, upMs: number): State {
  return upMs < stableMs ? state : { ...state, attempt: 0, refreshed: false };
}

/** A new attempt, beginning with its token. */
export function ask(state: State, config: SessionConfig, fresh = false): Step {
  const link = state.link + 1;
  return [
    { ...state, phase: "authorizing", link },
    [wake(config.connectTimeoutMs), { kind: "get-token", link, fresh }],
  ];
}

/** A link is gone, or never came, or has to go. `upMs`: how long it had been connected. */
export function afterLoss(lost: State, code: number, reason: string, upMs: number, config: SessionConfig): Step {
  const held = upMs >= stableMs;
  const state: State = { ...rested(lost, upMs), phase: "waiting" };
  const { attempt, refreshed, spreadMs } = state;
  const rule = retryRule(code);

  if (rule === "token" && config.getToken && !refreshed) {
    const [next, effects] = ask({ ...state, refreshed: true }, config, true);
    return [next, [{ kind: "terminate" }, ...effects]];
  }
  if (rule === "token" || rule === "never") {
    const name = Object.keys(refusals).find((key) => refusals[key] === code) ?? "bad-request";
    const fail: Effect = { kind: "fail", code: `gateway.${name}` as ErrorCode, reason };
    return [{ ...state, phase: "closed", old: 0 }, [{ kind: "terminate" }, ...leave(state), wake(0), fail]];
  }
  // A gateway that says "at once" twice in a row is not taken at its word.
  const hintMs = rule === "now" ? 0 : held ? spreadMs : null;
  const ceilingMs = hintMs === null || attempt > 0 ? config.backoff(attempt) : hintMs;
  const retry: Effect = { kind: "retry", ceilingMs, lost: `${code} ${reason}` };
  return [{ ...state, attempt: attempt + 1 }, [{ kind: "terminate" }, retry]];
}
