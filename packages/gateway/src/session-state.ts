// What a session is made of: its states, what happens to it, and what it asks for. Types and the smallest steps.
import {
  type AnswerFrame,
  CloseCode,
  type GatewayFrame,
  type HistoryFrame,
  type PresenceFrame,
  type PublishRequest,
  type StreamPosition,
  type StreamRequest,
  type Verdict,
  type WireError,
} from "@trunkline/core/wire";
import type { Principal } from "./auth/principal.ts";
import type { Dialect } from "./dialect.ts";
import type { IncomingData } from "./incoming.ts";
import type { TokenLife } from "./session-auth.ts";
import type { Read, TokenBucket } from "./session-frames.ts";
import type { Decision, Question, StreamStart, Streams } from "./session-streams.ts";
import type { SourceChannels } from "./subscription-source.ts";

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
  /** Publishes of one connection that may be unanswered, and other requests. */
  readonly pendingPublishes: number;
}

export interface Alive {
  readonly dialect: Dialect;
  /** Who it is; null before that is known. */
  readonly principal: Principal | null;
  readonly life: TokenLife;
  readonly streams: Streams;
  /** Whether a peer that answers no ping is taken for dead; an event stream shows by itself who is gone. */
  readonly expectsPong: boolean;
  /** When the next thing is due: the end of the greeting, then the next ping. */
  readonly dueAt: number;
  readonly bad: number;
  readonly bucket: TokenBucket;
}
/** Waits for `hello`. The plain dialect has none and starts behind it. */
export interface Greeting extends Alive {
  readonly phase: "greeting";
}
export interface LinkNumber {
  readonly instance: string;
  readonly generation: number;
}
/** Said hello; `connected` follows once all of this is settled, one after the other. */
export interface Entering extends Alive {
  readonly phase: "entering";
  /** Which link of which client it is; null when it does not count them (PROTOCOL §7.6). */
  readonly link: LinkNumber | null;
  readonly step: "authenticating" | "granting" | "announcing" | "authorizing" | "preparing";
  /** What part of the account `hello` asked for. */
  readonly hint: string | undefined;
  /** Of a link that carries one stream which was not named: where the first of its channels is to go on; else null. */
  readonly own: Omit<StreamRequest, "channel"> | null;
  /** `hello.streams`, in order. */
  readonly asked: readonly StreamRequest[];
  readonly refused: ReadonlyMap<string, WireError>;
  /** What came behind `hello`, and its characters. */
  readonly held: readonly Read[];
  readonly heldSize: number;
}
export interface Open extends Alive {
  readonly phase: "open";
  /** Pings that nothing was heard since. */
  readonly unanswered: number;
  /** Publishes and other requests without an answer. */
  readonly unansweredRequests: number;
  /** Whether a fresh token is being looked at. */
  readonly refreshing: boolean;
}
/** Told to leave (PROTOCOL §7.4); all else goes on. */
export interface Draining extends Omit<Open, "phase"> {
  readonly phase: "draining";
}
interface Closed {
  readonly phase: "closed";
}
/** A session that is not over. */
export type LiveState = Greeting | Entering | Open | Draining;
export type SessionState = LiveState | Closed;

/** Whether it is connected, and can be told things. */
export function isUp(state: LiveState): state is Open | Draining {
  return state.phase === "open" || state.phase === "draining";
}

export interface Prepared {
  readonly kind: "prepared";
  readonly verdicts: readonly Verdict[];
  /** The connection's id. */
  readonly connection: string;
  readonly spreadMs: number;
  readonly now: number;
}
/** What a token is worth. `endsAt`: when it ends, by the clock of `now`; `Infinity` when it does not. */
export interface Authenticated {
  readonly kind: "authenticated";
  readonly principal: Principal;
  readonly endsAt: number;
  readonly now: number;
}
/** `turn`: of the question that it answers. */
export interface Granted {
  readonly kind: "granted";
  readonly turn: number;
  readonly channels: SourceChannels;
}
export interface Denied {
  readonly kind: "denied";
  readonly turn: number;
  readonly status: RefusalStatus;
  readonly error: WireError;
}
export type RefusalStatus = 400 | 401 | 403 | 500 | 503;
export type SessionInput =
  | { readonly kind: "text"; readonly text: string; readonly now: number }
  | { readonly kind: "binary" }
  /** A ping of the link itself was answered. */
  | { readonly kind: "pong" }
  | Authenticated
  | { readonly kind: "rejected"; readonly status: RefusalStatus; readonly error: WireError }
  /** What its sources name. */
  | Granted
  /** It may not be here, or nobody knows; `status` is the HTTP status that says so. */
  | Denied
  /** What the registry says of the page whose connection it is. */
  | { readonly kind: "registered"; readonly channels: SourceChannels }
  /** What it was granted is asked about anew. */
  | { readonly kind: "reauthorize" }
  /** The gateway's listeners have seen the connection. */
  | { readonly kind: "announced" }
  /** In the order in which they came. */
  | { readonly kind: "authorized"; readonly answers: readonly Decision[] }
  /** Every stream of the `prepare` effect has its verdict. */
  | Prepared
  /** What became of a `publish`, `presence` or `history` effect. */
  | { readonly kind: "answered"; readonly answer: AnswerFrame }
  /** Gateway code puts the connection on a channel, or takes it off. */
  | { readonly kind: "subscribe" | "unsubscribe"; readonly channel: string }
  /** Time has passed. `quiet`: where the streams are that nothing was sent of since the last ping. */
  | {
      readonly kind: "sweep";
      readonly now: number;
      readonly spreadMs: number;
      readonly quiet?: readonly StreamPosition[];
    }
  | { readonly kind: "drain"; readonly spreadMs: number }
  /** A newer link of the same client is connected (PROTOCOL §7.6). */
  | { readonly kind: "superseded" }
  | { readonly kind: "close"; readonly code: number; readonly reason: string }
  /** The link ended by itself. */
  | { readonly kind: "gone" };

export type SessionEffect =
  | { readonly kind: "send"; readonly frame: Exclude<GatewayFrame, { readonly type: "event" }> }
  /** Answered by `authenticated` or `rejected`. */
  | { readonly kind: "authenticate"; readonly token: string | undefined }
  /** Finds out its scope and its channels. Answered by `granted` or `denied`. `hint`: what `hello` asked for, if it did just now. */
  | { readonly kind: "grant"; readonly turn: number; readonly principal: Principal; readonly hint?: string | undefined }
  /** Answered by `announced`, or by `superseded`. */
  | { readonly kind: "announce"; readonly link: LinkNumber | null }
  /** Answered by `authorized`, with others or alone. */
  | Question
  /** Joins these streams without sending anything. Answered by `prepared`, or by `superseded`. */
  | { readonly kind: "prepare"; readonly streams: readonly StreamStart[] }
  /** Lets the prepared streams flow. */
  | { readonly kind: "start" }
  /** Joins one stream, or joins it again from `position`; its verdict is sent when it is known. */
  | ({ readonly kind: "join" } & StreamStart)
  | { readonly kind: "leave"; readonly channel: string }
  /** Answered by `answered`. */
  | ({ readonly kind: "presence" } & Omit<PresenceFrame, "type">)
  | ({ readonly kind: "history" } & Omit<HistoryFrame, "type">)
  /** Answered by `answered`. `retryMs`: the first attempt was so long before `connected`. */
  | {
      readonly kind: "publish";
      readonly ref: number;
      readonly request: PublishRequest;
      readonly retryMs: number | undefined;
    }
  /** The app's to hear. */
  | { readonly kind: "incoming"; readonly data: IncomingData }
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "close"; readonly code: number; readonly reason: string }
  /** Leaves every stream; always the last effect of a connection, once. */
  | { readonly kind: "end" };

export type SessionStep = readonly [next: SessionState, effects: readonly SessionEffect[]];

export function send(frame: Exclude<GatewayFrame, { readonly type: "event" }>): SessionEffect {
  return { kind: "send", frame };
}

/** Over, and nothing comes after. */
export function end(effects: readonly SessionEffect[]): SessionStep {
  return [{ phase: "closed" }, [...effects, { kind: "end" }]];
}

/** Whoever may not be here is told so; the trouble of the gateway itself is only a reason to come back. */
export function refusal(dialect: Dialect, status: RefusalStatus, { code, message }: WireError): SessionStep {
  if (status >= 500) {
    // No `error` before it: a client that gets one of ours stops for good, and this is none of its faults.
    return end([
      { kind: "refused", code },
      { kind: "close", code: status === 503 ? CloseCode.tryAgainLater : CloseCode.internalError, reason: message },
    ]);
  }
  if (status === 400) return fatal(CloseCode.badRequest, code, message);
  // PROTOCOL §10.1: plain refusals all look alike.
  return fatal(status === 401 || dialect === "plain" ? CloseCode.unauthorized : CloseCode.forbidden, code, message);
}

/** An `error` that names the reason, then the close. */
export function fatal(closeCode: number, code: string, message: string): SessionStep {
  return end([
    { kind: "refused", code },
    send({ type: "error", code, message, fatal: true }),
    { kind: "close", code: closeCode, reason: message },
  ]);
}
