// The Redis processes of one broker or registry: a single one (which Sentinels may move), or the primaries of a Cluster and their slots.
import type { GatewayError } from "@trunkline/core/errors";
import type { TimerHandle } from "@trunkline/core/ports";
import { nodeName, readRedirect, readSlots, slotCount } from "./cluster-slots.ts";
import type { RedisAccess } from "./access-options.ts";
import { type Connection, dial } from "./connection.ts";
import { AnswerError, explain, unavailable } from "./error-mapping.ts";
import type { RedisNode } from "./redis-url.ts";
import { Shard } from "./shard.ts";

export interface FleetEvents {
  readonly onAvailable: (available: boolean) => void;
  readonly onSubscriber: (shard: Shard, connection: Connection) => void;
  /** Slots may have other owners. */
  readonly onTopology: () => void;
}

/** An answer and the process it came from. */
export interface Answered {
  readonly value: unknown;
  readonly runId: string;
}

/** `asking`: the connection is to a node that is taking over the slot, and has to be told so. */
export type Send = (connection: Connection, asking: boolean) => Promise<unknown>;

const refreshRetryMs = 1000;
const redirects = 16;
const tryAgainMs = 50;

export class Fleet {
  readonly #owner: string;
  readonly #settings: RedisAccess;
  readonly #events: FleetEvents | null;
  readonly #shards = new Map<string, Shard>();
  /** By slot; outside a Cluster only slot 0. */
  #owners: (Shard | undefined)[] = [];
  #waiting = new Set<() => void>();
  /** Why it can't be used, in the words of the last failure. */
  #reason = "it is being connected";
  /** Calls wait for the first attempt to connect, whatever is done when Redis is away later. */
  #tried = false;
  readonly #startedAt: number;
  #available = false;
  #warnedOfEviction = false;
  #refreshing: Promise<void> | null = null;
  #timer: TimerHandle | null = null;
  #closed = false;

  /**
   * @param owner what uses it, for messages
   * @param events null: nobody listens, so there are connections for commands alone
   */
  constructor(owner: "broker" | "registry", settings: RedisAccess, events: FleetEvents | null) {
    this.#owner = owner;
    this.#settings = settings;
    this.#events = events;
    this.#startedAt = settings.clock.now();
    if (settings.place.kind === "cluster") this.refresh();
    else this.#owners = [this.#addShard("", null)];
  }

  get cluster(): boolean {
    return this.#settings.place.kind === "cluster";
  }

  get closed(): boolean {
    return this.#closed;
  }

  get available(): boolean {
    return this.#available;
  }

  ownerOf(slot: number): Shard | null {
    return this.#owners[this.cluster ? slot : 0] ?? null;
  }

  /** Whether a call would have to wait or fail. */
  isAway(slot: number): boolean {
    return this.#closed || (this.#tried && (this.ownerOf(slot)?.commands ?? null) === null);
  }

  /**
   * Sends something to the owner of `slot`, following the Cluster's redirects. `send` must send at once, and may be called again
   * after an answer that says that nothing was executed.
   * @param deadline by `clock.now()`: how long to wait for a connection
   * @throws {GatewayError} nothing was sent
   * @throws {AnswerError} nothing was executed
   * @throws {LostError} it may have been executed
   */
  async run(slot: number, send: Send, deadline: number): Promise<Answered> {
    let asking: Shard | null = null;
    for (let turn = 0; ; turn++) {
      // A node that is asked on the way may have left the Cluster meanwhile.
      if (asking?.closed === true) asking = null;
      const shard: Shard | null = asking ?? this.ownerOf(slot);
      const connection = shard?.commands ?? null;
      if (shard === null || connection === null) {
        await this.#change(deadline);
        continue;
      }
      try {
        const value = await send(connection, asking !== null);
        return { value, runId: connection.info.runId };
      } catch (error) {
        if (!(error instanceof AnswerError) || turn >= redirects || this.#closed) throw error;
        asking = await this.#redirect(error, shard, slot);
      }
    }
  }

  /** The command connection for `slot`, once it is up. */
  commands(slot: number, deadline: number): Promise<Connection> {
    return this.#connection((shard) => shard.commands, slot, deadline);
  }

  /** The listening connection for `slot`, once it is up. */
  subscriber(slot: number, deadline: number): Promise<Connection> {
    return this.#connection((shard) => shard.subscriber, slot, deadline);
  }

  async #connection(of: (shard: Shard) => Connection | null, slot: number, deadline: number): Promise<Connection> {
    for (;;) {
      const shard = this.ownerOf(slot);
      const connection = shard === null ? null : of(shard);
      if (connection !== null) return connection;
      await this.#change(deadline);
    }
  }

  /** Asks the Cluster again who owns what. */
  refresh(): void {
    if (!this.cluster || this.#closed || this.#refreshing !== null) return;
    if (this.#timer !== null) this.#settings.clock.clearTimer(this.#timer);
    this.#timer = null;
    this.#refreshing = this.#refresh().finally(() => (this.#refreshing = null));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#timer !== null) this.#settings.clock.clearTimer(this.#timer);
    for (const shard of this.#shards.values()) shard.close();
    this.#wake();
  }

  closedError(): GatewayError {
    return unavailable(`this Redis ${this.#owner} is closed; open a new one`);
  }

  /** Why nothing can be sent now. */
  awayError(): GatewayError {
    return this.#closed ? this.closedError() : unavailable(this.#reason);
  }

  /** Resolves when something has changed; rejects when waiting is not wanted or not allowed any longer. */
  #change(deadline: number): Promise<void> {
    const { clock, waitMs } = this.#settings;
    const left = Math.max(deadline, this.#tried ? 0 : this.#startedAt + waitMs) - clock.now();
    if (this.#closed || left <= 0) return Promise.reject(this.awayError());
    return new Promise((resolve) => {
      const done = (): void => {
        clock.clearTimer(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = clock.setTimer(done, left);
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    for (const each of this.#waiting) each();
  }

  /** The node to ask next (null: the owner), or a throw of `error` when it is none of the Cluster's. */
  async #redirect(error: AnswerError, shard: Shard, slot: number): Promise<Shard | null> {
    const { clock } = this.#settings;
    if (error.word === "READONLY" || error.word === "MASTERDOWN") {
      // Another one is the primary now, or will be: the next connection finds it.
      shard.commands?.end();
      this.refresh();
      throw error;
    }
    if (!this.cluster) throw error;
    if (error.word === "TRYAGAIN") {
      await new Promise<void>((resolve) => void clock.setTimer(resolve, tryAgainMs));
      return null;
    }
    if (error.word === "CLUSTERDOWN") this.refresh();
    const redirect = readRedirect(error.message, shard.node ?? { host: "", port: 0 });
    if (redirect === null) throw error;
    const target = this.#shards.get(nodeName(redirect.node)) ?? this.#addShard(nodeName(redirect.node), redirect.node);
    if (redirect.kind === "MOVED") {
      this.#owners[slot] = target;
      this.refresh();
      return null;
    }
    return target;
  }

  #addShard(name: string, node: RedisNode | null): Shard {
    const { place, clock } = this.#settings;
    const events = this.#events;
    const shard = new Shard(place, node, clock, {
      onChange: (from, reason) => {
        if (from.commands !== null) this.#warnOfEviction(from.commands);
        this.#changed(reason);
      },
      onSubscriber:
        events === null
          ? null
          : (from, connection) => {
              connection.onMoved(() => this.refresh());
              events.onSubscriber(from, connection);
            },
    });
    this.#shards.set(name, shard);
    return shard;
  }

  #changed(reason: Error | null): void {
    if (this.#closed) return;
    const { logger } = this.#settings;
    if (reason !== null) {
      const said = explain(reason);
      // One line per reason, however often it is tried.
      if (said !== this.#reason) logger?.warn("Redis can't be used just now; trying again", { reason: said });
      this.#reason = said;
      this.#tried = true;
      this.refresh();
    }
    const owners = new Set(this.#owners);
    const available = owners.size > 0 && [...owners].every((shard) => shard?.available === true);
    if (available) {
      this.#tried = true;
      this.#reason = "the connection was lost";
    }
    if (available !== this.#available) {
      this.#available = available;
      if (available) logger?.info("Redis can be used", { ...(this.cluster && { primaries: owners.size }) });
      this.#events?.onAvailable(available);
    }
    this.#wake();
  }

  #warnOfEviction(connection: Connection): void {
    if (!connection.info.evicts || this.#warnedOfEviction) return;
    this.#warnedOfEviction = true;
    this.#settings.logger?.warn(
      "Redis throws keys out when it is full: set maxmemory-policy noeviction, or what is kept is lost early",
    );
  }

  async #refresh(): Promise<void> {
    const { clock } = this.#settings;
    const ranges = await this.#askSlots();
    if (this.#closed) return;
    if (ranges.length === 0) {
      this.#timer = clock.setTimer(() => this.refresh(), refreshRetryMs);
      return;
    }
    const owners: (Shard | undefined)[] = Array.from({ length: slotCount });
    const used = new Set<Shard>();
    for (const { first, last, primary } of ranges) {
      const name = nodeName(primary);
      const shard = this.#shards.get(name) ?? this.#addShard(name, primary);
      used.add(shard);
      owners.fill(shard, first, last + 1);
    }
    this.#owners = owners;
    for (const [name, shard] of this.#shards) {
      if (used.has(shard)) continue;
      this.#shards.delete(name);
      shard.close();
    }
    this.#changed(null);
    this.#events?.onTopology();
    // A failover is told by nobody: asked for until all is well.
    if (!this.#available) this.#timer = clock.setTimer(() => this.refresh(), refreshRetryMs);
  }

  async #askSlots(): Promise<ReturnType<typeof readSlots>> {
    const { place } = this.#settings;
    for (const shard of this.#shards.values()) {
      if (shard.node === null) continue;
      const answer = await shard.commands?.call("cluster", ["SLOTS"]).catch(() => null);
      const ranges = readSlots(answer, shard.node);
      if (ranges.length > 0) return ranges;
    }
    for (const node of place.kind === "cluster" ? place.nodes : []) {
      try {
        const connection = await dial(place, node);
        const ranges = readSlots(await connection.call("cluster", ["SLOTS"]).finally(() => connection.end()), node);
        if (ranges.length > 0) return ranges;
      } catch (error) {
        this.#changed(error as Error);
      }
    }
    return [];
  }
}
