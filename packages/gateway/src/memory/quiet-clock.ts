// The system's clock, for what lives in this process and must not keep it alive.
import type { Clock, TimerHandle } from "@trunkline/core/ports";

export const quietClock: Pick<Clock, "now" | "wallTime" | "setTimer" | "clearTimer"> = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  setTimer: (run, delayMs) => setTimeout(run, delayMs).unref() as unknown as TimerHandle,
  clearTimer: (timer) => clearTimeout(timer as unknown as NodeJS.Timeout),
};
