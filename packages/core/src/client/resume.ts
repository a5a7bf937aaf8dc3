// What follows the loss of a link. PROTOCOL §6.1 and §7.
import type { ErrorCode } from "../errors.ts";
import { retryRule } from "../wire/codes.ts";
import { type Effect, type SessionConfig, type State, type Step, wake } from "./state.ts";

/** A link that was connected for this long held: the back-off starts over (PROTOCOL §7.2). */
export const stableMs = 5_000;

/** Refusals that say whether to come back: the error code's reason, and the close code that says the same. */
const refusals: Readonly<Record<string, number>> = {
  "bad-request": 4400,
  unauthorized: 4401,
  forbidden: 4403,
  unsupported: 4406,
  superseded: 4409,
};

/** The close code of a fatal `error`; 1006, so back-off, for those that say nothing about coming back. */
export function closeCodeOf(errorCode: string): number {
  return refusals[errorCode.slice(8)] ?? 1006;
}

/** The error code of a close after which nothing follows. */
function errorCodeOf(code: number): ErrorCode {
  return `gateway.${Object.keys(refusals).find((reason) => refusals[reason] === code) ?? "bad-request"}` as ErrorCode;
}

/** A new attempt, beginning with its token. */
export function ask(state: State, config: SessionConfig, fresh = false): Step {
  const link = state.link + 1;
  return [
    { ...state, phase: "authorizing", link },
    [wake(config.connectTimeoutMs), { kind: "get-token", link, fresh }],
  ];
}

/**
 * A link is gone, or never came, or has to go. `upMs`: how long it had been connected. Whatever follows, the link is
 * dropped first: it may not know yet.
 */
export function afterLoss(lost: State, code: number, reason: string, upMs: number, config: SessionConfig): Step {
  const held = upMs >= stableMs;
  const state = { ...lost, probing: false, ...(held && { attempt: 0, refreshed: false }) };
  const { attempt } = state;
  const rule = retryRule(code);
  const then = ([next, effects]: Step): Step => [next, [{ kind: "terminate" }, ...effects]];
  if (rule === "token" && config.canRefresh && !state.refreshed) return then(ask({ ...state, refreshed: true }, config, true));
  if (rule === "never" || rule === "token") return then(stop(state, { kind: "fail", code: errorCodeOf(code), reason }));
  // Without a network no attempt is made, and none is counted.
  if (!state.online) return then([{ ...state, phase: "waiting" }, [wake(0)]]);
  // A gateway that says "at once" twice in a row is not taken at its word.
  const hintMs = attempt > 0 ? null : rule === "now" ? 0 : held ? state.spreadMs : null;
  const retry: Effect = { kind: "retry", ceilingMs: hintMs ?? config.backoff(attempt), lost: `${code} ${reason}` };
  return then([{ ...state, phase: "waiting", attempt: attempt + 1 }, [retry]]);
}

/** No link, no timer. */
export function stop(state: State, ...effects: readonly Effect[]): Step {
  return [{ ...state, phase: "closed" }, [wake(0), ...effects]];
}
