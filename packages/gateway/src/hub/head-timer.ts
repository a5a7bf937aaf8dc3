// When heads are compared with the broker's (PROTOCOL §4.2): once per heartbeat, while somebody is connected.
import type { Clock, TimerHandle } from "@trunkline/core/ports";

export class HeadTimer {
  readonly #clock: Pick<Clock, "setTimer" | "clearTimer">;
  readonly #everyMs: number;
  /** Must not reject. */
  readonly #check: () => Promise<void>;
  #timer: TimerHandle | null = null;
  #running = false;
  #wanted = false;

  constructor(clock: Pick<Clock, "setTimer" | "clearTimer">, everyMs: number, check: () => Promise<void>) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#check = check;
  }

  /** Idempotent. */
  start(): void {
    this.#wanted = true;
    if (this.#timer !== null || this.#running) return;
    this.#timer = this.#clock.setTimer(() => void this.#run(), this.#everyMs);
  }

  stop(): void {
    this.#wanted = false;
    if (this.#timer !== null) this.#clock.clearTimer(this.#timer);
    this.#timer = null;
  }

  /** The next one waits for this one, however slow the broker is. */
  async #run(): Promise<void> {
    this.#timer = null;
    this.#running = true;
    await this.#check();
    this.#running = false;
    if (this.#wanted) this.start();
  }
}
