// What a connected session says and asks about its streams. Pure.
import { companionsOf } from "./presence/companions.ts";
import { type Draining, type LiveState, type Open, type SessionEffect, isUp, send } from "./session-state.ts";
import { type Answered, recheck, takeOff } from "./session-streams.ts";

type UpStep = readonly [next: Open | Draining, effects: readonly SessionEffect[]];

export function withStreams(state: Open | Draining, answered: Answered): UpStep {
  const [streams, answers] = endCompanions(answered);
  const effects = answers.flatMap<SessionEffect>((answer) => {
    if (answer.kind !== "verdict") return [answer];
    const { verdict } = answer;
    const told = send({ type: "verdict", streams: [verdict] });
    return verdict.verdict === "refused" ? [{ kind: "refused", code: verdict.error.code }, told] : [told];
  });
  return [streams === state.streams ? state : { ...state, streams }, effects];
}

/** Whoever is taken off a channel is taken off what goes along with it (PROTOCOL §13.3). */
function endCompanions([streams, answers]: Answered): Answered {
  const ended = answers.flatMap((answer) =>
    answer.kind === "verdict" && answer.verdict.verdict === "ended" ? companionsOf(answer.verdict.channel) : [],
  );
  if (ended.length === 0) return [streams, answers];
  const [next, more] = takeOff(streams, ended);
  return [next, [...answers, ...more]];
}

/** Sources and authorizer are asked about all that they granted. Until they answer, it goes on as it was. */
export function reconsider(state: Open | Draining): UpStep {
  const { principal } = state;
  if (principal === null) return [state, []];
  const [next, asked] = withStreams(state, recheck(state.streams));
  return [next, [{ kind: "grant", turn: next.streams.turn, principal }, ...asked]];
}

/** PROTOCOL §2.9. Whoever is still on the way in asks when it gets there. */
export function onReauthorize(state: LiveState): readonly [next: LiveState, effects: readonly SessionEffect[]] {
  return isUp(state) ? reconsider(state) : [state, []];
}
