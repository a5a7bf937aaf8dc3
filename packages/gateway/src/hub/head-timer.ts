// When heads are compared with the broker's (PROTOCOL §4.2): once per heartbeat, while somebody is connected.
import { GatewayError } from "@trunkline/core/errors";
import type { Clock, TimerHandle } from "@trunkline/core/ports";

/** Intervals that a check may take before it is given up, and the least that is in milliseconds: it waits a while by itself. */
const patience = 2;
const leastMs = 2000;

/** Must not reject, and should do nothing more once `isOver()`. */
type HeadCheck = (isOver: () => boolean) => Promise<void>;

export interface HeadTimerOptions {
  readonly clock: Pick<Clock, "now" | "setTimer" | "clearTimer">;
  readonly everyMs: number;
  readonly check: HeadCheck;
  /** Hears of a check that was given up. Must not throw. */
  readonly onError: (error: GatewayError) => void;
}

export class HeadTimer {
  readonly #options: HeadTimerOptions;
  #timer: TimerHandle | null = null;
  /** The check under way. */
  #running: object | null = null;
  #startedAt = 0;

  constructor(options: HeadTimerOptions) {
    this.#options = options;
  }

  /** Idempotent. */
  start(): void {
    const { clock, everyMs } = this.#options;
    this.#timer ??= clock.setTimer(() => this.#due(), everyMs);
  }

  stop(): void {
    if (this.#timer !== null) this.#options.clock.clearTimer(this.#timer);
    this.#timer = null;
  }

  /** A slow check puts the next one off; one that the broker never answers must not do so for ever. */
  #due(): void {
    this.#timer = null;
    this.start();
    const { clock, everyMs, onError } = this.#options;
    if (this.#running !== null) {
      const limitMs = Math.max(patience * everyMs, leastMs);
      if (clock.now() - this.#startedAt < limitMs) return;
      const message = `expected the broker to say where its streams are within ${limitMs} ms, got no answer; it is asked again`;
      onError(new GatewayError("gateway.unavailable", message));
    }
    void this.#run();
  }

  async #run(): Promise<void> {
    const run = {};
    this.#running = run;
    this.#startedAt = this.#options.clock.now();
    await this.#options.check(() => this.#running !== run);
    if (this.#running === run) this.#running = null;
  }
}
