// Telling a quiet link from a dead one. PROTOCOL §4.
import { afterLoss } from "./resume.ts";
import { type Effect, type Input, type SessionConfig, type State, type Step, wake } from "./state.ts";

/** A timer this late says more about this machine than about the link: it may have slept (PROTOCOL §4.3). */
export const lateMs = 1_000;

/** The next `ping` is due within the interval and a grace. Every `ping` sets the deadline anew; events do not. */
export function deadline(heartbeatMs: number, config: SessionConfig): Effect {
  return wake(heartbeatMs && heartbeatMs + config.heartbeatGraceMs);
}

/** The deadline passed without a `ping`. */
export function onSilence(state: State, input: Extract<Input, { kind: "woke" }>, config: SessionConfig): Step {
  // Something else came: alive.
  if (input.heard) return [{ ...state, probing: false }, [deadline(state.heartbeatMs, config)]];
  if (input.lateMs < lateMs || state.probing) return afterLoss(state, 1006, "no heartbeat", input.upMs, config);
  return [{ ...state, probing: true }, [{ kind: "send", frame: { type: "ping" } }, wake(config.heartbeatGraceMs)]];
}
