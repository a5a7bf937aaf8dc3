// The way in, between `hello` and `connected`: who is it, what does gateway code say, which streams, with which verdicts.
// PROTOCOL §2, §5.3, §5.4. Pure, as all of the session.
import { CloseCode, type StreamRequest, type Verdict, type WireError, version } from "@trunkline/core/wire";
import type { Principal } from "./auth/principal.ts";
import { expired, lifeOf, remaining } from "./session-auth.ts";
import {
  type Alive,
  type Authenticated,
  type Entering,
  type LinkNumber,
  type LiveState,
  type Open,
  type Prepared,
  type RefusalStatus,
  type SessionConfig,
  type SessionEffect,
  type SessionStep,
  fatal,
  refusal,
  send,
} from "./session-state.ts";
import type { SourceChannels } from "./subscription-source.ts";
import { type StreamStart, type Streams, answerSubscribe, isBarred, source, taken } from "./session-streams.ts";

/** Behind `hello`, or where the plain dialect begins. */
export function enter(
  alive: Alive,
  token: string | undefined,
  asked: readonly StreamRequest[],
  link: LinkNumber | null,
  hint?: string,
  own: Entering["own"] = null,
): SessionStep {
  const { dialect, principal, life, expectsPong, dueAt, bad, bucket } = alive;
  const offered = new Map(
    asked.flatMap(({ channel, position }) => (position === undefined ? [] : [[channel, position]])),
  );
  const streams: Streams = offered.size === 0 ? alive.streams : { ...alive.streams, offered };
  const next: Entering = {
    phase: "entering",
    step: "authenticating",
    link,
    hint,
    own,
    dialect,
    principal,
    life,
    streams,
    expectsPong,
    dueAt,
    bad,
    bucket,
    asked: [...new Map(asked.map((stream) => [stream.channel, stream])).values()],
    refused: new Map(),
    held: [],
    heldSize: 0,
  };
  return principal === null ? [next, [{ kind: "authenticate", token }]] : identified(next, principal);
}

export function onAuthenticated(state: LiveState, { principal, endsAt, now }: Authenticated): SessionStep {
  if (state.phase !== "entering" || state.step !== "authenticating") return [state, []];
  if (endsAt <= now) return expired();
  return identified({ ...state, principal, life: lifeOf(endsAt, now) }, principal);
}

function identified(state: Entering, principal: Principal): SessionStep {
  const { hint, streams } = state;
  return [{ ...state, step: "granting" }, [{ kind: "grant", turn: streams.turn, principal, hint }]];
}

/** What it is on by itself is known: gateway code gets to see it. */
export function onEntranceGranted(state: Entering, channels: SourceChannels): SessionStep {
  if (state.step !== "granting") return [state, []];
  const { own, link } = state;
  const announce: SessionEffect = { kind: "announce", link };
  if (own === null) {
    const [streams] = source(state.streams, channels);
    return [{ ...state, step: "announcing", streams }, [announce]];
  }
  const [first] = [...channels.keys(), ...state.streams.on.keys()];
  if (first === undefined) return refusal(state.dialect, 400, nothingOwn);
  const { position = state.streams.offered?.get(first) } = own;
  const offered = position === undefined ? null : new Map([[first, position]]);
  const on = new Map([...state.streams.on].filter(([channel]) => channel === first));
  const [streams] = source({ ...state.streams, on, only: first, offered }, channels);
  return [{ ...state, step: "announcing", asked: [{ ...own, channel: first }], streams }, [announce]];
}

const nothingOwn: WireError = {
  code: "gateway.bad-request",
  message: "channel: expected ?channel=NAME, because nothing is this connection's own",
};

export function onRejected(state: LiveState, status: RefusalStatus, error: WireError): SessionStep {
  if (state.phase !== "entering" || state.step !== "authenticating") return [state, []];
  return refusal(state.dialect, status, error);
}

export function onAnnounced(state: LiveState, config: SessionConfig): SessionStep {
  if (state.phase !== "entering" || state.step !== "announcing") return [state, []];
  const [streams, answers] = answerSubscribe(state.streams, state.asked, config);
  const refused = new Map(state.refused);
  const effects: SessionEffect[] = [];
  for (const answer of answers) {
    if (answer.kind === "verdict" && answer.verdict.verdict === "refused")
      refused.set(answer.verdict.channel, answer.verdict.error);
    // What is on already is joined with the rest.
    if (answer.kind === "authorize") effects.push(answer);
  }
  return thenPrepare({ ...state, step: "authorizing", streams, refused }, effects);
}

/** Asks for the verdicts once every stream is either on or refused. */
export function thenPrepare(state: Entering, effects: readonly SessionEffect[]): SessionStep {
  if (state.streams.waiting !== null) return [state, effects];
  if (isBarred(state.streams)) return barred(state.refused.get(state.streams.only ?? ""));
  const asked = new Map(state.asked.map((request) => [request.channel, request]));
  const streams: StreamStart[] = [];
  for (const [channel] of state.streams.on)
    streams.push({ channel, position: state.streams.offered?.get(channel), rewind: asked.get(channel)?.rewind });
  return [{ ...state, step: "preparing" }, [...effects, { kind: "prepare", streams }]];
}

/** Every verdict is there: `connected`, and the streams flow behind it. */
export function onPrepared(
  state: LiveState,
  { verdicts, connection, spreadMs, now }: Prepared,
  config: SessionConfig,
): SessionStep {
  if (state.phase !== "entering" || state.step !== "preparing") return [state, []];
  const { dialect, principal, life, expectsPong, streams, bad, bucket, asked, refused } = state;
  const named = new Map(verdicts.map((verdict) => [verdict.channel, verdict]));
  const listed: Verdict[] = [];
  for (const { channel } of asked) {
    const error = refused.get(channel) ?? { code: "gateway.forbidden", message: "the gateway took it off" };
    listed.push(named.get(channel) ?? { channel, verdict: "refused", error });
    named.delete(channel);
  }
  listed.push(...named.values());
  const open: Open = {
    phase: "open",
    dialect,
    principal,
    life,
    streams: taken(streams, streams.on.keys()),
    expectsPong,
    dueAt: now + config.heartbeatMs,
    bad,
    bucket,
    unanswered: 0,
    unansweredRequests: 0,
    refreshing: false,
  };
  const { heartbeatMs, frameBytes, subscriptions } = config;
  const connected: SessionEffect = send({
    type: "connected",
    connection,
    server: `trunkline-gateway/${version}`,
    heartbeatMs,
    spreadMs,
    limits: { frameBytes, subscriptions },
    features: [],
    streams: listed,
    ...remaining(life, now),
  });
  // What gateway code did while the verdicts were on their way.
  const prepared = new Set(verdicts.map(({ channel }) => channel));
  const late: SessionEffect[] = [];
  for (const [channel] of streams.on) {
    if (!prepared.has(channel)) late.push({ kind: "join", channel, position: streams.offered?.get(channel) });
  }
  const counted = listed.flatMap<SessionEffect>((verdict) =>
    verdict.verdict === "refused" ? [{ kind: "refused", code: verdict.error.code }] : [],
  );
  return [open, [...counted, connected, { kind: "start" }, ...late]];
}

/** A link of one channel ends with it. */
export function barred(
  error: WireError = { code: "gateway.forbidden", message: "the gateway took it off" },
): SessionStep {
  return fatal(CloseCode.forbidden, error.code, error.message);
}
