import { ManualClock } from "@trunkline/core/testing";
import { expect, it } from "vitest";
import { HeadTimer } from "./head-timer.ts";

interface Check {
  /** The broker has answered. */
  done(): Promise<void>;
  readonly isOver: () => boolean;
}

function setUp(everyMs = 10_000) {
  const clock = new ManualClock();
  const checks: Check[] = [];
  const errors: string[] = [];
  const check = (isOver: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const done = async (): Promise<void> => {
        resolve();
        for (let turns = 0; turns < 3; turns++) await Promise.resolve();
      };
      checks.push({ done, isOver });
    });
  const timer = new HeadTimer({ clock, everyMs, check, onError: ({ code }) => errors.push(code) });
  return { clock, checks, errors, timer };
}

it("§4.2 checks once per interval while it is wanted, however often it is started", async () => {
  const { clock, checks, errors, timer } = setUp();
  timer.start();
  timer.start();
  clock.advance(10_000);
  expect(checks).toHaveLength(1);
  await checks[0]?.done();
  clock.advance(10_000);
  expect(checks).toHaveLength(2);
  expect(errors).toEqual([]);
});

it("never overlaps itself: a slow check puts the next one off", async () => {
  const { clock, checks, errors, timer } = setUp();
  timer.start();
  clock.advance(10_000);
  timer.start();
  clock.advance(10_000);
  timer.stop();
  timer.start();
  clock.advance(9_999);
  expect(checks).toHaveLength(1);
  await checks[0]?.done();
  clock.advance(1);
  expect(checks).toHaveLength(2);
  expect(errors).toEqual([]);
});

it("gives up a check that is not answered within two intervals, tells of it and goes on", async () => {
  const { clock, checks, errors, timer } = setUp();
  timer.start();
  clock.advance(30_000);
  expect(checks.map(({ isOver }) => isOver())).toEqual([true, false]);
  expect(errors).toEqual(["gateway.unavailable"]);
  // An answer that comes after all is not taken for that of the next.
  await checks[0]?.done();
  clock.advance(10_000);
  expect(checks).toHaveLength(2);
  await checks[1]?.done();
  clock.advance(10_000);
  expect(checks).toHaveLength(3);
  expect(errors).toHaveLength(1);
});

it("gives none up that may still be waiting for what is under way, however short the interval", () => {
  const { clock, checks, timer } = setUp(10);
  timer.start();
  clock.advance(2009);
  expect(checks).toHaveLength(1);
  clock.advance(1);
  expect(checks).toHaveLength(2);
});

it("stops, also under a check", async () => {
  const { clock, checks, errors, timer } = setUp();
  timer.start();
  timer.stop();
  clock.advance(100_000);
  expect(checks).toEqual([]);
  timer.start();
  clock.advance(10_000);
  timer.stop();
  clock.advance(100_000);
  expect(errors).toEqual([]);
  await checks[0]?.done();
  clock.advance(100_000);
  expect(checks).toHaveLength(1);
});
