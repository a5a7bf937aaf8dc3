// The client machine: state + input → next state + effects, which the driver performs in order. Pure and total: no
// clock, no dice, no promise; an input that means nothing in a phase changes nothing. Data frames do not pass here: they
// go through the channel table to the listeners and are felt only as `heard`.
import { deadline, onSilence } from "./heartbeat.ts";
import { afterLoss, ask, stop } from "./resume.ts";
import {
  firstState,
  type Effect,
  type Input,
  isConnected,
  type Phase,
  type SessionConfig,
  type State,
  type Step,
  wake,
} from "./state.ts";

/** How long the peer may take to answer when a drained link is closed. */
const drainTimeoutMs = 2_000;

export function step(state: State, input: Input, config: SessionConfig): Step {
  const { phase } = state;
  const to = (next: Phase, ...effects: readonly Effect[]): Step => [{ ...state, phase: next }, effects];
  const leave = (next: Phase, timeoutMs: number): Step => to(next, wake(timeoutMs), { kind: "hang-up" });
  const connected = isConnected(phase);
  const linked = connected || phase === "connecting" || phase === "greeting";
  const nothing: Step = [state, []];
  if ("link" in input && input.link !== state.link) return nothing;

  switch (input.kind) {
    case "connect":
      if (phase === "closing") return to("reopening");
      if (phase === "idle" || phase === "closed") return start(state, config);
      break;

    case "close":
      if (linked) return leave("closing", input.timeoutMs);
      if (isParting(phase)) return to("closing");
      if (phase !== "closed") return stop(state);
      break;

    case "network": {
      const { online } = input;
      if (online === state.online) break;
      if (phase !== "waiting") return [{ ...state, online }, []];
      return online ? ask({ ...state, online }, config) : [{ ...state, online }, [wake(0)]];
    }

    case "token":
      if (phase === "authorizing") return to("connecting", wake(config.connectTimeoutMs), { kind: "dial", link: state.link });
      break;

    case "opened":
      if (phase === "connecting") return to("greeting", wake(config.greetTimeoutMs), { kind: "greet" });
      break;

    case "connected": {
      const { heartbeatMs, spreadMs } = input;
      if (phase !== "greeting") break;
      return [{ ...state, phase: "ready", met: true, heartbeatMs, spreadMs }, [deadline(heartbeatMs, config)]];
    }

    case "pinged": {
      if (!connected && phase !== "greeting") break;
      const pong: Effect = { kind: "send", frame: { type: "pong", ...(input.id !== undefined && { id: input.id }) } };
      return [
        { ...state, probing: false, spreadMs: input.spreadMs ?? state.spreadMs },
        // The timer is taken in the other phases.
        phase === "ready" ? [pong, deadline(state.heartbeatMs, config)] : [pong],
      ];
    }

    case "drained":
      if (phase === "ready") return to("draining", { kind: "retry", ceilingMs: input.spreadMs });
      break;

    case "closed":
      if (isParting(phase)) return parted(state, input.upMs, config);
      if (linked || phase === "authorizing") return afterLoss(state, input.code, input.reason, input.upMs, config);
      break;

    case "woke":
      if (phase === "waiting") return ask(state, config);
      if (phase === "ready") return onSilence(state, input, config);
      if (phase === "draining") return leave("leaving", drainTimeoutMs);
      if (isParting(phase)) return parted(state, input.upMs, config);
      if (linked || phase === "authorizing") return afterLoss(state, 1006, "no answer in time", 0, config);
  }
  return nothing;
}

function isParting(phase: Phase): boolean {
  return phase === "closing" || phase === "leaving" || phase === "reopening";
}

function start({ link, online }: State, config: SessionConfig): Step {
  return ask({ ...firstState, link, online }, config);
}

/** The link that was being left is gone, or has to go. */
function parted(state: State, upMs: number, config: SessionConfig): Step {
  if (state.phase === "leaving") return afterLoss(state, 1000, "drained", upMs, config);
  const [next, effects] = state.phase === "reopening" ? start(state, config) : stop(state);
  return [next, [{ kind: "terminate" }, ...effects]];
}
