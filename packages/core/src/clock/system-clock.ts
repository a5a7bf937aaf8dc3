import type { Clock, TimerHandle } from "../ports/clock.ts";

// The only globals the core takes from its surroundings; every JavaScript runtime has them, bar `performance` in old ones.
declare const performance: { now(): number } | undefined;
declare function setTimeout(run: () => void, delayMs: number): TimerHandle;
declare function clearTimeout(timer: TimerHandle): void;

/** Longest delay a timer keeps; runtimes take a longer one for 1 ms. */
const maxTimerMs = 2 ** 31 - 1;

/** The real time and chance. Its timers keep a process alive. A delay above 24.8 days is cut to that. */
export const systemClock: Clock = {
  now: () => (typeof performance === "undefined" ? Date.now() : performance.now()),
  wallTime: () => Date.now(),
  setTimer: (run, delayMs) => setTimeout(run, Math.min(delayMs, maxTimerMs)),
  clearTimer: (timer) => clearTimeout(timer),
  random: () => Math.random(),
};
