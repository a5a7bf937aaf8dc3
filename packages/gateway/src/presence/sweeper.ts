// Removes from streams what dead gateways have left there, and tries again until that is done.
import type { Broker, Clock, StreamName, TimerHandle } from "@trunkline/core/ports";
import type { AliveLine } from "./alive-line.ts";
import { gatewayOf, goneBody, maxKeys } from "./member.ts";
import { stateKeys } from "./state-keys.ts";

export interface SweeperOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly alive: Pick<AliveLine, "deadAmong">;
  /** Hears of what is tried again. Must not throw. */
  readonly onError: (error: unknown) => void;
}

/** How soon a stream that could not be swept is tried again, in milliseconds. */
const retryMs = 1000;
/** Removals under way at a time. */
const atOnce = 256;

export class Sweeper {
  readonly #options: SweeperOptions;
  /** Streams to be swept. */
  readonly #waiting = new Set<StreamName>();
  #running: Promise<void> | null = null;
  #retry: TimerHandle | null = null;
  #closed = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  sweep(streams: Iterable<StreamName>): void {
    for (const stream of streams) this.#waiting.add(stream);
    this.#running ??= this.#run().finally(() => (this.#running = null));
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#retry !== null) this.#options.clock.clearTimer(this.#retry);
    await this.#running;
  }

  async #run(): Promise<void> {
    // Grows while it is walked.
    for (const stream of this.#waiting) {
      if (this.#closed) return;
      this.#waiting.delete(stream);
      try {
        await this.#clear(stream);
      } catch (error) {
        this.#waiting.add(stream);
        return this.#failed(error);
      }
    }
  }

  /** Each key once, however many gateways do this at a time. */
  async #clear(stream: StreamName): Promise<void> {
    const { broker, alive } = this.#options;
    const entries = await stateKeys(broker, stream);
    const dead = await alive.deadAmong(new Set(entries.map(([key]) => gatewayOf(key))));
    const left = entries.filter(([key]) => dead.has(gatewayOf(key)));
    for (let from = 0; from < left.length; from += atOnce) {
      const removals = left.slice(from, from + atOnce).map(([key, { offset }]) => {
        const state = { key, deleted: true, maxKeys };
        // A key that is written again has another revision.
        return broker.append(stream, { body: goneBody(stream, key), state, dedupeKey: `dead:${key}:${offset}` });
      });
      await Promise.all(removals);
    }
  }

  #failed(error: unknown): void {
    if (this.#closed) return;
    const { clock, onError } = this.#options;
    onError(error);
    this.#retry ??= clock.setTimer(() => {
      this.#retry = null;
      this.sweep([]);
    }, retryMs);
  }
}
