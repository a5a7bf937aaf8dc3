import { expect, it } from "vitest";
import { ManualClock } from "./manual-clock.ts";

it("runs due timers in order of time, each seeing its own time", () => {
  const clock = new ManualClock();
  const ran: [string, number][] = [];
  clock.setTimer(() => ran.push(["second", clock.now()]), 20);
  clock.setTimer(() => ran.push(["first", clock.now()]), 10);
  clock.setTimer(() => ran.push(["tie", clock.now()]), 20);
  clock.setTimer(() => ran.push(["never", clock.now()]), 31);
  clock.advance(30);
  expect(ran).toEqual([
    ["first", 10],
    ["second", 20],
    ["tie", 20],
  ]);
  expect(clock.now()).toBe(30);
  expect(clock.timers).toBe(1);
  expect(clock.nextTimerMs).toBe(1);
});

it("runs timers set while it advances, when their time falls inside", () => {
  const clock = new ManualClock();
  const ran: number[] = [];
  const again = () => {
    ran.push(clock.now());
    clock.setTimer(again, 10);
  };
  clock.setTimer(again, 10);
  clock.advance(35);
  expect(ran).toEqual([10, 20, 30]);
});

it("never runs a cleared timer, even one cleared by a timer of the same time", () => {
  const clock = new ManualClock();
  let ran = false;
  clock.setTimer(() => clock.clearTimer(victim), 5);
  const victim = clock.setTimer(() => (ran = true), 5);
  clock.advance(10);
  expect(ran).toBe(false);
  expect(clock.timers).toBe(0);
});

it("wakes late: every overdue timer runs after the jump and sees the new time", () => {
  const clock = new ManualClock();
  const ran: number[] = [];
  clock.setTimer(() => {
    ran.push(clock.now());
    clock.setTimer(() => ran.push(clock.now()), 10);
  }, 10);
  clock.lateWake(1000);
  expect(ran).toEqual([1000]);
  clock.advance(10);
  expect(ran).toEqual([1000, 1010]);
});

it("answers the random value a test sets and moves wall time along", () => {
  const clock = new ManualClock({ wallTime: 5000 });
  clock.randomValue = 0.25;
  clock.advance(7);
  expect(clock.random()).toBe(0.25);
  expect(clock.wallTime()).toBe(5007);
});
