// One connection, decided: input and state in, state and effects out. PROTOCOL §2–§5. Pure and total: no clock, no dice, no
// socket; an input that means nothing in a phase changes nothing.
import { CloseCode, type GatewayFrame, byteLength, maxHelloBytes } from "@trunkline/core/wire";
import type { Admitted } from "./admission.ts";
import { unreachable } from "./dialect.ts";
import { onReauthorize, withStreams } from "./session-answers.ts";
import { expired, lifeOf, onAuth, onNotRefreshed, onNotice, onRefreshed } from "./session-auth.ts";
import { barred, enter, onAnnounced, onAuthenticated, onPrepared, onRejected } from "./session-entry.ts";
import { onAuthorized, onDenied, onGranted, onPutOn, onRegistered, onTakeOff } from "./session-grants.ts";
import { onBad, onCall, onWords } from "./session-incoming.ts";
import { onAnswered, onRequest } from "./session-requests.ts";
import { type Read, type TokenBucket, readFrame, takeTokens } from "./session-frames.ts";
import {
  type Alive,
  type Greeting,
  type LiveState,
  type SessionConfig,
  type SessionInput,
  type SessionState,
  type SessionStep,
  end,
  fatal,
  isUp,
  send,
} from "./session-state.ts";
import { answerSubscribe, endGrants, everyChannel, isBarred, leave, noStreams } from "./session-streams.ts";

/** Messages a client may send behind its `hello` without waiting for `connected`, and their characters: nobody knows yet who it is. */
const heldMessages = 100;
const heldCharacters = 65_536;

/** Where a connection that was let in starts. `endsAt`: when the token ends that it came with, by the clock of `now`. */
export function openSession(
  admitted: Admitted,
  now: number,
  config: SessionConfig,
  endsAt: number = Infinity,
): SessionStep {
  if (admitted.kind === "turned-away")
    return fatal(CloseCode.unauthorized, admitted.error.code, admitted.error.message);
  const { dialect, principal, eventStream } = admitted;
  if (endsAt <= now) return expired();
  const only = eventStream?.only ?? admitted.only ?? null;
  const alive: Alive = {
    dialect,
    principal,
    life: lifeOf(endsAt, now),
    streams: only?.channel === undefined ? noStreams : { ...noStreams, only: only.channel },
    expectsPong: eventStream === undefined,
    dueAt: now + config.greetTimeoutMs,
    bad: 0,
    bucket: { tokens: config.burst, at: now },
  };
  if (dialect === "v1") return [{ ...alive, phase: "greeting" }, []];
  if (only?.channel === undefined) return enter(alive, undefined, [], null, undefined, only);
  return enter(alive, undefined, [{ ...only, channel: only.channel }], null);
}

export function step(state: SessionState, input: SessionInput, config: SessionConfig): SessionStep {
  if (state.phase === "closed") return [state, []];
  switch (input.kind) {
    case "text":
      return onText(state, input.text, input.now, config);
    case "pong":
      return isUp(state) ? [{ ...state, unanswered: 0 }, []] : [state, []];
    case "binary":
      return end([{ kind: "close", code: CloseCode.unsupportedData, reason: "binary frames are reserved; send text" }]);
    case "authenticated":
      return isUp(state) ? onRefreshed(state, input) : onAuthenticated(state, input);
    case "rejected":
      if (isUp(state)) return onNotRefreshed(state, input.error);
      return onRejected(state, input.status, input.error);
    case "announced":
      return onAnnounced(state, config);
    case "granted":
      return onGranted(state, input);
    case "denied":
      return onDenied(state, input);
    case "registered":
      return onRegistered(state, input.channels);
    case "reauthorize":
      return onReauthorize(state);
    case "authorized":
      return onAuthorized(state, input.answers);
    case "prepared":
      return heldOnes(state).reduce<SessionStep>(
        (soFar, read) => then(soFar, (next) => onRead(next, read, input.now, config)),
        onPrepared(state, input, config),
      );
    case "answered":
      return isUp(state) ? onAnswered(state, input.answer) : [state, []];
    case "subscribe":
      return onPutOn(state, input.channel);
    case "unsubscribe":
      return onTakeOff(state, input.channel);
    case "sweep":
      return onSweep(state, input, config);
    case "drain":
      if (state.phase !== "open") return [state, []];
      return [{ ...state, phase: "draining" }, [send({ type: "drain", spreadMs: input.spreadMs })]];
    case "superseded":
      // It was asked to leave by itself, and has until the drain's end.
      if (state.phase === "draining") return [state, []];
      return fatal(CloseCode.superseded, "gateway.superseded", "a newer link of this client is connected");
    case "close":
      return end([{ kind: "close", code: input.code, reason: input.reason }]);
    case "gone":
      return end([]);
    default:
      return unreachable(input);
  }
}

function onText(state: LiveState, text: string, now: number, config: SessionConfig): SessionStep {
  if (state.phase === "greeting" && byteLength(text) > maxHelloBytes) {
    return fatal(
      CloseCode.tooLarge,
      "gateway.too-large",
      `expected a hello of at most ${maxHelloBytes} bytes, got a longer one`,
    );
  }
  const frames = readFrame(state.dialect, text);
  const bucket = takeTokens(state.bucket, frames.length, now, config);
  if (bucket === null) {
    return fatal(
      CloseCode.rateLimited,
      "gateway.rate-limited",
      `expected at most ${config.rate} messages per second; slow down`,
    );
  }
  const heard = afterText(state, bucket, text.length);
  return frames.reduce<SessionStep>(
    (soFar, read) => then(soFar, (next) => onRead(next, read, now, config)),
    [heard, []],
  );
}

function afterText(state: LiveState, bucket: TokenBucket, size: number): LiveState {
  if (isUp(state)) return { ...state, bucket, unanswered: 0 };
  return state.phase === "entering" ? { ...state, bucket, heldSize: state.heldSize + size } : { ...state, bucket };
}

/** What came behind `hello`, once it can be answered. */
function heldOnes(state: LiveState): readonly Read[] {
  return state.phase === "entering" && state.step === "preparing" ? state.held : [];
}

/** Goes on from a step; what is closed stays so. */
function then([state, effects]: SessionStep, next: (state: LiveState) => SessionStep): SessionStep {
  if (state.phase === "closed") return [state, effects];
  const [after, more] = next(state);
  return [after, more.length === 0 ? effects : [...effects, ...more]];
}

function onRead(state: LiveState, read: Read, now: number, config: SessionConfig): SessionStep {
  if (read.kind === "bad") return onBad(state, read.problem);
  // Whoever has no `hello` begins behind it.
  if (state.phase === "greeting") return read.kind === "words" ? [state, []] : onFirst(state, read, now, config);
  if (state.phase === "entering") {
    if (read.kind === "frame" && read.frame.type === "pong") return [state, []];
    if (state.held.length < heldMessages && state.heldSize <= heldCharacters)
      return [{ ...state, held: [...state.held, read] }, []];
    return fatal(
      CloseCode.badRequest,
      "gateway.bad-request",
      `expected at most ${heldMessages} messages of ${heldCharacters} characters in all before connected`,
    );
  }
  if (read.kind === "words") return onWords(state, read.text);
  if (read.kind === "unknown") return [state, [send(unsupported(read.type))]];
  const { frame } = read;
  switch (frame.type) {
    case "hello":
      return onBad(state, "type: expected hello once, got another one");
    case "subscribe":
      return withStreams(state, answerSubscribe(state.streams, frame.streams, config));
    case "unsubscribe":
      return withStreams(state, leave(state.streams, frame.channels ?? everyChannel(state.streams)));
    case "publish":
    case "presence":
    case "history":
      return onRequest(state, frame, config);
    case "call":
      return onCall(state, frame);
    case "auth":
      return onAuth(state, frame.token);
    case "ping":
      return [state, [send(frame.id === undefined ? { type: "pong" } : { type: "pong", id: frame.id })]];
    case "pong":
      return [state, []];
    default:
      return unreachable(frame);
  }
}

function unsupported(type: string): Exclude<GatewayFrame, { readonly type: "event" }> {
  const message = `type: expected hello, subscribe, unsubscribe, publish, presence, history, call, auth, ping or pong, got ${JSON.stringify(type.slice(0, 64))}`;
  return { type: "error", code: "gateway.unsupported", message };
}

function onFirst(
  state: Greeting,
  read: Exclude<Read, { kind: "bad" | "words" }>,
  now: number,
  config: SessionConfig,
): SessionStep {
  if (read.kind === "unknown" || read.frame.type !== "hello") {
    const type = read.kind === "unknown" ? read.type : read.frame.type;
    return fatal(
      CloseCode.badRequest,
      "peer.bad-frame",
      `type: expected hello first, got ${JSON.stringify(type.slice(0, 64))}`,
    );
  }
  const { token, streams = [], instance, generation, scope } = read.frame;
  const link = generation === undefined ? null : { instance, generation };
  // The rest of the way in has a time of its own: authorizers may be slow.
  return enter({ ...state, dueAt: now + config.greetTimeoutMs }, token, streams, link, scope);
}

function onSweep(
  state: LiveState,
  input: Extract<SessionInput, { readonly kind: "sweep" }>,
  config: SessionConfig,
): SessionStep {
  const { now, spreadMs, quiet = [] } = input;
  if (now >= state.life.endsAt) return expired();
  if (now >= state.life.dueAt && isUp(state))
    return then(onNotice(state, now, spreadMs), (next) => onSweep(next, input, config));
  if (now >= state.streams.endsAt && isUp(state)) {
    const [streams, answers] = endGrants(state.streams, now);
    if (isBarred(streams)) return barred();
    return then(withStreams(state, [streams, answers]), (next) => onSweep(next, input, config));
  }
  if (now < state.dueAt) return [state, []];
  // No `error` before it: to be late is no offence, and a client that gets one of ours stops for good.
  if (state.phase === "greeting") {
    const reason = `expected hello within ${config.greetTimeoutMs} ms, got none`;
    return end([
      { kind: "refused", code: "gateway.bad-request" },
      { kind: "close", code: CloseCode.timeout, reason },
    ]);
  }
  if (state.phase === "entering") {
    return end([
      {
        kind: "close",
        code: state.step === "authenticating" ? CloseCode.timeout : CloseCode.tryAgainLater,
        reason: `not ready within ${config.greetTimeoutMs} ms; try again`,
      },
    ]);
  }
  // Counted in pings, not in time: after a sleep of the gateway's own machine nobody is late.
  if (state.expectsPong && state.unanswered >= 2)
    return end([{ kind: "close", code: CloseCode.timeout, reason: "two pings unanswered" }]);
  const next = { ...state, unanswered: state.unanswered + 1, dueAt: now + config.heartbeatMs };
  return [next, [send({ type: "ping", ...(quiet.length > 0 && { positions: quiet }), spreadMs })]];
}
