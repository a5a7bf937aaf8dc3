// The registry of a single process: nothing to install, nothing kept over a restart. Several gateways of one process may share one.
import { GatewayError, UsageError } from "@trunkline/core/errors";
import type { Clock, Registered, Registry, TimerHandle } from "@trunkline/core/ports";
import { quietClock } from "../memory/quiet-clock.ts";
import { EndQueue, type Ending } from "./end-queue.ts";

export interface MemoryRegistryOptions {
  /**
   * Keys known at a time. Beyond it the one with the nearest end that nobody holds is forgotten; when all are held, the one with the
   * nearest end. @defaultValue 100_000
   */
  readonly maxKeys?: number;
  /** @defaultValue the system's, with a timer that does not keep the process alive */
  readonly clock?: Pick<Clock, "now" | "setTimer" | "clearTimer">;
}

const defaultMaxKeys = 100_000;

/** A key that has ended is never seen again; the sweep frees the memory of those that nobody asks about. */
const sweepMs = 30_000;

interface Known extends Ending {
  readonly key: string;
  readonly channels: Map<string, Registered>;
  holder: string | null;
}

/** @throws {UsageError} `usage.bad-option` */
export function memoryRegistry(options: MemoryRegistryOptions = {}): Registry {
  return new MemoryRegistry(options);
}

class MemoryRegistry implements Registry {
  readonly name = "memory";
  readonly #clock: Pick<Clock, "now" | "setTimer" | "clearTimer">;
  readonly #maxKeys: number;
  readonly #known = new Map<string, Known>();
  readonly #held = new EndQueue<Known>();
  readonly #unheld = new EndQueue<Known>();
  #sweeper: TimerHandle | null = null;
  #closed = false;

  constructor({ maxKeys = defaultMaxKeys, clock = quietClock }: MemoryRegistryOptions) {
    if (!Number.isSafeInteger(maxKeys) || maxKeys < 1)
      throw new UsageError("usage.bad-option", `memoryRegistry maxKeys must be an integer ≥ 1, got ${maxKeys}`);
    this.#maxKeys = maxKeys;
    this.#clock = clock;
  }

  // No method waits for anything, which makes each of them atomic.
  async add(key: string, channels: readonly Registered[], ttlMs: number): Promise<void> {
    const known = this.#find(key) ?? this.#begin(key, ttlMs);
    for (const { channel, position } of channels)
      if (!known.channels.has(channel)) known.channels.set(channel, { channel, position });
  }

  async remove(key: string, channels: readonly string[]): Promise<void> {
    const known = this.#find(key);
    for (const channel of channels) known?.channels.delete(channel);
  }

  async read(key: string): Promise<readonly Registered[] | null> {
    const known = this.#find(key);
    return known === undefined ? null : [...known.channels.values()];
  }

  async hold(key: string, holder: string, ttlMs: number): Promise<readonly Registered[] | null> {
    const known = this.#find(key);
    if (known === undefined) return null;
    this.#change(known, holder, ttlMs);
    return [...known.channels.values()];
  }

  async release(key: string, holder: string, ttlMs: number): Promise<boolean> {
    const known = this.#find(key);
    if (known === undefined || known.holder !== holder) return false;
    this.#change(known, null, ttlMs);
    return true;
  }

  async renew(keys: readonly string[], ttlMs: number): Promise<void> {
    for (const key of keys) {
      const known = this.#find(key);
      if (known !== undefined) this.#change(known, known.holder, ttlMs);
    }
  }

  async drop(key: string): Promise<void> {
    const known = this.#find(key);
    if (known !== undefined) this.#forget(known);
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#sweeper !== null) this.#clock.clearTimer(this.#sweeper);
    this.#sweeper = null;
    this.#known.clear();
    this.#held.clear();
    this.#unheld.clear();
  }

  #find(key: string): Known | undefined {
    if (this.#closed) throw new GatewayError("gateway.unavailable", "the memory registry is closed; open a new one");
    const known = this.#known.get(key);
    if (known === undefined || known.end > this.#clock.now()) return known;
    this.#forget(known);
    return undefined;
  }

  #begin(key: string, ttlMs: number): Known {
    const now = this.#clock.now();
    while (this.#known.size >= this.#maxKeys) this.#forget(this.#leastMissed(now));
    const known = { key, channels: new Map(), holder: null, end: now + ttlMs, place: -1 };
    this.#known.set(key, known);
    this.#unheld.add(known);
    this.#sweeper ??= this.#clock.setTimer(() => this.#sweep(), sweepMs);
    return known;
  }

  /** Of at least one. */
  #leastMissed(now: number): Known {
    const held = this.#held.first;
    if (held !== undefined && held.end <= now) return held;
    return this.#unheld.first ?? (held as Known);
  }

  #change(known: Known, holder: string | null, ttlMs: number): void {
    this.#queueOf(known).remove(known);
    known.holder = holder;
    known.end = this.#clock.now() + ttlMs;
    this.#queueOf(known).add(known);
  }

  #forget(known: Known): void {
    this.#known.delete(known.key);
    this.#queueOf(known).remove(known);
  }

  #queueOf({ holder }: Known): EndQueue<Known> {
    return holder === null ? this.#unheld : this.#held;
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const queue of [this.#held, this.#unheld])
      for (let { first } = queue; first !== undefined && first.end <= now; { first } = queue) this.#forget(first);
    this.#sweeper = this.#known.size === 0 ? null : this.#clock.setTimer(() => this.#sweep(), sweepMs);
  }
}
