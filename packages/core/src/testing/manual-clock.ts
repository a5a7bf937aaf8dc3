import type { Clock, TimerHandle } from "../ports/clock.ts";

interface Timer {
  readonly handle: TimerHandle;
  readonly dueAt: number;
  readonly run: () => void;
}

export interface ManualClockOptions {
  /** Milliseconds since 1970 at `now() === 0`. @defaultValue 2026-01-01T00:00:00Z */
  readonly wallTime?: number;
  /** What `random()` answers at first. @defaultValue 0.5 */
  readonly randomValue?: number;
}

/** A clock that stands still until a test turns it. Starts at 0. */
export class ManualClock implements Clock {
  /** What `random()` answers; in [0, 1). */
  randomValue: number;
  readonly #wallStart: number;
  readonly #timers = new Map<TimerHandle, Timer>();
  #now = 0;

  constructor(options: ManualClockOptions = {}) {
    this.#wallStart = options.wallTime ?? Date.UTC(2026, 0, 1);
    this.randomValue = options.randomValue ?? 0.5;
  }

  /** Timers that are set and have not run. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer is due, 0 when one is overdue, or null without any. */
  get nextTimerMs(): number | null {
    const next = this.#next();
    return next === null ? null : Math.max(0, next.dueAt - this.#now);
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#wallStart + this.#now;
  }

  setTimer(run: () => void, delayMs: number): TimerHandle {
    const handle = {} as TimerHandle;
    this.#timers.set(handle, { handle, dueAt: this.#now + Math.max(0, delayMs), run });
    return handle;
  }

  clearTimer(timer: TimerHandle): void {
    this.#timers.delete(timer);
  }

  random(): number {
    return this.randomValue;
  }

  /**
   * Lets `ms` pass: runs each timer at its own time, in order of time and then of setting, those set meanwhile included.
   * What a timer throws stops the clock there and is thrown on.
   */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (let next = this.#next(); next !== null && next.dueAt <= until; next = this.#next()) {
      this.#now = Math.max(this.#now, next.dueAt);
      this.#run(next);
    }
    this.#now = until;
  }

  /**
   * Lets `ms` pass as in sleep: nothing runs meanwhile, then every timer that has become due runs late, seeing the new
   * time.
   */
  lateWake(ms: number): void {
    this.#now += ms;
    this.advance(0);
  }

  #next(): Timer | null {
    let next: Timer | null = null;
    // A Map keeps the order of setting, so the first of two equal times wins.
    for (const timer of this.#timers.values()) if (next === null || timer.dueAt < next.dueAt) next = timer;
    return next;
  }

  #run(timer: Timer): void {
    this.#timers.delete(timer.handle);
    timer.run();
  }
}
