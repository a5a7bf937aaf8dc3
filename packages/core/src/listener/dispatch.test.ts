import { expect, it } from "vitest";
import { type ListenerOptions, defineListener } from "./define-listener.ts";
import { dispatch, dispatchGap } from "./dispatch.ts";
import { type ListenerContext, bareContext } from "./listener-context.ts";

const context = (channel: string, data: unknown): ListenerContext => bareContext(channel, data);

it("D-18 a handler that throws, rejects or never ends is nothing to the others, and is reported with its name", async () => {
  const heard: unknown[] = [];
  const failures: string[] = [];
  const listener = defineListener(
    {
      a: [
        () => {
          throw new Error("thrown");
        },
        () => Promise.reject(new Error("rejected")),
        () => new Promise(() => {}),
        // What is thrown need not be an error.
        () => Promise.reject("odd" as unknown as Error),
        (message) => heard.push(message),
      ],
      "*": (message) => heard.push(message),
    },
    { name: "mine" },
  );
  dispatch(listener, context("a", "x"), ({ code, message }) => failures.push(`${code} ${message}`));
  await Promise.resolve();
  expect(heard).toEqual(["x", "x"]);
  expect(failures.sort()).toEqual([
    'usage.listener-failed listener "mine": its handler for "a" failed: it threw something that is no Error',
    'usage.listener-failed listener "mine": its handler for "a" failed: rejected',
    'usage.listener-failed listener "mine": its handler for "a" failed: thrown',
  ]);
});

it("D-16 D-17 all handlers run, and what they return means nothing", () => {
  const order: number[] = [];
  const note = (n: number) => () => order.push(n);
  const listener = defineListener({ "a*": note(1), a: [note(2), note(3)], b: note(4) });
  expect(dispatch(listener, context("a", "x"), () => {})).toBeUndefined();
  expect(order).toEqual([1, 2, 3]);
});

it("tells what was missed, isolated as handlers are", () => {
  const told: unknown[] = [];
  const failures: string[] = [];
  const gap = { channel: "a", account: "acme", reason: "retention", from: 1, to: 2 } as const;
  const listener = (options: ListenerOptions) => defineListener({ a: () => {} }, options);
  dispatchGap(listener({ onGap: (given) => told.push(given) }), gap, () => {});
  dispatchGap(listener({}), gap, () => {});
  dispatchGap(
    listener({
      onGap: () => {
        throw new Error("no");
      },
    }),
    gap,
    ({ message }) => failures.push(message),
  );
  expect([told, failures]).toEqual([[gap], ['listener "listener": its onGap failed: no']]);
});

it("what is thrown may itself throw when it is looked at: that is reported, and the others are called", () => {
  const thrown = Object.defineProperty(new Error(), "message", { get: () => expect.unreachable("looked at") });
  const heard: unknown[] = [];
  const failures: string[] = [];
  const listener = defineListener({
    a: [
      () => {
        throw thrown;
      },
      () => new Proxy({}, { get: () => expect.unreachable("looked at") }),
      (message) => heard.push(message),
    ],
  });
  dispatch(listener, context("a", "x"), ({ message }) => failures.push(message));
  expect([heard, failures.length]).toEqual([["x"], 2]);
  expect(failures[0]).toContain("it threw something that is no Error");
});
