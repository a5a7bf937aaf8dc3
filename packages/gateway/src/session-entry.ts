// The way in, between `hello` and `connected`: who is it, what does gateway code say, which streams, with which verdicts.
// PROTOCOL §2, §5.3, §5.4. Pure, as all of the session.
import { CloseCode, type StreamRequest, type Verdict, type WireError, version } from "@trunkline/core/wire";
import { type Principal, ownChannels } from "./auth/principal.ts";
import { expired, lifeOf, remaining } from "./session-auth.ts";
import {
  type Alive,
  type Authenticated,
  type Entering,
  type LinkNumber,
  type LiveState,
  type Open,
  type Prepared,
  type SessionConfig,
  type SessionEffect,
  type SessionStep,
  end,
  fatal,
  send,
} from "./session-state.ts";
import { type Streams, answerSubscribe, isBarred, putOn, taken } from "./session-streams.ts";

/** Behind `hello`, or where the plain dialect begins. */
export function enter(
  alive: Alive,
  token: string | undefined,
  asked: readonly StreamRequest[],
  link: LinkNumber | null,
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
  };
  return principal === null ? [next, [{ kind: "authenticate", token }]] : identified(next, principal);
}

export function onAuthenticated(state: LiveState, { principal, endsAt, now }: Authenticated): SessionStep {
  if (state.phase !== "entering" || state.step !== "authenticating") return [state, []];
  if (endsAt <= now) return expired();
  return identified({ ...state, principal, life: lifeOf(endsAt, now) }, principal);
}

function identified(state: Entering, principal: Principal): SessionStep {
  const streams = ownChannels(principal).reduce((soFar, channel) => putOn(soFar, channel)[0], state.streams);
  return [{ ...state, step: "announcing", streams }, [{ kind: "announce", link: state.link }]];
}

export function onRejected(state: LiveState, status: 401 | 403 | 500, error: WireError): SessionStep {
  if (state.phase !== "entering" || state.step !== "authenticating") return [state, []];
  if (status === 500) {
    // No `error` before it: a client that gets one of ours stops for good, and this is none of its faults.
    return end([
      { kind: "refused", code: error.code },
      { kind: "close", code: CloseCode.internalError, reason: error.message },
    ]);
  }
  // PROTOCOL §10.1: plain refusals all look alike.
  const code = status === 401 || state.dialect === "plain" ? CloseCode.unauthorized : CloseCode.forbidden;
  return fatal(code, error.code, error.message);
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
  const streams: StreamRequest[] = [];
  for (const [channel] of state.streams.on) {
    const position = state.streams.offered?.get(channel);
    streams.push(position === undefined ? { channel } : { channel, position });
  }
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
    publishing: 0,
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
