// The Redis broker: streams that several gateways share. Every append is one script; what is heard comes by pub/sub, and what
// may have been missed is told as doubt.
import { randomBytes } from "node:crypto";
import { GatewayError } from "@trunkline/core/errors";
import type {
  Append,
  Appended,
  Broker,
  BrokerListener,
  BrokerSession,
  Page,
  ReadFrom,
  StreamName,
} from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";
import { AppendQueue } from "./append-queue.ts";
import { Appender } from "./appender.ts";
import { decodeMessage, encodeVolatile, foreignBody } from "./envelope.ts";
import { asPortError, unavailable } from "./error-mapping.ts";
import { Fleet, type Send } from "./fleet.ts";
import { dedupeKeyOf, literally, logPattern, slotOf, streamKeys, streamOfLog } from "./keys.ts";
import { KnownHeads } from "./known-heads.ts";
import { type RedisBrokerOptions, type RedisBrokerSettings, resolveRedisOptions } from "./options.ts";
import { readHead, readPage } from "./page.ts";
import { RedisSession, type SessionHome } from "./redis-session.ts";
import { type Scripts, scriptsOf } from "./scripts/index.ts";
import type { Script } from "./scripts/script.ts";
import { type Heard, type Subscription, Subscriptions } from "./subscriptions.ts";

/**
 * A broker on Redis ≥ 6.2 (a Cluster: ≥ 7.0). It connects by itself and keeps trying; sessions hear whether it can be used.
 * @throws {UsageError} `usage.bad-option` naming every wrong option
 */
export function redisBroker(options: RedisBrokerOptions): Broker {
  return new RedisBroker(resolveRedisOptions(options));
}

class RedisBroker implements Broker, SessionHome {
  readonly name = "redis";
  readonly #settings: RedisBrokerSettings;
  /** Names this broker in what it publishes, and the streams it begins. */
  readonly #instance = randomBytes(6).toString("base64url");
  readonly #scripts: Scripts;
  readonly #fleet: Fleet;
  readonly #queue: AppendQueue;
  /** Appends waiting or under way. */
  #pending = 0;
  readonly #heads = new KnownHeads();
  readonly #sessions = new Set<RedisSession>();
  readonly #subscriptions: Subscriptions<RedisSession>;
  #closing: Promise<void> | null = null;

  constructor(settings: RedisBrokerSettings) {
    this.#settings = settings;
    const sharded = settings.place.kind === "cluster";
    this.#scripts = scriptsOf({ ...settings, publish: sharded ? "SPUBLISH" : "PUBLISH" });
    this.#subscriptions = new Subscriptions({
      fleet: () => this.#fleet,
      sharded,
      onMessage: (subscription, heard, listeners) => this.#hear(subscription, heard, listeners),
      onDoubt: (subscription) => this.#doubt(subscription),
    });
    this.#fleet = new Fleet("broker", settings, {
      onAvailable: (available) => {
        for (const session of this.#sessions) this.#tell(session, (listener) => listener.onAvailable(available));
      },
      onSubscriber: (shard, connection) => this.#subscriptions.restore(shard, connection),
      onTopology: () => this.#subscriptions.rehome(),
    });
    const appender = new Appender({
      settings,
      fleet: this.#fleet,
      slotOf: (stream) => this.#slotOf(stream),
      heads: this.#heads,
      script: this.#scripts.append,
      head: (runId) => this.#scriptHead(runId),
      epochOf: (birth, runId) => this.#epochOf(birth, runId),
      read: (stream, from, limit, deadline) => this.#read(stream, from, limit, deadline),
    });
    this.#queue = new AppendQueue((stream, batch) => appender.commit(stream, batch));
  }

  open(listener: BrokerListener): BrokerSession {
    const session = new RedisSession(this, listener);
    this.#sessions.add(session);
    if (!this.#fleet.available)
      queueMicrotask(() => {
        if (!session.closed && !this.#fleet.available) this.#tell(session, () => listener.onAvailable(false));
      });
    return session;
  }

  append(stream: StreamName, append: Append): Promise<Appended> {
    const { clock, maxPending, prefix, whenAway } = this.#settings;
    if (this.#closing !== null) return Promise.reject(this.#fleet.closedError());
    if (whenAway === "reject" && this.#fleet.isAway(this.#slotOf(stream)))
      return Promise.reject(this.#fleet.awayError());
    if (this.#pending >= maxPending)
      return Promise.reject(
        unavailable(`${maxPending} appends wait for it already (maxPending): publish more slowly, or later`),
      );
    const { dedupeKey } = append;
    this.#pending += 1;
    return new Promise((resolve, reject) => {
      this.#queue.push(stream, {
        append,
        tag: Math.floor(Math.random() * 0x1_0000_0000),
        dedupeKey: dedupeKey === undefined ? null : dedupeKeyOf(prefix, stream, dedupeKey),
        acceptedAt: clock.now(),
        resolve: (appended) => {
          this.#pending -= 1;
          resolve(appended);
        },
        reject: (error) => {
          this.#pending -= 1;
          reject(error);
        },
      });
    });
  }

  async broadcast(stream: StreamName, body: string): Promise<void> {
    if (this.#closing !== null) throw this.#fleet.closedError();
    const { clock, prefix } = this.#settings;
    const { log: channel } = streamKeys(prefix, stream);
    const command = this.#fleet.cluster ? "spublish" : "publish";
    const args = [channel, encodeVolatile(this.#instance, body, clock.wallTime())];
    await this.#run(
      this.#slotOf(stream),
      (connection, asking) => (asking ? connection.callAsking(command, args) : connection.call(command, args)),
      this.#deadline(),
    );
  }

  read(stream: StreamName, from: ReadFrom, limit: number): Promise<Page> {
    return this.#read(stream, from, limit, this.#deadline());
  }

  heads(streams: readonly StreamName[]): Promise<readonly Position[]> {
    const deadline = this.#deadline();
    return Promise.all(
      streams.map(async (stream) => {
        const { value, runId } = await this.#script(stream, this.#scripts.head, [], deadline);
        return this.#note(
          stream,
          readHead(value, (birth) => this.#epochOf(birth, runId)),
        );
      }),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async subscribe(stream: StreamName, session: RedisSession): Promise<void> {
    if (this.#closing !== null || session.closed) throw this.#fleet.closedError();
    const { prefix, foreignPrefix } = this.#settings;
    const channels = [streamKeys(prefix, stream).log];
    if (foreignPrefix !== null) channels.push(foreignPrefix + stream);
    const target = { name: stream, isPrefix: false, slot: this.#slotOf(stream), channels };
    await this.#subscriptions.add(target, session, this.#deadline());
  }

  unsubscribe(stream: StreamName, session: RedisSession): void {
    this.#subscriptions.remove({ name: stream, isPrefix: false }, session);
  }

  async subscribePrefix(start: StreamName, session: RedisSession): Promise<void> {
    if (this.#closing !== null || session.closed) throw this.#fleet.closedError();
    if (this.#fleet.cluster) throw noPrefixes();
    const { prefix, foreignPrefix } = this.#settings;
    const channels = [logPattern(prefix, start)];
    if (foreignPrefix !== null) channels.push(`${literally(foreignPrefix + start)}*`);
    await this.#subscriptions.add({ name: start, isPrefix: true, slot: 0, channels }, session, this.#deadline());
  }

  unsubscribePrefix(start: StreamName, session: RedisSession): void {
    this.#subscriptions.remove({ name: start, isPrefix: true }, session);
  }

  forget(session: RedisSession): void {
    this.#sessions.delete(session);
  }

  async #close(): Promise<void> {
    await this.#queue.idle();
    this.#fleet.close();
    this.#subscriptions.clear();
    for (const session of this.#sessions) this.#tell(session, (listener) => listener.onAvailable(false));
    this.#sessions.clear();
  }

  async #read(stream: StreamName, { offset, revision = -1 }: ReadFrom, limit: number, deadline: number): Promise<Page> {
    const { value, runId } = await this.#script(stream, this.#scripts.read, [offset, revision, limit], deadline);
    const page = readPage(value, offset, (birth) => this.#epochOf(birth, runId));
    this.#note(stream, page.head);
    return page;
  }

  #script(stream: StreamName, script: Script, args: readonly number[], deadline: number): ReturnType<Fleet["run"]> {
    const { prefix } = this.#settings;
    const { log, meta, values, order, graves } = streamKeys(prefix, stream);
    const keys = [log, meta, values, order, graves];
    return this.#run(
      this.#slotOf(stream),
      (connection, asking) => {
        const input = [keys.length, ...keys, ...this.#scriptHead(connection.info.runId), ...args];
        return asking ? connection.runAsking(script, input) : connection.run(script, input);
      },
      deadline,
    );
  }

  async #run(slot: number, send: Send, deadline: number): ReturnType<Fleet["run"]> {
    try {
      return await this.#fleet.run(slot, send, deadline);
    } catch (error) {
      throw asPortError(error);
    }
  }

  /** 0 outside a Cluster. */
  #slotOf(stream: StreamName): number {
    return this.#fleet.cluster ? slotOf(this.#settings.prefix, stream) : 0;
  }

  /** ARGV 1–2 of every script. */
  #scriptHead(runId: string): readonly [source: string, run: string] {
    return [this.#instance, this.#settings.durable ? "durable" : runId];
  }

  #epochOf(birth: string, runId: string): string {
    return this.#settings.durable ? birth : `${runId.slice(0, 12)}.${birth}`;
  }

  #note(stream: StreamName, head: Position): Position {
    this.#heads.note(stream, head.epoch, head.offset, head.state?.revision ?? 0);
    return head;
  }

  #deadline(): number {
    const { clock, whenAway, waitMs } = this.#settings;
    return clock.now() + (whenAway === "wait" ? waitMs : 0);
  }

  #hear(
    subscription: Subscription<RedisSession>,
    { channel, foreign, text }: Heard,
    listeners: Iterable<RedisSession>,
  ): void {
    const { clock, logger } = this.#settings;
    const stream = this.#streamOf(subscription, channel, foreign);
    const message = foreign ? foreignMessage(text, clock.wallTime()) : decodeMessage(text);
    if (message === null) {
      logger?.warn("a message on Redis was not understood and left out", { stream, foreign, length: text.length });
      for (const session of listeners) this.#tell(session, (listener) => listener.onUnreadable?.(stream));
      return;
    }
    if (message.kind === "volatile") {
      const { body, time } = message;
      for (const session of listeners) this.#tell(session, (listener) => listener.onVolatile(stream, body, time));
      return;
    }
    const { birth, entries } = message;
    // The stream was lost and began again: its offsets may happen to go on where the old ones ended.
    if (subscription.births.note(stream, birth))
      for (const session of listeners) this.#tell(session, (listener) => listener.onDoubt(stream));
    for (const entry of entries)
      for (const session of listeners) this.#tell(session, (listener) => listener.onEntry(stream, entry));
  }

  #streamOf({ name, isPrefix }: Subscription<RedisSession>, channel: string, foreign: boolean): StreamName {
    if (!isPrefix) return name;
    const { prefix, foreignPrefix } = this.#settings;
    return foreign ? (channel.slice(foreignPrefix?.length) as StreamName) : streamOfLog(prefix, channel);
  }

  #doubt({ name, isPrefix, listeners }: Subscription<RedisSession>): void {
    for (const session of listeners)
      this.#tell(session, (listener) => (isPrefix ? listener.onPrefixDoubt?.(name) : listener.onDoubt(name)));
  }

  #tell(session: RedisSession, what: (listener: BrokerListener) => void): void {
    try {
      what(session.listener);
    } catch (error) {
      this.#settings.logger?.error("a broker listener threw; the others go on", { error });
    }
  }
}

function noPrefixes(): GatewayError {
  return new GatewayError(
    "gateway.unsupported",
    "a Redis Cluster has no subscriptions by prefix: name each channel, or use a single Redis (behind Sentinels where it has to survive its machine)",
  );
}

function foreignMessage(
  text: string,
  time: number,
): { readonly kind: "volatile"; readonly body: string; readonly time: number } | null {
  const body = foreignBody(text);
  return body === null ? null : { kind: "volatile", body, time };
}
