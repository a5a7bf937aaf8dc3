/** A timer that was set. */
export type TimerHandle = { readonly __timer: unique symbol };

/** Time and chance: all that a driver takes from its surroundings. */
export interface Clock {
  /** Milliseconds on a clock that never goes back; its zero means nothing. */
  now(): number;
  /** Milliseconds since 1970. */
  wallTime(): number;
  setTimer(run: () => void, delayMs: number): TimerHandle;
  clearTimer(timer: TimerHandle): void;
  /** A number in [0, 1). */
  random(): number;
}
