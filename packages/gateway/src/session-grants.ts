// Who is on which stream, while that changes: what sources, gateway code and the authorizer say. Pure, as all of the session.
import { companionsOf } from "./presence/companions.ts";
import { withStreams } from "./session-answers.ts";
import { barred, onEntranceGranted, thenPrepare } from "./session-entry.ts";
import {
  type Denied,
  type Entering,
  type Granted,
  type LiveState,
  type SessionEffect,
  type SessionStep,
  isUp,
  refusal,
} from "./session-state.ts";
import { type Decision, authorized, isBarred, putOn, register, source, takeOff, taken } from "./session-streams.ts";
import type { SourceChannels } from "./subscription-source.ts";

export function onGranted(state: LiveState, { turn, channels }: Granted): SessionStep {
  if (turn !== state.streams.turn) return [state, []];
  if (state.phase === "entering") return onEntranceGranted(state, channels);
  if (!isUp(state)) return [state, []];
  const [streams, answers] = source(state.streams, channels);
  return isBarred(streams) ? barred() : withStreams(state, [taken(streams, channels.keys()), answers]);
}

/** Whatever it is granted meanwhile by others: the registry speaks for itself alone. */
export function onRegistered(state: LiveState, channels: SourceChannels): SessionStep {
  if (state.phase === "greeting") return [state, []];
  const [streams, answers] = register(state.streams, channels);
  if (isUp(state)) return isBarred(streams) ? barred() : withStreams(state, [taken(streams, channels.keys()), answers]);
  const next: Entering = { ...state, streams };
  if (next.step === "authorizing") return thenPrepare(next, []);
  const left = answers.filter(
    (answer): answer is SessionEffect & { readonly kind: "leave" } => answer.kind === "leave",
  );
  return [next, next.step === "preparing" ? left : []];
}

export function onDenied(state: LiveState, { turn, status, error }: Denied): SessionStep {
  if (turn !== state.streams.turn) return [state, []];
  if (!isUp(state) && (state.phase !== "entering" || state.step !== "granting")) return [state, []];
  return refusal(state.dialect, status, error);
}

export function onAuthorized(state: LiveState, decisions: readonly Decision[]): SessionStep {
  const [streams, answers] = authorized(state.streams, decisions);
  if (streams === state.streams) return [state, []];
  if (isUp(state)) return isBarred(streams) ? barred() : withStreams(state, [streams, answers]);
  if (state.phase !== "entering") return [state, []];
  const refused = new Map(state.refused);
  for (const answer of answers) {
    if (answer.kind === "verdict" && answer.verdict.verdict === "refused")
      refused.set(answer.verdict.channel, answer.verdict.error);
  }
  const next: Entering = { ...state, streams, refused };
  const again = answers.filter((answer) => answer.kind === "authorize");
  return next.step === "authorizing" ? thenPrepare(next, again) : [next, []];
}

export function onPutOn(state: LiveState, channel: string): SessionStep {
  const [streams, answers] = putOn(state.streams, channel);
  if (streams === state.streams) return [state, []];
  if (isUp(state)) return withStreams(state, [taken(streams, [channel]), answers]);
  if (state.phase === "greeting") return [state, []];
  const next: Entering = { ...state, streams };
  return next.step === "authorizing" ? thenPrepare(next, []) : [next, []];
}

export function onTakeOff(state: LiveState, channel: string): SessionStep {
  const [streams, answers] = takeOff(state.streams, [channel, ...companionsOf(channel)]);
  if (streams === state.streams) return [state, []];
  if (isBarred(streams)) return barred();
  if (isUp(state)) return withStreams(state, [streams, answers]);
  if (state.phase === "greeting") return [state, []];
  const next: Entering = { ...state, streams };
  if (next.step === "authorizing") return thenPrepare(next, []);
  return [next, next.step === "preparing" ? answers.flatMap((each) => (each.kind === "leave" ? [each] : [])) : []];
}
