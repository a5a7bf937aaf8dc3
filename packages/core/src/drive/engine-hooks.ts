// What users of an engine see: types only.
import type { ListenOptions, Listener } from "../emitter.ts";
import type { TrunklineError } from "../errors.ts";
import type { AbortSignalLike, PlatformSignal } from "../ports/abort-signal.ts";
import type { SpanLike } from "../ports/tracer.ts";

declare global {
  // Known to runtimes before they are known to es2022.
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}

/**
 * `stopped` by `stop`, `exit`, a failed start or, without `autoReconnect`, a lost connection; `restarting` from the loss
 * of a connection until `onOpen` has returned on the next.
 */
export type EngineState = "stopped" | "starting" | "started" | "restarting" | "stopping";

/** One whole message; `value` is what `decode` made of it, without `decode` the data itself. */
export interface EngineMessage<Value> {
  readonly type: "text" | "binary";
  readonly data: string | Uint8Array;
  readonly value: Value;
}

export interface SignalOptions {
  /** Ends the wait when it aborts. */
  readonly signal?: AbortSignalLike | undefined;
}

/** The connection of one session, from its handshake to its end. */
export interface EngineConnection {
  /** @throws {AlreadyClosedError} once the connection has ended */
  send(data: string | Uint8Array): void;
  /** Like a close by the peer: `onClose`, then, with `autoReconnect`, the next session. @defaultValue 1000, "" */
  close(code?: number, reason?: string): void;
  /** Sends a protocol ping; false where the transport has none, as in browsers. */
  ping(): boolean;
  /** Bytes accepted by `send` and not yet given to the network. */
  readonly bufferedAmount: number;
  /** The socket underneath. */
  readonly raw: unknown;
}

/** A connection whose messages nobody else takes, until `onOpen` has returned. */
export interface ReadableConnection<Value> extends EngineConnection {
  /** As `Lease.read`; rejects with `usage.closed` from the return of `onOpen` on, also what waits then. */
  read(options?: SignalOptions): Promise<EngineMessage<Value>>;
}

/** Sole use of the connection: while a lease is held, no hook starts, and what comes waits for `read`. */
export interface Lease<Value> {
  /**
   * The next message, in order, which `onMessage` does not get; what came before a loss can still be read after it.
   * Rejects when the lease is released meanwhile.
   * @throws {TransportCloseError} when the connection ended @throws {AlreadyClosedError} without a connection
   * @throws {PeerError} when it can't be decoded @throws {UsageError} `usage.aborted`, `usage.closed` after `release`
   */
  read(options?: SignalOptions): Promise<EngineMessage<Value>>;
  /** @throws {AlreadyClosedError} without a connection @throws {UsageError} `usage.closed` after `release` */
  send(data: string | Uint8Array): void;
  /** Hands the connection to the next in line; may be called twice. */
  release(): void;
  [Symbol.dispose](): void;
  /** Messages until the lease is released; throws as `read` does. */
  [Symbol.asyncIterator](): AsyncIterator<EngineMessage<Value>, undefined>;
}

interface TraceContext {
  /** The span around this hook, active while it runs; undefined without a tracer provider. */
  readonly span?: SpanLike | undefined;
}

/** What every hook of a session gets. */
export interface SessionContext extends TraceContext {
  /** UUID of this connection; the next one has another. */
  readonly sessionId: string;
  /** Aborts when the session ends; before `onClose`, and when `onOpen` takes too long. */
  readonly signal: PlatformSignal;
  readonly conn: EngineConnection;
}

interface Steering {
  /**
   * Ends this session when the hook has returned: `onClose`, close, then the next session, also without `autoReconnect`.
   * No message is handed out any more. Does nothing after `exit`.
   */
  readonly restart: () => void;
  /** Ends this session when the hook has returned, and stops the engine: `onClose`, close. */
  readonly exit: () => void;
}

interface Pausing<Value> {
  /** As `engine.pause`. */
  readonly pause: (options?: SignalOptions) => Promise<Lease<Value>>;
}

export interface OpenContext<Value> extends SessionContext, Pausing<Value> {
  readonly conn: ReadableConnection<Value>;
  /** What the handshake settled; "" for what it did not. */
  readonly handshake: { readonly protocol: string; readonly extensions: string };
  /** False for the first session since `start`. */
  readonly restarting: boolean;
  /** Closes the connection and stops the engine when the hook has returned, without `onClose`. */
  readonly exit: () => void;
}

export interface MessageContext<Value> extends SessionContext, Pausing<Value>, Steering, EngineMessage<Value> {}

export interface ReadErrorContext extends SessionContext, Steering {
  readonly error: TrunklineError;
}

/** A close code and its reason of at most 123 bytes. */
export interface CloseMessage {
  readonly code: number;
  readonly reason: string;
}

export interface CloseContext extends SessionContext {
  /** How the connection ended; 1006 without a close frame; null when it is this end that is about to close. */
  readonly closeMessage: CloseMessage | null;
  readonly initiatedBy: "client" | "server";
}

export interface CloseErrorContext extends TraceContext {
  readonly sessionId: string;
  readonly error: unknown;
}

export interface RestartErrorContext extends TraceContext {
  /** Why the attempt failed: `TimeoutError`, `TransportCloseError`, or what `onOpen` threw. */
  readonly error: unknown;
  /** Attempts that failed before this one since the last session. */
  readonly retryCount: number;
  /** Makes no further attempt and stops the engine. */
  readonly exit: () => void;
}

/** What is called when. Each may be async; what one throws goes to `error` listeners, apart from `onOpen`'s. */
export interface EngineHooks<Value = string | Uint8Array> {
  /** On each new connection. No message is handed out before it has returned; a throw or rejection fails the attempt. */
  onOpen?(context: OpenContext<Value>): unknown;
  /** For each message, in order of arrival; at most `messageConcurrency` at once. */
  onMessage?(context: MessageContext<Value>): unknown;
  /** For a message that can't be decoded. No `onMessage` starts before it has returned. */
  onReadError?(context: ReadErrorContext): unknown;
  /**
   * Once per session whose `onOpen` had returned: after the connection was lost, or before it is closed, and then
   * closed with what this returns. @defaultValue 1001 "Going away"
   */
  onClose?(
    context: CloseContext,
  ): Partial<CloseMessage> | void | undefined | PromiseLike<Partial<CloseMessage> | void | undefined>;
  /** When closing the connection fails. Not waited for. */
  onCloseError?(context: CloseErrorContext): unknown;
  /** For each attempt to come back that failed; the wait for the next begins when it has returned. */
  onRestartError?(context: RestartErrorContext): unknown;
}

export interface EngineEvents {
  state: [next: EngineState, previous: EngineState];
  /** What a hook, a listener or the back-off threw. */
  error: [error: TrunklineError];
}

export interface StartOptions extends SignalOptions {
  /** Stops the engine when it aborts; `signal` only bounds the start. */
  readonly lifetimeSignal?: AbortSignalLike | undefined;
}

export interface StopOptions extends SignalOptions {
  /** In milliseconds; 0: no limit. @defaultValue the engine's `stopTimeoutMs` */
  readonly timeoutMs?: number | undefined;
}

/** Keeps one connection to one service and calls hooks. */
export interface Engine<Value = string | Uint8Array> {
  readonly state: EngineState;
  /**
   * Resolves when the connection is open and `onOpen` has returned. Makes one attempt. Waits for a stop under way, so that
   * `onClose` must not wait for it.
   * @throws {EngineStartError} when started already, aborted, out of time, without a connection, or when `onOpen` threw
   */
  start(options?: StartOptions): Promise<void>;
  /**
   * Resolves when `onClose` has returned and the connection is closed; gives up at once what was not open yet. Waits for
   * leases, not for handlers in flight, whose signal aborts; nor for an `onClose` that is running already, so that it
   * may be called there.
   * @throws {EngineNotStartedError} @throws {StopTimeoutError} having dropped the connection
   * @throws {AbortError} when `signal` aborts; the stop goes on
   */
  stop(options?: StopOptions): Promise<void>;
  /**
   * Whether it is started, once it is neither starting nor stopping. True while restarting.
   * @throws {UsageError} `usage.aborted`
   */
  isStarted(options?: SignalOptions): Promise<boolean>;
  /**
   * Waits in line for sole use of the connection. Handlers in flight go on.
   * @throws {EngineNotStartedError} @throws {UsageError} `usage.aborted`
   */
  pause(options?: SignalOptions): Promise<Lease<Value>>;
  /** Runs `use` with a lease and releases it. @throws as `pause`, and what `use` throws */
  exclusive<Result>(
    use: (lease: Lease<Value>) => Result | PromiseLike<Result>,
    options?: SignalOptions,
  ): Promise<Result>;
  /** Calls `listener` at every event. Returns its undo. */
  on<Name extends keyof EngineEvents>(
    name: Name,
    listener: Listener<EngineEvents[Name]>,
    options?: ListenOptions,
  ): () => void;
  /** Stops the engine if it is not stopped. */
  [Symbol.asyncDispose](): Promise<void>;
}
