// The pub/sub channels and patterns of one broker: each is subscribed once, however many sessions listen, at the owner of its slot.
import type { StreamName } from "@trunkline/core/ports";
import type { Connection } from "./connection.ts";
import { asPortError } from "./error-mapping.ts";
import { Births } from "./births.ts";
import { Echoes } from "./echoes.ts";
import type { Fleet } from "./fleet.ts";
import type { Shard } from "./shard.ts";

/** What is asked for: a stream, or all whose names begin alike. */
export interface Target {
  /** The stream's name; of a prefix, how the names begin. */
  readonly name: StreamName;
  readonly isPrefix: boolean;
  readonly slot: number;
  /** Own channel (or pattern) first, then the foreign one, if any. */
  readonly channels: readonly string[];
}

/** What somebody listens to. */
export interface Subscription<Listener> extends Target {
  readonly listeners: Set<Listener>;
  /** Of the streams when last heard of: another one means that it started over. */
  readonly births: Births;
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
  /** `listeners`: those of the subscription that have not been told of it by another one. */
  readonly onMessage: (subscription: Subscription<Listener>, heard: Heard, listeners: Iterable<Listener>) => void;
  /** Messages may have been missed. */
  readonly onDoubt: (subscription: Subscription<Listener>) => void;
}

export interface Heard {
  /** Of Redis. */
  readonly channel: string;
  readonly foreign: boolean;
  readonly text: string;
}

/** Names sent in one SUBSCRIBE. */
const namesAtOnce = 500;

export class Subscriptions<Listener> {
  readonly #options: SubscriptionsOptions<Listener>;
  /** By the name, of a prefix with a star before it. */
  readonly #held = new Map<string, Held<Listener>>();
  readonly #byChannel = new Map<string, Held<Listener>>();
  readonly #byPattern = new Map<string, Held<Listener>>();
  readonly #echoes = new Echoes<Listener>();

  constructor(options: SubscriptionsOptions<Listener>) {
    this.#options = options;
  }

  /** Resolves once what is published from now on is sure to be heard. */
  async add(target: Target, listener: Listener, deadline: number): Promise<void> {
    let held = this.#held.get(keyOf(target));
    if (held === undefined) {
      held = {
        ...target,
        listeners: new Set(),
        births: new Births(),
        connection: null,
        confirmed: Promise.resolve(),
        begun: false,
      };
      this.#held.set(keyOf(target), held);
      for (const channel of held.channels) this.#namesOf(held).set(channel, held);
    }
    held.listeners.add(listener);
    try {
      await this.#confirm(held, deadline);
    } catch (error) {
      this.remove(target, listener);
      throw asPortError(error);
    }
  }

  remove(target: Pick<Target, "name" | "isPrefix">, listener: Listener): void {
    const held = this.#held.get(keyOf(target));
    if (held === undefined || !held.listeners.delete(listener) || held.listeners.size > 0) return;
    this.#held.delete(keyOf(target));
    for (const channel of held.channels) this.#namesOf(held).delete(channel);
    this.#leave(held);
  }

  /** A fresh connection: all that belongs there is subscribed again, then compared with what is stored. */
  restore(shard: Shard, connection: Connection): void {
    connection.onMessage((channel, text) => this.#hear(connection, channel, text));
    connection.onPatternMessage((pattern, channel, text) => this.#hearPattern(connection, pattern, channel, text));
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
    this.#byPattern.clear();
  }

  #namesOf({ isPrefix }: Target): Map<string, Held<Listener>> {
    return isPrefix ? this.#byPattern : this.#byChannel;
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
            if (this.#held.get(keyOf(held)) === held && begun.has(held)) this.#options.onDoubt(held);
        },
        // The connection is lost, or the slot went elsewhere: both are followed by another attempt.
        () => this.#options.fleet().refresh(),
      );
    }
  }

  #subscribe(list: readonly Held<Listener>[], connection: Connection): Promise<void> {
    const { sharded } = this.#options;
    const exact = list.filter(({ isPrefix }) => !isPrefix);
    const own = exact.map(({ channels }) => channels[0] as string);
    const foreign = exact.flatMap(({ channels }) => channels.slice(1));
    const patterns = list.flatMap(({ isPrefix, channels }) => (isPrefix ? channels : []));
    // SSUBSCRIBE takes names of one slot only.
    const commands = sharded ? own.map((channel) => connection.control("ssubscribe", [channel])) : [];
    const plain = sharded ? foreign : [...own, ...foreign];
    if (plain.length > 0) commands.push(connection.control("subscribe", plain));
    if (patterns.length > 0) commands.push(connection.control("psubscribe", patterns));
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
    const { connection, channels, isPrefix } = held;
    held.connection = null;
    if (connection === null || !connection.open) return;
    const { sharded } = this.#options;
    const ignore = (): void => {};
    if (isPrefix) {
      connection.control("punsubscribe", channels).catch(ignore);
      return;
    }
    const [own, ...foreign] = channels;
    if (own !== undefined) connection.control(sharded ? "sunsubscribe" : "unsubscribe", [own]).catch(ignore);
    if (foreign.length > 0) connection.control("unsubscribe", foreign).catch(ignore);
  }

  #hear(connection: Connection, channel: string, text: string): void {
    const held = this.#byChannel.get(channel);
    if (this.#byPattern.size > 0) this.#echoes.begin(connection, channel, text, held?.listeners);
    if (held === undefined) return;
    this.#options.onMessage(held, { channel, foreign: channel !== held.channels[0], text }, held.listeners);
  }

  #hearPattern(connection: Connection, pattern: string, channel: string, text: string): void {
    const held = this.#byPattern.get(pattern);
    const listeners = this.#echoes.rest(connection, channel, text, pattern, held?.listeners ?? []);
    if (held === undefined || listeners.length === 0) return;
    this.#options.onMessage(held, { channel, foreign: pattern !== held.channels[0], text }, listeners);
  }
}

function keyOf({ name, isPrefix }: Pick<Target, "name" | "isPrefix">): string {
  return isPrefix ? `*${name}` : name;
}
