// The embedded broker: streams in this process, nothing to install. Several gateways of one process may share one.
import { randomBytes } from "node:crypto";
import { GatewayError, UsageError } from "@trunkline/core/errors";
import type {
  Append,
  Appended,
  Broker,
  BrokerListener,
  BrokerSession,
  Clock,
  Logger,
  Page,
  ReadFrom,
  StreamName,
  TimerHandle,
} from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";
import { DedupeWindow } from "./memory/dedupe-window.ts";
import { MemoryStream } from "./memory/memory-stream.ts";
import { quietClock } from "./memory/quiet-clock.ts";

export interface MemoryBrokerOptions {
  /** How much of each stream is kept: both bounds hold. */
  readonly history?: {
    /** Events per stream; 0 keeps none. @defaultValue 1000 */
    readonly count?: number;
    /** Age of the oldest event, in milliseconds. @defaultValue 300_000 */
    readonly ageMs?: number;
  };
  /** The latest value per key. */
  readonly state?: {
    /** Keys per stream, deleted ones that are remembered included; a new one beyond it is refused. @defaultValue 10_000 */
    readonly maxKeys?: number;
  };
  /** Idempotent publishing. */
  readonly dedupe?: {
    /** How long a key is remembered, in milliseconds. @defaultValue 120_000 */
    readonly windowMs?: number;
    /** Keys remembered over all streams; beyond it the oldest are given up early. @defaultValue 100_000 */
    readonly maxKeys?: number;
  };
  /** Idle time after which an emptied stream without subscribers is forgotten, in milliseconds. @defaultValue 7 days */
  readonly headTtlMs?: number;
  /** Hears of listeners that throw. @defaultValue silent */
  readonly logger?: Logger;
  /** @defaultValue the system's, with a timer that does not keep the process alive */
  readonly clock?: Pick<Clock, "now" | "wallTime" | "setTimer" | "clearTimer">;
}

const memoryBrokerDefaults = {
  history: { count: 1000, ageMs: 300_000 },
  state: { maxKeys: 10_000 },
  dedupe: { windowMs: 120_000, maxKeys: 100_000 },
  headTtlMs: 7 * 24 * 3_600_000,
} as const;

/** Trimming by age happens at every append and read; the sweep is for streams that see neither. */
const sweepMs = 30_000;

type Stream = MemoryStream<MemorySession>;

/** One delivery that waits for its turn. */
type Delivery = (listener: BrokerListener) => void;

/**
 * An in-process broker. Delivery happens inside `append` and `broadcast`, in the order of the calls; what a listener
 * appends is delivered after what it is being told, so that every listener sees one order.
 * @throws {UsageError} `usage.bad-option`
 */
export function memoryBroker(options: MemoryBrokerOptions = {}): Broker {
  return new MemoryBroker(options);
}

class MemoryBroker implements Broker {
  readonly name = "memory";
  readonly #count: number;
  readonly #ageMs: number;
  readonly #maxStateKeys: number;
  readonly #headTtlMs: number;
  readonly #clock: Pick<Clock, "now" | "wallTime" | "setTimer" | "clearTimer">;
  readonly #logger: Logger | undefined;
  readonly #dedupe: DedupeWindow;
  readonly #streams = new Map<StreamName, Stream>();
  readonly #sessions = new Set<MemorySession>();
  /** Those that are subscribed by prefix. */
  readonly #prefixed = new Set<MemorySession>();
  readonly #instance = randomBytes(6).toString("base64url");
  /**
   * Streams forgotten with their offsets. It is part of the epoch of every stream that starts later, so a cursor into a
   * forgotten stream meets another epoch, never a head that happens to fit.
   */
  #forgotten = 0;
  #queue: { readonly stream: StreamName; readonly deliver: Delivery }[] = [];
  #delivering = false;
  #sweeper: TimerHandle | null = null;
  #closed = false;

  constructor(options: MemoryBrokerOptions) {
    const { count, ageMs } = { ...memoryBrokerDefaults.history, ...defined(options.history) };
    const { windowMs, maxKeys } = { ...memoryBrokerDefaults.dedupe, ...defined(options.dedupe) };
    const maxStateKeys = options.state?.maxKeys ?? memoryBrokerDefaults.state.maxKeys;
    const headTtlMs = options.headTtlMs ?? memoryBrokerDefaults.headTtlMs;
    check("history.count", count, 0);
    check("history.ageMs", ageMs, 0);
    check("state.maxKeys", maxStateKeys, 1);
    check("dedupe.windowMs", windowMs, 0);
    check("dedupe.maxKeys", maxKeys, 2);
    // A stream forgotten earlier would leave dedupe keys that point into an epoch that is over.
    check("headTtlMs", headTtlMs, Math.max(ageMs, windowMs));
    this.#count = count;
    this.#ageMs = ageMs;
    this.#maxStateKeys = maxStateKeys;
    this.#headTtlMs = headTtlMs;
    this.#clock = options.clock ?? quietClock;
    this.#logger = options.logger;
    this.#dedupe = new DedupeWindow(windowMs, maxKeys, this.#clock.now());
  }

  open(listener: BrokerListener): BrokerSession {
    const session = new MemorySession(this, listener);
    this.#sessions.add(session);
    return session;
  }

  // Not `async`, but a failure must reject all the same: these three return promises by contract.
  append(name: StreamName, append: Append): Promise<Appended> {
    if (this.#closed) return Promise.reject(closedError());
    const now = this.#clock.now();
    const { body, dedupeKey, state, retryMs } = append;
    // A NUL can't occur in a stream name, so names and keys can't run into each other.
    const key = dedupeKey === undefined ? undefined : `${name}\0${dedupeKey}`;
    if (key !== undefined) {
      const seen = this.#dedupe.look(key, body, now);
      if (seen.kind !== "new") return Promise.resolve(seen);
      if (retryMs !== undefined && !this.#dedupe.covers(retryMs, now)) return Promise.resolve({ kind: "unknown" });
    }
    const stream = this.#ensure(name, now);
    const time = this.#clock.wallTime();
    stream.usedAt = now;
    stream.trim(this.#count, time - this.#ageMs);
    const { maxKeys = this.#maxStateKeys } = state ?? {};
    if (state !== undefined && stream.state.size >= maxKeys && !stream.state.has(state.key))
      return Promise.reject(tooManyKeys(maxKeys));
    const entry = stream.append(append, newTag(), time);
    if (entry.line === "log") stream.log.trim(this.#count, 0);
    const position = { epoch: stream.epoch, offset: entry.offset, tag: entry.tag };
    if (key !== undefined) this.#dedupe.take(key, body, position, now);
    this.#deliver(name, (listener) => listener.onEntry(name, entry));
    return Promise.resolve({ kind: "appended", position });
  }

  broadcast(name: StreamName, body: string): Promise<void> {
    if (this.#closed) return Promise.reject(closedError());
    const time = this.#clock.wallTime();
    this.#deliver(name, (listener) => listener.onVolatile(name, body, time));
    return Promise.resolve();
  }

  read(name: StreamName, from: ReadFrom, limit: number): Promise<Page> {
    if (this.#closed) return Promise.reject(closedError());
    const stream = this.#look(name);
    stream.trim(this.#count, this.#clock.wallTime() - this.#ageMs);
    return Promise.resolve(stream.page(from, limit));
  }

  heads(names: readonly StreamName[]): Promise<readonly Position[]> {
    if (this.#closed) return Promise.reject(closedError());
    return Promise.resolve(names.map((name) => this.#look(name).head));
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    if (this.#sweeper !== null) this.#clock.clearTimer(this.#sweeper);
    this.#streams.clear();
    this.#dedupe.clear();
    for (const session of this.#sessions) this.#tell(session, (listener) => listener.onAvailable(false));
    this.#sessions.clear();
    this.#prefixed.clear();
    return Promise.resolve();
  }

  /** A subscribed stream has a record even before its first event, so that its epoch can't change under its readers. */
  enter(name: StreamName, session: MemorySession): void {
    if (this.#closed) throw closedError();
    this.#ensure(name, this.#clock.now()).sessions.add(session);
  }

  leave(name: StreamName, session: MemorySession): void {
    const stream = this.#streams.get(name);
    if (stream === undefined || !stream.sessions.delete(session)) return;
    stream.usedAt = this.#clock.now();
    this.#forgetIfEmpty(name, stream, stream.usedAt);
  }

  forgetSession(session: MemorySession): void {
    this.#sessions.delete(session);
    this.#prefixed.delete(session);
  }

  /** `prefixed`: whether it is subscribed by prefix. */
  changePrefixes(session: MemorySession, prefixed: boolean): void {
    if (!prefixed) this.#prefixed.delete(session);
    else if (this.#closed) throw closedError();
    else this.#prefixed.add(session);
  }

  #epoch(): string {
    return `${this.#instance}.${this.#forgotten}`;
  }

  /** A stream without a record is empty, and none is made for looking. */
  #look(name: StreamName): Stream {
    return this.#streams.get(name) ?? new MemoryStream(this.#epoch(), 0);
  }

  #ensure(name: StreamName, now: number): Stream {
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      stream = new MemoryStream(this.#epoch(), now);
      this.#streams.set(name, stream);
      this.#sweeper ??= this.#clock.setTimer(() => this.#sweep(), sweepMs);
    }
    return stream;
  }

  #deliver(stream: StreamName, deliver: Delivery): void {
    if (this.#delivering) {
      this.#queue.push({ stream, deliver });
      return;
    }
    this.#delivering = true;
    this.#tellAll(stream, deliver);
    // Grows while it is walked: what listeners append comes last.
    for (const waiting of this.#queue) this.#tellAll(waiting.stream, waiting.deliver);
    if (this.#queue.length > 0) this.#queue = [];
    this.#delivering = false;
  }

  #tellAll(name: StreamName, deliver: Delivery): void {
    const sessions = this.#streams.get(name)?.sessions;
    for (const session of sessions ?? []) this.#tell(session, deliver);
    for (const session of this.#prefixed)
      if (sessions?.has(session) !== true && session.hasPrefixOf(name)) this.#tell(session, deliver);
  }

  #tell(session: MemorySession, deliver: Delivery): void {
    try {
      deliver(session.listener);
    } catch (error) {
      this.#logger?.error("a broker listener threw; the others go on", { error });
    }
  }

  #sweep(): void {
    const now = this.#clock.now();
    const oldestTime = this.#clock.wallTime() - this.#ageMs;
    this.#dedupe.expire(now);
    for (const [name, stream] of this.#streams) {
      stream.trim(this.#count, oldestTime);
      this.#forgetIfEmpty(name, stream, now);
    }
    this.#sweeper =
      this.#streams.size === 0 && this.#dedupe.size === 0 ? null : this.#clock.setTimer(() => this.#sweep(), sweepMs);
  }

  #forgetIfEmpty(name: StreamName, stream: Stream, now: number): void {
    const { log, sessions, usedAt } = stream;
    if (sessions.size > 0 || log.size > 0) return;
    // Never written, and a new record would say the very same: nothing is lost with it.
    const untouched = !stream.used && stream.epoch === this.#epoch();
    if (!untouched && now - usedAt < this.#headTtlMs) return;
    this.#streams.delete(name);
    if (stream.used) this.#forgotten += 1;
  }
}

class MemorySession implements BrokerSession {
  readonly listener: BrokerListener;
  readonly #broker: MemoryBroker;
  readonly #names = new Set<StreamName>();
  readonly #prefixes = new Set<StreamName>();
  #closed = false;

  constructor(broker: MemoryBroker, listener: BrokerListener) {
    this.#broker = broker;
    this.listener = listener;
  }

  async subscribe(stream: StreamName): Promise<void> {
    if (this.#closed) throw closedError();
    this.#broker.enter(stream, this);
    this.#names.add(stream);
  }

  async unsubscribe(stream: StreamName): Promise<void> {
    if (this.#names.delete(stream)) this.#broker.leave(stream, this);
  }

  async subscribePrefix(prefix: StreamName): Promise<void> {
    if (this.#closed) throw closedError();
    this.#broker.changePrefixes(this, true);
    this.#prefixes.add(prefix);
  }

  async unsubscribePrefix(prefix: StreamName): Promise<void> {
    this.#prefixes.delete(prefix);
    this.#broker.changePrefixes(this, this.#prefixes.size > 0);
  }

  hasPrefixOf(name: StreamName): boolean {
    for (const prefix of this.#prefixes) if (name.startsWith(prefix)) return true;
    return false;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const name of this.#names) this.#broker.leave(name, this);
    this.#names.clear();
    this.#broker.forgetSession(this);
  }
}

/** 32 random bits, so that the same offset on two forks has the same tag once in four billion times. */
function newTag(): string {
  return Math.floor(Math.random() * 0x1_0000_0000).toString(36);
}

function closedError(): GatewayError {
  return new GatewayError("gateway.unavailable", "the memory broker is closed; open a new one");
}

function tooManyKeys(maxKeys: number): GatewayError {
  return new GatewayError(
    "gateway.limit",
    `key: expected at most ${maxKeys} keys in a stream, got one more; delete some, or raise state.maxKeys`,
  );
}

function check(option: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new UsageError("usage.bad-option", `memoryBroker ${option} must be an integer ≥ ${least}, got ${value}`);
}

/** `given` without its undefined fields, which mean the default. */
function defined<Given extends object>(
  given: Given | undefined,
): Partial<{ [Field in keyof Given]-?: Exclude<Given[Field], undefined> }> {
  const entries = Object.entries(given ?? {}).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<{ [Field in keyof Given]-?: Exclude<Given[Field], undefined> }>;
}
