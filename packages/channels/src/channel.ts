// What users of a channel see: types only.
import type {
  Contract,
  EventMeta,
  EventsOf,
  Gap,
  ListenOptions,
  Listener,
  PublishOptions,
  Resumed,
} from "@trunkline/core";
import type { TrunklineError } from "@trunkline/core/errors";
import type { WaitOptions } from "@trunkline/core/modules";
import type { PublishReceipt } from "@trunkline/core/wire";
import type { HistoryOptions, HistoryPage } from "./history-requests.ts";
import type { Presence } from "./presence.ts";
import type { ChannelStatus } from "./subscriptions.ts";

/** What a channel tells beside its events. No event can have these names (PROTOCOL §3.6). */
export interface ChannelLifecycle {
  status: [status: ChannelStatus, previous: ChannelStatus];
  /** It was refused, or the gateway took this client off it. */
  error: [error: TrunklineError];
  gap: [gap: Gap];
  resumed: [resumed: Resumed];
  /** Every event of the channel, whatever its name. */
  "*": [data: unknown, meta: EventMeta];
}

/** Names to listen for: the lifecycle's, the contract's, and any other. */
export type ChannelEventName<C extends Contract> =
  | keyof ChannelLifecycle
  | keyof EventsOf<C>
  | (string & Record<never, never>);

/** The data of event `Name`; of one that the contract does not name, any. */
export type EventData<C extends Contract, Name> = Name extends keyof EventsOf<C> ? EventsOf<C>[Name] : unknown;

/** What a listener of `Name` gets. */
export type ChannelEventArgs<C extends Contract, Name> = Name extends keyof ChannelLifecycle
  ? Extract<ChannelLifecycle[Name], readonly unknown[]>
  : [data: EventData<C, Name>, meta: EventMeta];

/** A handle of a channel: one of those that share its subscription. */
export interface Channel<C extends Contract = Contract> {
  readonly name: string;
  readonly status: ChannelStatus | "closed";
  /** Who else is there. */
  readonly presence: Presence;
  /** Calls `listener` at every such event of the channel. Returns its undo, which may be called twice. */
  on<Name extends ChannelEventName<C>>(
    name: Name,
    listener: Listener<ChannelEventArgs<C, Name>>,
    options?: ListenOptions,
  ): () => void;
  /** Calls `listener` at the next such event only. */
  once<Name extends ChannelEventName<C>>(
    name: Name,
    listener: Listener<ChannelEventArgs<C, Name>>,
    options?: ListenOptions,
  ): () => void;
  /** Removes one registration of this very function, if there is one. */
  off<Name extends ChannelEventName<C>>(name: Name, listener: Listener<ChannelEventArgs<C, Name>>): void;
  /**
   * Resolves once the gateway has let us in: what is published from now on comes, or its loss is told.
   * @throws {GatewayError} when refused @throws {LinkError} `link.timeout`
   * @throws {UsageError} `usage.aborted`, `usage.closed`, `usage.unsupported` in the plain dialect
   */
  ready(options?: WaitOptions): Promise<void>;
  /** As `Outbox.publish` of `trunkline`, to this channel. @throws as there, and {UsageError} `usage.closed` after `close` */
  publish<Name extends (keyof EventsOf<C> & string) | (string & Record<never, never>)>(
    event: Name,
    data: EventData<C, Name>,
    options?: Omit<PublishOptions, "channel">,
  ): Promise<PublishReceipt>;
  /**
   * A page of what is kept of the channel, once it is live. Asked for again on the next link when one is lost with it.
   * @throws {GatewayError} when refused @throws {LinkError} `link.lost` when two were lost, `link.timeout` (30 s)
   * @throws {UsageError} `usage.aborted`, `usage.closed`, `usage.unsupported` in the plain dialect
   */
  history(options?: HistoryOptions): Promise<HistoryPage>;
  /** Ends this handle: its listeners hear nothing more, and what waits for it is rejected. Idempotent. */
  close(): void;
}
