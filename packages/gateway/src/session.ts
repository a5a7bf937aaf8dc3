// One connection, decided: input and state in, state and effects out. PROTOCOL §2–§5. Pure and total: no clock, no dice, no
// socket; an input that means nothing in a phase changes nothing.
import type { GatewayFrame, Position, StreamRequest, Verdict, WireError } from "@trunkline/core/wire";
import { CloseCode, byteLength, maxHelloBytes, version } from "@trunkline/core/wire";
import type { Admitted } from "./admission.ts";
import { type Principal, accountChannel } from "./auth/principal.ts";
import { type Dialect, unreachable } from "./dialect.ts";
import { type Read, type TokenBucket, readFrame, takeTokens } from "./session-frames.ts";
import { type Streams, answerSubscribe, authorized, leave, noStreams, putOn, takeOff, taken } from "./session-streams.ts";

/** What all connections of a gateway share. Times in milliseconds. */
export interface SessionConfig {
  readonly greetTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly frameBytes: number;
  readonly subscriptions: number;
  /** Messages per second, sustained, and at once. */
  readonly rate: number;
  readonly burst: number;
  /** Whether clients may ask for streams: somebody has to decide. */
  readonly canSubscribe: boolean;
}

/** Bad messages a link survives (PROTOCOL §3.2). */
const badMessages = 20;
/** Messages a client may send behind its `hello` without waiting for `connected`. */
const heldMessages = 100;

interface Alive {
  readonly dialect: Dialect;
  readonly streams: Streams;
  /** When the next thing is due: the end of the greeting, then the next ping. */
  readonly dueAt: number;
  readonly bad: number;
  readonly bucket: TokenBucket;
}
/** Waits for `hello`. The plain dialect has none and starts behind it. */
interface Greeting extends Alive {
  readonly phase: "greeting";
  /** Who a header said it is, or null. */
  readonly principal: Principal | null;
}
/** Said hello; `connected` follows once all of this is settled, one after the other. */
interface Entering extends Alive {
  readonly phase: "entering";
  readonly step: "authenticating" | "announcing" | "authorizing" | "preparing";
  /** `hello.streams`, in order. */
  readonly asked: readonly StreamRequest[];
  readonly refused: ReadonlyMap<string, WireError>;
  readonly held: readonly Read[];
}
interface Open extends Alive {
  readonly phase: "open";
  /** Pings that nothing was heard since. */
  readonly unanswered: number;
}
/** Told to leave (PROTOCOL §7.4); all else goes on. */
interface Draining extends Alive {
  readonly phase: "draining";
  readonly unanswered: number;
}
export interface Closed {
  readonly phase: "closed";
}
export type SessionState = Greeting | Entering | Open | Draining | Closed;

export type SessionInput =
  | { readonly kind: "text"; readonly text: string; readonly now: number }
  | { readonly kind: "binary" }
  | { readonly kind: "authenticated"; readonly principal: Principal }
  | { readonly kind: "rejected"; readonly status: 401 | 403; readonly error: WireError }
  /** The gateway's listeners have seen the connection. */
  | { readonly kind: "announced" }
  | { readonly kind: "authorized"; readonly channel: string; readonly allowed: boolean }
  /** Every stream of the `prepare` effect has its verdict. */
  | { readonly kind: "prepared"; readonly verdicts: readonly Verdict[]; readonly connection: string; readonly spreadMs: number; readonly now: number }
  /** Gateway code puts the connection on a channel, or takes it off. */
  | { readonly kind: "subscribe" | "unsubscribe"; readonly channel: string }
  /** Time has passed. */
  | { readonly kind: "sweep"; readonly now: number; readonly spreadMs: number }
  | { readonly kind: "drain"; readonly spreadMs: number }
  | { readonly kind: "close"; readonly code: number; readonly reason: string }
  /** The link ended by itself. */
  | { readonly kind: "gone" };

export type SessionEffect =
  | { readonly kind: "send"; readonly frame: Exclude<GatewayFrame, { readonly type: "event" }> }
  /** Answered by `authenticated` or `rejected`. */
  | { readonly kind: "authenticate"; readonly token: string | undefined }
  /** Answered by `announced`. */
  | { readonly kind: "announce" }
  /** Answered by `authorized`. */
  | { readonly kind: "authorize"; readonly channel: string }
  /** Joins these streams without sending anything. Answered by `prepared`. */
  | { readonly kind: "prepare"; readonly streams: readonly StreamRequest[] }
  /** Lets the prepared streams flow. */
  | { readonly kind: "start" }
  /** Joins one stream, or joins it again from `position`; its verdict is sent when it is known. */
  | { readonly kind: "join"; readonly channel: string; readonly position: Position | undefined }
  | { readonly kind: "leave"; readonly channel: string }
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "close"; readonly code: number; readonly reason: string }
  /** Leaves every stream; always the last effect of a connection, once. */
  | { readonly kind: "end" };

export type SessionStep = readonly [next: SessionState, effects: readonly SessionEffect[]];

/** Where a connection that was let in starts. */
export function openSession(admitted: Admitted, now: number, config: SessionConfig): SessionStep {
  if (admitted.kind === "turned-away") return fatal(CloseCode.unauthorized, admitted.error.code, admitted.error.message);
  const { dialect, principal } = admitted;
  const alive: Alive = {
    dialect,
    streams: noStreams,
    dueAt: now + config.greetTimeoutMs,
    bad: 0,
    bucket: { tokens: config.burst, at: now },
  };
  if (dialect === "v1") return [{ ...alive, phase: "greeting", principal }, []];
  return enter(alive, principal, undefined, []);
}

export function step(state: SessionState, input: SessionInput, config: SessionConfig): SessionStep {
  if (state.phase === "closed") return [state, []];
  switch (input.kind) {
    case "text":
      return onText(state, input.text, input.now, config);
    case "binary":
      return end([{ kind: "close", code: CloseCode.unsupportedData, reason: "binary frames are reserved; send JSON text" }]);
    case "authenticated":
      return onAuthenticated(state, input.principal);
    case "rejected":
      return onRejected(state, input.status, input.error);
    case "announced":
      return onAnnounced(state, config);
    case "authorized":
      return onAuthorized(state, input.channel, input.allowed);
    case "prepared":
      return onPrepared(state, input, config);
    case "subscribe":
      return onPutOn(state, input.channel);
    case "unsubscribe":
      return onTakeOff(state, input.channel);
    case "sweep":
      return onSweep(state, input.now, input.spreadMs, config);
    case "drain":
      if (state.phase !== "open") return [state, []];
      return [{ ...state, phase: "draining" }, [send({ type: "drain", spreadMs: input.spreadMs })]];
    case "close":
      return end([{ kind: "close", code: input.code, reason: input.reason }]);
    case "gone":
      return end([]);
    default:
      return unreachable(input);
  }
}

function send(frame: Exclude<GatewayFrame, { readonly type: "event" }>): SessionEffect {
  return { kind: "send", frame };
}

function end(effects: readonly SessionEffect[]): SessionStep {
  return [{ phase: "closed" }, [...effects, { kind: "end" }]];
}

/** An `error` that names the reason, then the close. */
function fatal(closeCode: number, code: string, message: string): SessionStep {
  return end([
    { kind: "refused", code },
    send({ type: "error", code, message, fatal: true }),
    { kind: "close", code: closeCode, reason: message },
  ]);
}

function onText(state: Exclude<SessionState, Closed>, text: string, now: number, config: SessionConfig): SessionStep {
  if (state.phase === "greeting" && byteLength(text) > maxHelloBytes) {
    return fatal(CloseCode.tooLarge, "gateway.too-large", `expected a hello of at most ${maxHelloBytes} bytes, got a longer one`);
  }
  const frames = readFrame(state.dialect, text);
  const bucket = takeTokens(state.bucket, frames.length, now, config);
  if (bucket === null) {
    return fatal(CloseCode.rateLimited, "gateway.rate-limited", `expected at most ${config.rate} messages per second; slow down`);
  }
  const heard = state.phase === "open" || state.phase === "draining" ? { ...state, bucket, unanswered: 0 } : { ...state, bucket };
  return frames.reduce<SessionStep>((soFar, read) => then(soFar, (next) => onRead(next, read, now, config)), [heard, []]);
}

/** Goes on from a step; what is closed stays so. */
function then([state, effects]: SessionStep, next: (state: Exclude<SessionState, Closed>) => SessionStep): SessionStep {
  if (state.phase === "closed") return [state, effects];
  const [after, more] = next(state);
  return [after, more.length === 0 ? effects : [...effects, ...more]];
}

function onRead(state: Exclude<SessionState, Closed>, read: Read, now: number, config: SessionConfig): SessionStep {
  if (read.kind === "bad") return onBad(state, read.problem);
  if (state.phase === "greeting") return onFirst(state, read, now, config);
  if (state.phase === "entering") {
    if (read.kind === "frame" && read.frame.type === "pong") return [state, []];
    if (state.held.length < heldMessages) return [{ ...state, held: [...state.held, read] }, []];
    return fatal(CloseCode.badRequest, "gateway.bad-request", `expected at most ${heldMessages} messages before connected`);
  }
  if (read.kind === "unknown") return [state, [send(unsupported(read.type))]];
  const { frame } = read;
  switch (frame.type) {
    case "hello":
      return onBad(state, "type: expected hello once, got another one");
    case "subscribe":
      return withStreams(state, answerSubscribe(state.streams, frame.streams, config));
    case "unsubscribe":
      return withStreams(state, leave(state.streams, frame.channels));
    case "ping":
      return [state, [send(frame.id === undefined ? { type: "pong" } : { type: "pong", id: frame.id })]];
    case "pong":
      return [state, []];
    default:
      return unreachable(frame);
  }
}

function unsupported(type: string): Exclude<GatewayFrame, { readonly type: "event" }> {
  const message = `type: expected hello, subscribe, unsubscribe, ping or pong, got ${JSON.stringify(type.slice(0, 64))}`;
  return { type: "error", code: "gateway.unsupported", message };
}

function onBad(state: Exclude<SessionState, Closed>, problem: string): SessionStep {
  const bad = state.bad + 1;
  if (bad > badMessages) return fatal(CloseCode.badRequest, "peer.bad-frame", `more than ${badMessages} bad messages, the last: ${problem}`);
  return [{ ...state, bad }, [send({ type: "error", code: "peer.bad-frame", message: problem })]];
}

function onFirst(state: Greeting, read: Exclude<Read, { kind: "bad" }>, now: number, config: SessionConfig): SessionStep {
  if (read.kind === "unknown" || read.frame.type !== "hello") {
    const type = read.kind === "unknown" ? read.type : read.frame.type;
    return fatal(CloseCode.badRequest, "peer.bad-frame", `type: expected hello first, got ${JSON.stringify(type.slice(0, 64))}`);
  }
  const { token, streams = [] } = read.frame;
  // The rest of the way in has a time of its own: authorizers may be slow.
  return enter({ ...state, dueAt: now + config.greetTimeoutMs }, state.principal, token, streams);
}

function enter(alive: Alive, principal: Principal | null, token: string | undefined, asked: readonly StreamRequest[]): SessionStep {
  const { dialect, dueAt, bad, bucket } = alive;
  const offered = new Map(asked.flatMap(({ channel, position }) => (position === undefined ? [] : [[channel, position]])));
  const streams: Streams = offered.size === 0 ? alive.streams : { ...alive.streams, offered };
  const next: Entering = {
    phase: "entering",
    step: "authenticating",
    dialect,
    streams,
    dueAt,
    bad,
    bucket,
    asked: [...new Map(asked.map((stream) => [stream.channel, stream])).values()],
    refused: new Map(),
    held: [],
  };
  return principal === null ? [next, [{ kind: "authenticate", token }]] : onAuthenticated(next, principal);
}

function onAuthenticated(state: SessionState, principal: Principal): SessionStep {
  if (state.phase !== "entering" || state.step !== "authenticating") return [state, []];
  const own = principal.kind === "public" ? principal.channel : accountChannel(principal.account);
  const [streams] = putOn(state.streams, own);
  return [{ ...state, step: "announcing", streams }, [{ kind: "announce" }]];
}

function onRejected(state: Exclude<SessionState, Closed>, status: 401 | 403, error: WireError): SessionStep {
  if (state.phase !== "entering" || state.step !== "authenticating") return [state, []];
  // PROTOCOL §10.1: plain refusals all look alike.
  const code = status === 401 || state.dialect === "plain" ? CloseCode.unauthorized : CloseCode.forbidden;
  return fatal(code, error.code, error.message);
}

function onAnnounced(state: Exclude<SessionState, Closed>, config: SessionConfig): SessionStep {
  if (state.phase !== "entering" || state.step !== "announcing") return [state, []];
  const [streams, answers] = answerSubscribe(state.streams, state.asked, config);
  const refused = new Map(state.refused);
  const effects: SessionEffect[] = [];
  for (const answer of answers) {
    if (answer.kind === "verdict" && answer.verdict.verdict === "refused") refused.set(answer.verdict.channel, answer.verdict.error);
    // What is on already is joined with the rest.
    if (answer.kind === "authorize") effects.push(answer);
  }
  return thenPrepare({ ...state, step: "authorizing", streams, refused }, effects);
}

/** Asks for the verdicts once every stream is either on or refused. */
function thenPrepare(state: Entering, effects: readonly SessionEffect[]): SessionStep {
  if (state.streams.waiting !== null) return [state, effects];
  const streams: StreamRequest[] = [];
  for (const [channel] of state.streams.on) {
    const position = state.streams.offered?.get(channel);
    streams.push(position === undefined ? { channel } : { channel, position });
  }
  return [{ ...state, step: "preparing" }, [...effects, { kind: "prepare", streams }]];
}

function onAuthorized(state: Exclude<SessionState, Closed>, channel: string, allowed: boolean): SessionStep {
  const [streams, answers] = authorized(state.streams, channel, allowed);
  if (streams === state.streams) return [state, []];
  if (state.phase === "open" || state.phase === "draining") return withStreams(state, [streams, answers]);
  if (state.phase !== "entering") return [state, []];
  const refused = new Map(state.refused);
  for (const answer of answers) {
    if (answer.kind === "verdict" && answer.verdict.verdict === "refused") refused.set(channel, answer.verdict.error);
  }
  const next: Entering = { ...state, streams, refused };
  return next.step === "authorizing" ? thenPrepare(next, []) : [next, []];
}

function onPrepared(
  state: Exclude<SessionState, Closed>,
  { verdicts, connection, spreadMs, now }: Extract<SessionInput, { kind: "prepared" }>,
  config: SessionConfig,
): SessionStep {
  if (state.phase !== "entering" || state.step !== "preparing") return [state, []];
  const { dialect, streams, bad, bucket, asked, refused, held } = state;
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
    streams: taken(streams, streams.on.keys()),
    dueAt: now + config.heartbeatMs,
    bad,
    bucket,
    unanswered: 0,
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
  });
  // What gateway code did while the verdicts were on their way.
  const prepared = new Set(verdicts.map(({ channel }) => channel));
  const late: SessionEffect[] = [];
  for (const [channel] of streams.on) {
    if (!prepared.has(channel)) late.push({ kind: "join", channel, position: streams.offered?.get(channel) });
  }
  const opened: SessionStep = [open, [connected, { kind: "start" }, ...late]];
  return held.reduce<SessionStep>((soFar, read) => then(soFar, (next) => onRead(next, read, now, config)), opened);
}

function onPutOn(state: Exclude<SessionState, Closed>, channel: string): SessionStep {
  const [streams, answers] = putOn(state.streams, channel);
  if (streams === state.streams) return [state, []];
  if (state.phase === "open" || state.phase === "draining") return withStreams(state, [taken(streams, [channel]), answers]);
  if (state.phase === "greeting") return [state, []];
  const next: Entering = { ...state, streams };
  return next.step === "authorizing" ? thenPrepare(next, []) : [next, []];
}

function onTakeOff(state: Exclude<SessionState, Closed>, channel: string): SessionStep {
  const [streams, answers] = takeOff(state.streams, channel);
  if (streams === state.streams) return [state, []];
  if (state.phase === "open" || state.phase === "draining") return withStreams(state, [streams, answers]);
  if (state.phase === "greeting") return [state, []];
  const next: Entering = { ...state, streams };
  if (next.step === "authorizing") return thenPrepare(next, []);
  return [next, next.step === "preparing" ? [{ kind: "leave", channel }] : []];
}

type Answers = ReturnType<typeof answerSubscribe>[1];

function withStreams(state: Open | Draining, [streams, answers]: readonly [Streams, Answers]): SessionStep {
  const effects = answers.flatMap<SessionEffect>((answer) => {
    if (answer.kind !== "verdict") return [answer];
    const { verdict } = answer;
    const told = send({ type: "verdict", streams: [verdict] });
    return verdict.verdict === "refused" ? [{ kind: "refused", code: verdict.error.code }, told] : [told];
  });
  return [streams === state.streams ? state : { ...state, streams }, effects];
}

function onSweep(state: Exclude<SessionState, Closed>, now: number, spreadMs: number, config: SessionConfig): SessionStep {
  if (now < state.dueAt) return [state, []];
  if (state.phase === "greeting") {
    return fatal(CloseCode.timeout, "gateway.bad-request", `expected hello within ${config.greetTimeoutMs} ms, got none`);
  }
  if (state.phase === "entering") {
    return end([{ kind: "close", code: CloseCode.tryAgainLater, reason: `not ready within ${config.greetTimeoutMs} ms; try again` }]);
  }
  // Counted in pings, not in time: after a sleep of the gateway's own machine nobody is late.
  if (state.unanswered >= 2) return end([{ kind: "close", code: CloseCode.timeout, reason: "two pings unanswered" }]);
  const next = { ...state, unanswered: state.unanswered + 1, dueAt: now + config.heartbeatMs };
  return [next, [send({ type: "ping", spreadMs })]];
}
