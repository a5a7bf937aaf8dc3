// Who is on a channel, as its users see it: types only.
import type { ListenOptions, Listener } from "@trunkline/core";
import type { TrunklineError } from "@trunkline/core/errors";
import type { WaitOptions } from "@trunkline/core/modules";
import type { Member } from "./presence-table.ts";
import type { ChannelStatus } from "./subscriptions.ts";

/**
 * `idle`: not watched · `pending`: not known yet · `live` · `stale`: as it was when the connection was lost · `refused`, `ended`: it
 * may not be watched.
 */
export type PresenceStatus = "idle" | "stale" | ChannelStatus;

export interface PresenceEvents {
  /** Told of those who are there already, too, when they become known. */
  join: [member: Member];
  /** As it was last. */
  leave: [member: Member];
  /** It says something else of itself. */
  update: [member: Member];
  /** All of them, once for all that changed at a time. */
  change: [members: readonly Member[]];
  /** How many there are: once a second at most. */
  count: [count: number];
  status: [status: PresenceStatus, previous: PresenceStatus];
  /** To enter was refused, or to watch. */
  error: [error: TrunklineError];
}

/**
 * Who is on the channel. Members are watched from the first time that somebody asks for them or listens to `join`, `leave`, `update` or
 * `change` until the handle is closed; their number by `count` alone, which costs little in large channels.
 */
export interface Presence {
  /**
   * To be a member, on this link and all later ones, until `leave` or the handle is closed; `data` is what all see, at most 4,096 bytes as
   * JSON. Entering again says something else. Resolves once the gateway has it.
   * @throws {GatewayError} when refused @throws {LinkError} `link.timeout`: it is tried all the same
   * @throws {UsageError} `usage.bad-argument`, `usage.aborted`, `usage.closed`, `usage.unsupported` in the plain dialect
   */
  enter(data?: unknown, options?: WaitOptions): Promise<void>;
  /** To say something else as a member. @throws as `enter`, and {UsageError} `usage.bad-argument` unless entered */
  update(data: unknown, options?: WaitOptions): Promise<void>;
  /** Resolves once the gateway has it. */
  leave(options?: WaitOptions): Promise<void>;
  /** The longest there first. When the connection is lost they stay, and `status` says that they are stale. */
  readonly members: readonly Member[];
  /** How many there are, also of those beyond what a gateway lists; null before it is known. */
  readonly count: number | null;
  /** Of the members. */
  readonly status: PresenceStatus;
  on<Name extends keyof PresenceEvents>(
    name: Name,
    listener: Listener<PresenceEvents[Name]>,
    options?: ListenOptions,
  ): () => void;
  once<Name extends keyof PresenceEvents>(
    name: Name,
    listener: Listener<PresenceEvents[Name]>,
    options?: ListenOptions,
  ): () => void;
  off<Name extends keyof PresenceEvents>(name: Name, listener: Listener<PresenceEvents[Name]>): void;
}
