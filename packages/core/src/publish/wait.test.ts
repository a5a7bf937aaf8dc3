import { describe, expect, it } from "vitest";
import { ManualClock } from "../testing/manual-clock.ts";
import { type WaitOptions, waitFor } from "./wait.ts";

const never = (): Promise<string> => new Promise(() => {});
const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: { readonly code: string }) => error.code,
  );

describe("waitFor", () => {
  it("§8.6 what is given up after its time may be published: outcome-unknown", async () => {
    const clock = new ManualClock();
    const waiting = codeOf(waitFor(never, { timeoutMs: 100 }, clock, "publish"));
    clock.advance(100);
    expect(await waiting).toBe("gateway.outcome-unknown");
  });

  it("an abort ends the wait, and before the call nothing is done at all", async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = codeOf(waitFor(never, { signal }, clock, "publish"));
    controller.abort();
    expect(await waiting).toBe("usage.aborted");
    let calls = 0;
    const start = async (): Promise<number> => ++calls;
    expect(await codeOf(waitFor(start, { signal }, clock, "publish"))).toBe("usage.aborted");
    expect(calls).toBe(0);
  });

  it("what comes in time is passed on, and leaves no timer behind", async () => {
    const clock = new ManualClock();
    const signal = new AbortController().signal;
    const options: readonly WaitOptions[] = [{}, { timeoutMs: 100 }, { signal }, { signal, timeoutMs: 100 }];
    for (const each of options) {
      expect(await waitFor(async () => "done", each, clock, "publish")).toBe("done");
      const failed = waitFor(() => Promise.reject(new Error("no")), each, clock, "publish");
      await expect(failed).rejects.toThrow("no");
    }
    expect(clock.timers).toBe(0);
    expect(await codeOf(waitFor(never, { timeoutMs: 0 }, clock, "publish"))).toBe("usage.bad-argument");
  });
});
