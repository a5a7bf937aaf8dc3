import { ManualClock } from "@trunkline/core/testing";
import { expect, it } from "vitest";
import { WaitingRoom } from "./waiting-room.ts";

function setUp({ room = 2 } = {}) {
  const clock = new ManualClock();
  let waiting = 0;
  const waitingRoom = new WaitingRoom({
    clock,
    withinMs: 1000,
    hasRoom: () => waiting < room,
    onWaiting: (change) => (waiting += change),
  });
  return { clock, waitingRoom, waiting: () => waiting };
}
const never = new Promise<"in">(() => {});

it("who need not wait is answered at once", () => {
  const { waitingRoom, waiting } = setUp({ room: 0 });
  const answers: unknown[] = [];
  waitingRoom.wait("in", (answer) => answers.push(answer));
  expect([answers, waiting()]).toEqual([["in"], 0]);
});

it("an answer that comes in time is handed on, once, and its place is free again", async () => {
  const { clock, waitingRoom, waiting } = setUp();
  const answers: unknown[] = [];
  waitingRoom.wait(Promise.resolve("in" as const), (answer) => answers.push(answer));
  expect(waiting()).toBe(1);
  await Promise.resolve();
  clock.advance(5000);
  waitingRoom.clear();
  expect([answers, waiting()]).toEqual([["in"], 0]);
});

it("one that takes longer, one too many and all who are there at the end are told 503", () => {
  const { clock, waitingRoom, waiting } = setUp();
  const answers: unknown[] = [];
  const wait = () => waitingRoom.wait(never, (answer) => answers.push(answer));
  wait();
  clock.advance(600);
  wait();
  wait();
  expect([answers.length, waiting()]).toEqual([1, 2]);
  clock.advance(400);
  expect([answers.length, waiting()]).toEqual([2, 1]);
  waitingRoom.clear();
  expect([answers.length, waiting()]).toEqual([3, 0]);
  for (const answer of answers) expect(answer).toMatchObject({ ok: false, status: 503 });
});
