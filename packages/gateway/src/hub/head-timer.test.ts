import { ManualClock } from "@trunkline/core/testing";
import { expect, it } from "vitest";
import { HeadTimer } from "./head-timer.ts";

function setUp() {
  const clock = new ManualClock();
  const checks: (() => void)[] = [];
  const timer = new HeadTimer(clock, 100, () => new Promise((resolve) => checks.push(resolve)));
  return { clock, checks, timer };
}

it("§4.2 checks once per interval while it is wanted, however often it is started", async () => {
  const { clock, checks, timer } = setUp();
  timer.start();
  timer.start();
  clock.advance(100);
  expect(checks).toHaveLength(1);
  checks[0]?.();
  await Promise.resolve();
  await Promise.resolve();
  clock.advance(100);
  expect(checks).toHaveLength(2);
});

it("never overlaps itself: a slow check puts the next one off", async () => {
  const { clock, checks, timer } = setUp();
  timer.start();
  clock.advance(100);
  timer.start();
  clock.advance(1000);
  timer.stop();
  timer.start();
  clock.advance(1000);
  expect(checks).toHaveLength(1);
  checks[0]?.();
  await Promise.resolve();
  await Promise.resolve();
  clock.advance(100);
  expect(checks).toHaveLength(2);
});

it("stops, also under a check", async () => {
  const { clock, checks, timer } = setUp();
  timer.start();
  timer.stop();
  clock.advance(1000);
  expect(checks).toEqual([]);
  timer.start();
  clock.advance(100);
  timer.stop();
  checks[0]?.();
  await Promise.resolve();
  await Promise.resolve();
  clock.advance(1000);
  expect(checks).toHaveLength(1);
});
