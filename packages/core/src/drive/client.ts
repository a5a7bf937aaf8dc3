// What users of a client see: types only.
import type { StreamHealth } from "../client/channel-table.ts";
import type { Phase, Status } from "../client/state.ts";
import type { ListenOptions, Listener } from "../emitter.ts";
import type { TrunklineError } from "../errors.ts";
import type { Contract, EventsOf } from "../wire/contract.ts";
import type { EventFrame, Verdict } from "../wire/frame.ts";
import type { WaitOptions } from "./deferred.ts";

declare global {
  // Known to runtimes before it is known to es2022.
  interface SymbolConstructor {
    readonly asyncDispose: unique symbol;
  }
}

/** What came with an event's data: the event as it was sent. */
export type EventMeta = EventFrame;

/**
 * Log events `from`…`to` of `channel` will not come; what follows comes after `position`, the latest of each state key that
 * changed (`changes`, with `snapshot` of all keys) first.
 */
export type Gap = Extract<Verdict, { readonly verdict: "gap" }>;
/**
 * The `count` log events and `changes` state events of `channel` that were missed come next; of a `snapshot` the whole state: a
 * key that is not among them is gone.
 */
export type Resumed = Extract<Verdict, { readonly verdict: "recovered" | "snapshot" }>;
/** How a subscription was granted. */
export type Granted = Exclude<Verdict, { readonly verdict: "refused" | "ended" }>;

/** What a client tells beside the gateway's events. No event can have these names (PROTOCOL §3.6). */
export interface Lifecycle {
  status: [status: Status, previous: Status];
  /**
   * Whatever a person should know: refusals, channels that the gateway took this client off (`gateway.forbidden`), bad frames,
   * failures of listeners. With no listener: the logger has it.
   */
  error: [error: TrunklineError];
  gap: [gap: Gap];
  resumed: [resumed: Resumed];
  /** Every event, whatever its name. */
  "*": [data: unknown, meta: EventMeta];
}

/** Names to listen for: the lifecycle's, the contract's, and any other. */
export type EventName<C extends Contract> = keyof Lifecycle | keyof EventsOf<C> | (string & Record<never, never>);

/** What a listener of `Name` gets. Events the contract does not name carry `unknown`. */
export type EventArgs<C extends Contract, Name> = Name extends keyof Lifecycle
  ? Extract<Lifecycle[Name], readonly unknown[]>
  : Name extends keyof EventsOf<C>
    ? [data: EventsOf<C>[Name], meta: EventMeta]
    : [data: unknown, meta: EventMeta];

export interface Health {
  readonly status: Status;
  readonly phase: Phase;
  /** Attempts since a link last held. */
  readonly attempt: number;
  /** Milliseconds until the next attempt, or null when none is planned. */
  readonly nextRetryInMs: number | null;
  /** The gateway's id of this connection, or null; the same id is in the gateway's logs. */
  readonly connection: string | null;
  readonly lastError: TrunklineError | null;
  readonly streams: readonly StreamHealth[];
}

export interface CloseOptions {
  /** How long the gateway may take to answer, in milliseconds (0: not at all); then the link is dropped. @defaultValue 2000 */
  readonly timeoutMs?: number;
}

export interface SubscribeOptions {
  /** A signed permission to listen, of at most 8 KiB; kept for later links, until another takes its place. */
  readonly token?: string | undefined;
  /**
   * Where nothing is known of the channel yet: begin with this many of its newest events that are kept (at most 1000) and its whole state, as
   * told by `resumed`. @defaultValue from now on
   */
  readonly rewind?: number | undefined;
}

/** One shared line to a gateway. Every method may be called from inside a listener; none blocks. */
export interface Client<C extends Contract = Contract> {
  /** Calls `listener` at every such event, in order of registration. Returns its undo, which may be called twice. */
  on<Name extends EventName<C>>(
    name: Name,
    listener: Listener<EventArgs<C, Name>>,
    options?: ListenOptions,
  ): () => void;
  /** Removes one registration of this very function, if there is one. */
  off<Name extends EventName<C>>(name: Name, listener: Listener<EventArgs<C, Name>>): void;
  /** Calls `listener` at the next such event only. */
  once<Name extends EventName<C>>(
    name: Name,
    listener: Listener<EventArgs<C, Name>>,
    options?: ListenOptions,
  ): () => void;
  /** Resolves with what the next such event carries. @throws {UsageError} `usage.aborted` */
  once<Name extends EventName<C>>(name: Name, options?: ListenOptions): Promise<EventArgs<C, Name>>;
  readonly status: Status;
  health(): Health;

  /** Connects, unless that is under way. The promise is that of `ready()`, and may be ignored. */
  connect(): Promise<void>;
  /**
   * Resolves once connected with the position of every stream fixed: nothing published from now on is missed.
   * @throws {LinkError} `link.timeout` @throws {UsageError} `usage.aborted`, `usage.closed`
   * @throws {GatewayError} when the gateway refused for good
   */
  ready(options?: WaitOptions): Promise<void>;
  /** Resolves when the link is gone; never rejects. `connect` may be called again, and goes on from the same positions. */
  close(options?: CloseOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;

  /**
   * Asks for a channel, now and at every reconnection. Resolves with the gateway's verdict. Asked again with another token, it goes
   * on with that one.
   * @throws {GatewayError} when refused @throws {UsageError} `usage.closed`, `usage.unsupported` in the plain dialect,
   * `usage.bad-argument` for a name of more than 512 characters or a token that is too long
   */
  subscribe(channel: string, options?: SubscribeOptions): Promise<Granted>;
  /** Leaves a channel: none of its events is delivered any more. */
  unsubscribe(channel: string): void;
  /** The round trip to the gateway and back, in milliseconds. @throws {LinkError} `link.lost`, `link.timeout` (10 s) */
  ping(options?: WaitOptions): Promise<number>;
}
