// The client machine: state + input → next state + effects, which the driver performs in order. Pure and total: no
// clock, no dice, no promise; an input that a phase does not name changes nothing. Events do not pass here: they go
// through the channel table to the listeners and are felt only as `heard`.
import { answerPing, onSilence, welcome } from "./heartbeat.ts";
import { afterLoss, ask, closeCodeOf, rested } from "./resume.ts";
import {
  type Effect,
  firstState,
  type Input,
  leave,
  type Phase,
  type SessionConfig,
  type State,
  type Step,
  wake,
} from "./state.ts";

type Rule<Type extends Input["type"]> = (
  state: State,
  input: Extract<Input, { type: Type }>,
  config: SessionConfig,
) => Step;
type Rules = { readonly [Type in Input["type"]]?: Rule<Type> };

const start: Rule<"connect"> = ({ link }, _, config) => ask({ ...firstState, link }, config);
const stop = (state: State): Step => to(state, "closed", wake(0), { kind: "terminate" }, ...leave(state));
// Not by `wake`: 0 is no patience here, elsewhere no limit.
const hangUp: Rule<"close"> = (state, { timeoutMs }) =>
  to(state, "closing", { kind: "wake", afterMs: timeoutMs }, { kind: "hang-up" }, ...leave(state));
const lost: Rule<"closed"> = (state, { code, reason, upMs }, config) => afterLoss(state, code, reason, upMs, config);
const late: Rule<"woke"> = (state, { upMs }, config) => afterLoss(state, 1006, "no answer in time", upMs, config);

/** One attempt may follow another for long: an old link that has gone silent meanwhile is as dead as any. */
const again: Rule<"woke"> = (state, { quietMs = 0 }, config) => {
  const { heartbeatMs } = state;
  const dead = heartbeatMs > 0 && quietMs > heartbeatMs + config.heartbeatGraceMs;
  const [next, effects] = ask(dead ? { ...state, old: 0 } : state, config);
  return [next, dead ? [...leave(state), ...effects] : effects];
};

/** A link is open, or may become so. */
const linked: Rules = { close: hangUp, closed: lost, woke: late };

/** Which inputs mean something in which phase. PROTOCOL §2, §4, §6, §7. */
const rules: Readonly<Record<Phase, Rules>> = {
  idle: { connect: start, close: stop },
  closed: { connect: start },
  authorizing: {
    token: (state, { link }, config) => to(state, "connecting", wake(config.connectTimeoutMs), { kind: "dial", link }),
    close: stop,
    closed: lost,
    woke: late,
  },
  connecting: {
    ...linked,
    opened: (state, _, { greetTimeoutMs }) =>
      to(state, "greeting", ...(greetTimeoutMs === null ? [] : [wake(greetTimeoutMs)]), { kind: "greet" }),
  },
  greeting: {
    ...linked,
    connected: welcome,
    ping: answerPing,
    // A gateway may refuse and then not close (W-16). Later on, the close that follows decides.
    error: (state, { code, message, fatal }, config) =>
      fatal ? afterLoss(state, closeCodeOf(code), message, 0, config) : [state, []],
  },
  ready: {
    ...linked,
    ping: answerPing,
    drain: (state, { spreadMs }) => to(state, "draining", { kind: "retry", ceilingMs: spreadMs }),
    woke: onSilence,
  },
  draining: {
    ...linked,
    ping: answerPing,
    woke: (state, { upMs }, config) => {
      const [next, effects] = ask({ ...rested(state, upMs), old: state.link }, config);
      return [next, [{ kind: "set-aside" }, ...effects]];
    },
  },
  waiting: { close: stop, woke: again },
  closing: { connect: start, closed: stop, woke: stop },
};

export function step(state: State, input: Input, config: SessionConfig): Step {
  // The old link ended by itself: the attempt under way goes on, now as after any loss.
  if (input.type === "closed" && input.link === state.old) return [{ ...state, old: 0 }, []];
  const rule = rules[state.phase][input.type] as Rule<Input["type"]> | undefined;
  const stale = "link" in input && input.link !== state.link;
  return rule === undefined || stale ? [state, []] : rule(state, input, config);
}

function to(state: State, phase: Phase, ...effects: readonly Effect[]): Step {
  const over = phase === "closing" || phase === "closed";
  return [{ ...state, phase, ...(over && { old: 0 }) }, effects];
}
