import type { Clock, TimerHandle } from "@trunkline/core/ports";

/**
 * Does something that many ask for: once for all who ask in one turn, and then not again before `everyMs` have passed. `run` returns
 * whether there was anything to do.
 */
export class Pace {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #run: () => boolean;
  #lastAt = -Infinity;
  #timer: TimerHandle | undefined;
  #asked = false;

  constructor(clock: Clock, everyMs: number, run: () => boolean) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#run = run;
  }

  ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    const waitMs = this.#lastAt + this.#everyMs - this.#clock.now();
    if (waitMs > 0) this.#timer = this.#clock.setTimer(() => this.now(), waitMs);
    else void Promise.resolve().then(() => this.#asked && this.now());
  }

  /** Does at once what was asked for, if anything was: who waits for it is waited for no more. */
  now(): void {
    if (!this.#asked) return;
    this.#asked = false;
    if (this.#timer) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    const before = this.#lastAt;
    this.#lastAt = this.#clock.now();
    if (!this.#run()) this.#lastAt = before;
  }
}
