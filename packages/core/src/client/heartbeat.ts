// Telling a quiet link from a dead one. PROTOCOL §4.
import type { ConnectedFrame, PingFrame } from "../wire/frame.ts";
import { afterLoss } from "./resume.ts";
import { type Effect, type Input, leave, type SessionConfig, type State, type Step, wake } from "./state.ts";

/** A timer this late says more about this machine than about the link: it may have slept (PROTOCOL §4.3). */
const lateMs = 1_000;

/** The next `ping` is due within the interval and a grace. Every `ping` sets the deadline anew; events do not. */
function deadline(state: State, config: SessionConfig): Step {
  const { heartbeatMs } = state;
  return [{ ...state, probing: false }, [wake(heartbeatMs && heartbeatMs + config.heartbeatGraceMs)]];
}

/** `connected` came. */
export function welcome(state: State, { heartbeatMs, spreadMs }: ConnectedFrame, config: SessionConfig): Step {
  const [next, effects] = deadline({ ...state, phase: "ready", old: 0, met: true, heartbeatMs, spreadMs }, config);
  return [next, [...leave(state), ...effects]];
}

/** In any phase with a link, at once; the timer is the heartbeat's only while `ready`. */
export function answerPing(state: State, { id, spreadMs = state.spreadMs }: PingFrame, config: SessionConfig): Step {
  const pong: Effect = { kind: "send", frame: { type: "pong", id } };
  const [next, effects] = deadline({ ...state, spreadMs }, config);
  return [next, state.phase === "ready" ? [pong, ...effects] : [pong]];
}

/** The deadline passed without a `ping`. */
export function onSilence(state: State, input: Extract<Input, { type: "woke" }>, config: SessionConfig): Step {
  // Something else came: alive.
  if (input.heard) return deadline(state, config);
  if (input.lateMs < lateMs || state.probing) return afterLoss(state, 1006, "no heartbeat", input.upMs, config);
  return [{ ...state, probing: true }, [{ kind: "send", frame: { type: "ping" } }, wake(config.heartbeatGraceMs)]];
}
