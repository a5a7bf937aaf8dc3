import { expect, it } from "vitest";
import { ManualClock } from "../testing/manual-clock.ts";
import { deferred, wait } from "./deferred.ts";

it("resolves like what it waits for, and leaves no timer", async () => {
  const clock = new ManualClock();
  const { promise, resolve } = deferred<number>();
  const waiting = wait(promise, "x", clock, { timeoutMs: 10 });
  resolve(7);
  expect(await waiting).toBe(7);
  expect(clock.timers).toBe(0);
});

it("gives up after its time, calls what is to be done then once, and ignores what comes later", async () => {
  const clock = new ManualClock();
  const { promise, reject } = deferred<number>();
  let done = 0;
  const waiting = wait(promise, "answer", clock, { timeoutMs: 10 }, () => done++);
  clock.advance(10);
  reject(new Error("late"));
  await expect(waiting).rejects.toMatchObject({ code: "link.timeout", message: "answer took over 10 ms" });
  expect(done).toBe(1);
});

it("gives up when aborted, before or later, and leaves nothing on the signal", async () => {
  const clock = new ManualClock();
  let held = 0;
  const signal = { aborted: true, addEventListener: () => void held++, removeEventListener: () => void held-- };
  await expect(wait(deferred().promise, "x", clock, { signal, timeoutMs: 5 })).rejects.toMatchObject({
    code: "usage.aborted",
  });
  expect([held, clock.timers]).toEqual([0, 0]);
});

it("what is rejected and never awaited is handled", async () => {
  const unhandled: unknown[] = [];
  const note = (cause: unknown): void => void unhandled.push(cause);
  process.on("unhandledRejection", note);
  const { promise, reject } = deferred();
  void wait(promise, "x", new ManualClock());
  reject(new Error("nobody waits"));
  await new Promise<void>((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});
