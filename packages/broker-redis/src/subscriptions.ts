// The pub/sub channels of one broker: each is subscribed once, however many sessions listen, at the owner of its slot.
import type { StreamName } from "@trunkline/core/ports";
import type { Connection } from "./connection.ts";
import { asPortError } from "./error-mapping.ts";
import type { Fleet } from "./fleet.ts";
import type { Shard } from "./shard.ts";

/** One stream that somebody listens to. */
export interface Subscription<Listener> {
  readonly stream: StreamName;
  readonly slot: number;
  /** Own channel first, then the foreign one, if any. */
  readonly channels: readonly string[];
  readonly listeners: Set<Listener>;
  /** Of the stream when last heard of: another one means that it started over. */
  birth: string | null;
}

interface Held<Listener> extends Subscription<Listener> {
  /** Where it is subscribed, or about to be. */
  connection: Connection | null;
  /** Of being subscribed there. */
  confirmed: Promise<void>;
  /** Whether it ever was: only then can something have been missed. */
  begun: boolean;
}

export interface SubscriptionsOptions<Listener> {
  readonly fleet: () => Fleet;
  /** Sharded pub/sub, as a Cluster needs. */
  readonly sharded: boolean;
  readonly onMessage: (subscription: Subscription<Listener>, foreign: boolean, text: string) => void;
  /** Messages may have been missed. */
  readonly onDoubt: (subscription: Subscription<Listener>) => void;
}

/** Names sent in one SUBSCRIBE. */
const namesAtOnce = 500;

export class Subscriptions<Listener> {
  readonly #options: SubscriptionsOptions<Listener>;
  readonly #held = new Map<StreamName, Held<Listener>>();
  readonly #byChannel = new Map<string, Held<Listener>>();

  constructor(options: SubscriptionsOptions<Listener>) {
    this.#options = options;
  }

  values(): IterableIterator<Subscription<Listener>> {
    return this.#held.values();
  }

  get(stream: StreamName): Subscription<Listener> | undefined {
    return this.#held.get(stream);
  }

  /** Resolves once what is published from now on is sure to be heard. */
  async add(
    stream: StreamName,
    slot: number,
    channels: readonly string[],
    listener: Listener,
    deadline: number,
  ): Promise<void> {
    let held = this.#held.get(stream);
    if (held === undefined) {
      held = {
        stream,
        slot,
        channels,
        listeners: new Set(),
        birth: null,
        connection: null,
        confirmed: Promise.resolve(),
        begun: false,
      };
      this.#held.set(stream, held);
      for (const channel of channels) this.#byChannel.set(channel, held);
    }
    held.listeners.add(listener);
    try {
      await this.#confirm(held, deadline);
    } catch (error) {
      this.remove(stream, listener);
      throw asPortError(error);
    }
  }

  remove(stream: StreamName, listener: Listener): void {
    const held = this.#held.get(stream);
    if (held === undefined || !held.listeners.delete(listener) || held.listeners.size > 0) return;
    this.#held.delete(stream);
    for (const channel of held.channels) this.#byChannel.delete(channel);
    this.#leave(held);
  }

  /** A fresh connection: all that belongs there is subscribed again, then compared with what is stored. */
  restore(shard: Shard, connection: Connection): void {
    connection.onMessage((channel, text) => this.#hear(channel, text));
    const fleet = this.#options.fleet();
    this.#move(
      [...this.#held.values()].filter((held) => fleet.ownerOf(held.slot) === shard),
      connection,
    );
  }

  /** Slots may have moved: what is subscribed at a former owner goes to the new one. */
  rehome(): void {
    const fleet = this.#options.fleet();
    const moved = new Map<Connection, Held<Listener>[]>();
    for (const held of this.#held.values()) {
      const connection = fleet.ownerOf(held.slot)?.subscriber ?? null;
      if (connection === null || connection === held.connection) continue;
      this.#leave(held);
      const list = moved.get(connection);
      if (list === undefined) moved.set(connection, [held]);
      else list.push(held);
    }
    for (const [connection, list] of moved) this.#move(list, connection);
  }

  clear(): void {
    this.#held.clear();
    this.#byChannel.clear();
  }

  async #confirm(held: Held<Listener>, deadline: number): Promise<void> {
    for (;;) {
      const connection = await this.#options.fleet().subscriber(held.slot, deadline);
      if (held.connection !== connection) void this.#subscribe([held], connection);
      const { confirmed } = held;
      try {
        await confirmed;
      } catch (error) {
        if (connection.open) throw error;
      }
      // Lost meanwhile: what counts is the connection that came after it.
      if (connection.open && held.connection === connection) return;
    }
  }

  #move(list: readonly Held<Listener>[], connection: Connection): void {
    for (let from = 0; from < list.length; from += namesAtOnce) {
      const some = list.slice(from, from + namesAtOnce);
      const begun = new Set(some.filter((held) => held.begun));
      this.#subscribe(some, connection).then(
        () => {
          for (const held of some)
            if (this.#held.get(held.stream) === held && begun.has(held)) this.#options.onDoubt(held);
        },
        // The connection is lost, or the slot went elsewhere: both are followed by another attempt.
        () => this.#options.fleet().refresh(),
      );
    }
  }

  #subscribe(list: readonly Held<Listener>[], connection: Connection): Promise<void> {
    const { sharded } = this.#options;
    const own = list.map(({ channels }) => channels[0] as string);
    const foreign = list.flatMap(({ channels }) => channels.slice(1));
    // SSUBSCRIBE takes names of one slot only.
    const commands = sharded ? own.map((channel) => connection.control("ssubscribe", [channel])) : [];
    const plain = sharded ? foreign : [...own, ...foreign];
    if (plain.length > 0) commands.push(connection.control("subscribe", plain));
    const confirmed = Promise.all(commands).then(() => {
      for (const held of list) held.begun = true;
    });
    confirmed.catch(() => {
      for (const held of list) if (held.connection === connection) held.connection = null;
    });
    for (const held of list) {
      held.connection = connection;
      held.confirmed = confirmed;
    }
    return confirmed;
  }

  #leave(held: Held<Listener>): void {
    const { connection, channels } = held;
    held.connection = null;
    if (connection === null || !connection.open) return;
    const { sharded } = this.#options;
    const ignore = (): void => {};
    const [own, ...foreign] = channels;
    if (own !== undefined) connection.control(sharded ? "sunsubscribe" : "unsubscribe", [own]).catch(ignore);
    if (foreign.length > 0) connection.control("unsubscribe", foreign).catch(ignore);
  }

  #hear(channel: string, text: string): void {
    const held = this.#byChannel.get(channel);
    if (held !== undefined) this.#options.onMessage(held, channel !== held.channels[0], text);
  }
}
