// The messages of `trunkline.v1`, PROTOCOL §3. One frame holds one message or an array of messages.

/** A place in one stream (PROTOCOL §5). Grants nothing: it only says what its holder has seen. */
export interface Position {
  /** Changes when the broker may have lost acknowledged events. */
  readonly epoch: string;
  /** Offset of the last event seen; 0 before the first. */
  readonly offset: number;
  /** Random mark stored with that event, so that a fork is not taken for a duplicate; "" at offset 0. */
  readonly tag: string;
  /** The last change of the state line seen; absent before the first. */
  readonly state?: StateMark;
}

/** A place on the state line of a stream. Revisions only increase; conflation leaves holes between them. */
export interface StateMark {
  readonly revision: number;
  readonly tag: string;
}

export interface StreamRequest {
  readonly channel: string;
  /** The last position seen; absent: from now on. */
  readonly position?: Position;
  /** A signed permission to listen, where the gateway takes such. */
  readonly token?: string;
  /**
   * Without a position: begin with this many log events that are kept, or all of them when there are fewer, and with the whole state line
   * (PROTOCOL §5.10).
   */
  readonly rewind?: number;
}

export type GapReason = "retention" | "epoch" | "fork" | "future" | "skipped" | "unserializable";

export interface WireError {
  readonly code: string;
  readonly message: string;
}

/** What became of one stream at `hello`, `subscribe` or later (PROTOCOL §5.3). */
export type Verdict =
  | { readonly channel: string; readonly verdict: "fresh"; readonly position: Position }
  /**
   * The next `count` log events and `changes` (absent: 0) state events of this channel are all there is between the cursor
   * and `position`.
   */
  | {
      readonly channel: string;
      readonly verdict: "recovered";
      readonly position: Position;
      readonly count: number;
      readonly changes?: number;
    }
  /** As `recovered`, but the `changes` state events are the whole state: a key that is not among them is gone. */
  | {
      readonly channel: string;
      readonly verdict: "snapshot";
      readonly position: Position;
      readonly count: number;
      readonly changes: number;
    }
  /**
   * Log events `from`..`to` are not coming; live events go on after `position`. State events are not lost by a gap: the next
   * `changes` (absent: 0) of them are as in `recovered`, or with `snapshot` as there.
   */
  | {
      readonly channel: string;
      readonly verdict: "gap";
      readonly position: Position;
      readonly from: number;
      readonly to: number;
      readonly reason: GapReason;
      readonly changes?: number;
      readonly snapshot?: boolean;
    }
  /** Not subscribed. "Forbidden" looks like "unknown". */
  | { readonly channel: string; readonly verdict: "refused"; readonly error: WireError }
  /** The gateway took the connection off this channel. */
  | { readonly channel: string; readonly verdict: "ended" };

export interface HelloFrame {
  readonly type: "hello";
  /** API key, public key or JWT. Never in the URL in this dialect. */
  readonly token?: string | undefined;
  /** Random id of this client, the same over all its connections. */
  readonly instance: string;
  /** Number of this link of the instance, only increasing: a newer link ends an older one (PROTOCOL §7.6). */
  readonly generation?: number;
  /** Name and version of the client software. */
  readonly client?: string;
  readonly features?: readonly string[];
  readonly streams?: readonly StreamRequest[];
  /** What part of the account it asks for, such as `organization/1234`: a hint, decided by the gateway (PROTOCOL §2.6). */
  readonly scope?: string;
}
export interface SubscribeFrame {
  readonly type: "subscribe";
  readonly streams: readonly StreamRequest[];
}
export interface UnsubscribeFrame {
  readonly type: "unsubscribe";
  /** Absent: all of them. */
  readonly channels?: readonly string[];
}
/** A fresh token for the same principal (PROTOCOL §2.7); answered by `auth`, or by `error` while the old one goes on. */
export interface AuthFrame {
  readonly type: "auth";
  readonly token: string;
}
export interface PublishFrame {
  readonly type: "publish";
  /** The client's number for it; `published` repeats it. */
  readonly ref: number;
  readonly event: string;
  readonly data?: unknown;
  /** @defaultValue the account's own channel */
  readonly channel?: string;
  readonly key?: string;
  readonly id?: string;
  readonly meta?: unknown;
  /** Present on a repetition: the first attempt was this many milliseconds before `connected` (PROTOCOL §8.6). */
  readonly retryMs?: number;
}
/** Enters channels as a member, or changes what is said there of it; leaves others (PROTOCOL §13). */
export interface PresenceFrame {
  readonly type: "presence";
  /** The client's number for it; the answer repeats it. */
  readonly ref: number;
  readonly enter?: readonly { readonly channel: string; readonly data?: unknown }[];
  readonly leave?: readonly string[];
}
/** Asks for a page of what a stream's log has kept (PROTOCOL §14). */
export interface HistoryFrame {
  readonly type: "history";
  /** The client's number for it; the answer repeats it. */
  readonly ref: number;
  readonly channel: string;
  /** Offset: only events before it. @defaultValue beyond the newest */
  readonly before?: number;
  /** Most events. @defaultValue 100 */
  readonly limit?: number;
}
/** Asks for something to be done: the method and its data are the callee's to read. */
export interface CallFrame {
  readonly type: "call";
  /** The caller's number for it; the answer repeats it. */
  readonly ref: number;
  readonly [field: string]: unknown;
}
export interface PingFrame {
  readonly type: "ping";
  readonly id?: number;
  /** Gateway only: heads of the streams whose position no frame sent since the last ping implies. */
  readonly positions?: readonly StreamPosition[];
  /** Gateway only: replaces `connected.spreadMs`. */
  readonly spreadMs?: number;
}
export interface StreamPosition {
  readonly channel: string;
  readonly offset: number;
  readonly tag: string;
  readonly state?: StateMark;
}
export interface PongFrame {
  readonly type: "pong";
  readonly id?: number | undefined;
}

export interface ConnectedFrame {
  readonly type: "connected";
  readonly connection: string;
  /** Name and version of the gateway. */
  readonly server: string;
  /** The gateway pings this often; a client that hears nothing for longer than this plus a grace is cut off. */
  readonly heartbeatMs: number;
  /** After a loss, wait a random part of this before the first attempt (PROTOCOL §7.3). */
  readonly spreadMs: number;
  readonly limits: { readonly frameBytes: number; readonly subscriptions: number };
  /** Those of `hello.features` that are on. */
  readonly features: readonly string[];
  /** One per `hello.streams`, in its order, then one per stream the gateway subscribed by itself. */
  readonly streams: readonly Verdict[];
  /** When the token ends (PROTOCOL §2.7); absent: never. */
  readonly expiresInMs?: number;
}
/** The answer to `auth`. */
export interface AuthorizedFrame {
  readonly type: "auth";
  readonly expiresInMs?: number;
}
export interface EventFrame {
  readonly type: "event";
  readonly channel: string;
  readonly event: string;
  readonly data: unknown;
  /** On `log` events alone. */
  readonly offset?: number;
  /** On `state` events alone. */
  readonly revision?: number;
  /** The revision this one follows on the way to this client; absent: the one before. */
  readonly after?: number;
  /** On a `state` event: its key is gone. */
  readonly deleted?: true;
  /** Absent on `volatile` events. */
  readonly tag?: string;
  /** What a `state` event is the latest value of. */
  readonly key?: string;
  /** The publisher's id. */
  readonly id?: string;
  /** Opaque to Trunkline, ≤ 1 KiB. */
  readonly meta?: unknown;
  /** When the gateway accepted it, in ms since 1970 by the broker's clock. */
  readonly time?: number;
  /** Of what was pushed to this page alone: the channel it is meant for (PROTOCOL §15). */
  readonly for?: string;
}
export interface VerdictFrame {
  readonly type: "verdict";
  readonly streams: readonly Verdict[];
}
/** The answer to `publish`: a receipt, or `error`. */
export interface PublishedFrame {
  readonly type: "published";
  readonly ref: number;
  readonly stream?: string;
  /** The offset of a `log` event, the revision of a `state` event, 0 for a `volatile` one. */
  readonly offset?: number;
  readonly epoch?: string;
  readonly error?: WireError;
}
/** The answer to `presence`. */
export interface PresentFrame {
  readonly type: "presence";
  readonly ref: number;
  /** Channels that were not entered. */
  readonly refused?: readonly { readonly channel: string; readonly error: WireError }[];
}
/** The answer to `history`: events of the log in their order, or `error`. */
export interface RecordedFrame {
  readonly type: "history";
  readonly ref: number;
  readonly events?: readonly EventFrame[];
  /** Whether older ones are kept. */
  readonly more?: boolean;
  readonly error?: WireError;
}
/** The answer to `call`. */
export interface ReplyFrame {
  readonly type: "reply";
  /** In the plain dialect: the `id` of the request (PROTOCOL §10.3). */
  readonly ref: number | string;
  /** The HTTP status that says the same. */
  readonly status: number;
  readonly error: WireError;
}
export interface DrainFrame {
  readonly type: "drain";
  /** Leave within a random part of this. */
  readonly spreadMs: number;
}
export interface ErrorFrame extends WireError {
  readonly type: "error";
  /** True: the gateway closes next, and the close code says whether to return. */
  readonly fatal?: boolean;
}

export type ClientFrame =
  | HelloFrame
  | SubscribeFrame
  | UnsubscribeFrame
  | PublishFrame
  | AuthFrame
  | PresenceFrame
  | HistoryFrame
  | CallFrame
  | PingFrame
  | PongFrame;
/** Answers to what modules of a client ask for. */
export type AnswerFrame = PublishedFrame | AuthorizedFrame | PresentFrame | RecordedFrame | ReplyFrame;
export type GatewayFrame =
  | ConnectedFrame
  | EventFrame
  | VerdictFrame
  | AnswerFrame
  | PingFrame
  | PongFrame
  | DrainFrame
  | ErrorFrame;
export type Frame = ClientFrame | GatewayFrame;
