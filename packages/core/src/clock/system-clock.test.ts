import { expect, it } from "vitest";
import { systemClock } from "./system-clock.ts";

it("runs a timer, keeps a cleared one from running, and never goes back", async () => {
  const start = systemClock.now();
  let cleared = false;
  systemClock.clearTimer(systemClock.setTimer(() => (cleared = true), 0));
  await new Promise<void>((resolve) => systemClock.setTimer(resolve, 1));
  expect(cleared).toBe(false);
  expect(systemClock.now()).toBeGreaterThanOrEqual(start);
});

it("does not run a timer of more than 2^31 ms at once", async () => {
  let ran = false;
  const timer = systemClock.setTimer(() => (ran = true), 2 ** 31);
  await new Promise<void>((resolve) => systemClock.setTimer(resolve, 5));
  systemClock.clearTimer(timer);
  expect(ran).toBe(false);
});

it("draws from [0, 1) and tells the time of day", () => {
  const drawn = systemClock.random();
  expect(drawn >= 0 && drawn < 1).toBe(true);
  expect(Math.abs(systemClock.wallTime() - Date.now())).toBeLessThan(60_000);
});
