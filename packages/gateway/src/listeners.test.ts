import { AsyncLocalStorage } from "node:async_hooks";
import type { ChannelListener } from "@trunkline/core/listener";
import { defineListener } from "@trunkline/core/listener";
import type { Broker, LogFields, StreamName } from "@trunkline/core/ports";
import { ManualClock } from "@trunkline/core/testing";
import { expect, it, onTestFinished } from "vitest";
import { type GatewayOptions, createGateway, memoryBroker } from "./index.ts";
import { lossyBroker } from "../../../test/support/lossy-broker.ts";

/** All that was under way is done. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => void setImmediate(resolve));
};

function gatewayWith(listeners: GatewayOptions["listeners"], options: GatewayOptions = {}) {
  const errors: string[] = [];
  const warnings: LogFields[] = [];
  const nothing = (): void => {};
  const logger = {
    debug: nothing,
    info: nothing,
    warn: (_: string, fields: LogFields = {}) => void warnings.push(fields),
    error: nothing,
  };
  const gateway = createGateway({
    anonymous: true,
    logger,
    ...(listeners !== undefined && { listeners }),
    ...options,
  });
  gateway.on("error", ({ code, message }) => errors.push(`${code} ${message}`));
  onTestFinished(() => gateway.close({ drainMs: 0 }));
  return { gateway, errors, warnings };
}

/** Notes what it hears on a channel. */
function notes(channel: string, options: Parameters<typeof defineListener>[1] = {}) {
  const heard: unknown[] = [];
  return { heard, listener: defineListener({ [channel]: (message: unknown) => heard.push(message) }, options) };
}

it("D-07 hears what is published right after ready, each event once and in order, with the fields it was sent with", async () => {
  const seen: unknown[] = [];
  const listener = defineListener({
    orders: (message, { channel, event, account, meta }) => {
      const { offset, revision, key, id, meta: own, deleted } = meta;
      seen.push({ message, channel, event, account, offset, revision, key, id, own, deleted });
    },
  });
  const { gateway } = gatewayWith(listener, {
    contract: {
      calls: {},
      events: {
        moved: { delivery: "volatile" },
        put: { delivery: "state" },
        gone: { delivery: "state", deletes: true },
      },
    },
  });
  await gateway.ready();
  const publish = (event: string, more: object): Promise<unknown> =>
    gateway.publish({ event, channel: "orders", ...more });
  await publish("made", { data: 1, id: "a", meta: { trace: 1 } });
  await publish("moved", { data: 2 });
  await publish("put", { data: 3, key: "k" });
  await publish("gone", { key: "k" });
  await settled();
  const common = { channel: "orders", account: "default" };
  expect(seen).toEqual([
    { ...common, event: "made", message: 1, offset: 1, id: "a", own: { trace: 1 } },
    { ...common, event: "moved", message: 2 },
    { ...common, event: "put", message: 3, revision: 1, key: "k" },
    { ...common, event: "gone", message: null, revision: 2, key: "k", deleted: true },
  ]);
});

it("D-16 two listeners on one channel both run, and one that is added later from then on", async () => {
  const [one, two, late] = [notes("a"), notes("a"), notes("a")];
  const { gateway } = gatewayWith([one.listener, two.listener]);
  await gateway.ready();
  await gateway.publisher().pub(1, { channel: "a" });
  const undo = gateway.addListener(late.listener);
  await gateway.ready();
  await gateway.publisher().pub(2, { channel: "a" });
  await settled();
  undo();
  undo();
  await gateway.publisher().pub(3, { channel: "a" });
  await settled();
  expect([one.heard, two.heard, late.heard]).toEqual([[1, 2, 3], [1, 2, 3], [2]]);
});

it("D-17 D-18 what a handler returns sends nothing; what it throws reaches `error`, and the next one runs", async () => {
  const heard: unknown[] = [];
  const listener = defineListener(
    {
      a: [
        (message) => message,
        () => {
          throw new Error("no");
        },
        () => Promise.reject(new Error("later")),
        () => new Promise(() => {}),
        (message) => heard.push(message),
      ],
    },
    { name: "mine" },
  );
  const { gateway, errors } = gatewayWith(listener);
  await gateway.ready();
  await gateway.publisher().pub("x", { channel: "a" });
  await settled();
  expect(heard).toEqual(["x"]);
  expect(errors).toEqual([
    'usage.listener-failed listener "mine": its handler for "a" failed: no',
    'usage.listener-failed listener "mine": its handler for "a" failed: later',
  ]);
  expect(gateway.stats()).toMatchObject({ published: 1, errors: 2 });
});

it("a handler that answers itself is never called inside itself, and leaves a turn to everything else", async () => {
  let depth = 0;
  let deepest = 0;
  const heard: unknown[] = [];
  const listener = defineListener({
    loop: (message, { reply }) => {
      deepest = Math.max(deepest, ++depth);
      heard.push(message);
      if ((message as number) < 50) void reply((message as number) + 1);
      depth -= 1;
    },
  });
  const { gateway } = gatewayWith(listener);
  await gateway.ready();
  await gateway.publisher().pub(0, { channel: "loop" });
  const atFirst = heard.length;
  for (let turn = 0; turn < 60; turn++) await new Promise((resolve) => void setImmediate(resolve));
  expect([atFirst, deepest, heard.length]).toEqual([0, 1, 51]);
});

it("handlers run in the asynchronous context that their event came in, whatever began the turn", async () => {
  const contexts = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const { gateway } = gatewayWith(defineListener({ a: (message) => seen.push([message, contexts.getStore()]) }));
  await gateway.ready();
  const publish = (message: string): void => void gateway.publisher().pub(message, { channel: "a" });
  publish("none");
  for (const context of ["one", "two"]) contexts.run(context, () => publish(context));
  await settled();
  expect(seen).toEqual([
    ["none", undefined],
    ["one", "one"],
    ["two", "two"],
  ]);
});

it("is inside its account: names of another one mean nothing to it", async () => {
  const { heard, listener } = notes("a", { account: "acme" });
  const { gateway } = gatewayWith(listener);
  await gateway.ready();
  await gateway.publisher().pub("default's", { channel: "a" });
  await gateway.publisher("acme").pub("acme's", { channel: "a" });
  await settled();
  expect(heard).toEqual(["acme's"]);
});

it("finds what was lost on its way when heads are compared, with nobody connected; what is gone for good is told and logged", async () => {
  const broker = memoryBroker({ history: { count: 2 } });
  const { via, wire } = lossyBroker(broker);
  const clock = new ManualClock();
  const gaps: unknown[] = [];
  const { heard, listener } = notes("a", { name: "mine", onGap: (gap) => gaps.push(gap) });
  const { gateway, warnings } = gatewayWith(listener, { broker: via, clock, heartbeatMs: 10_000 });
  await gateway.ready();
  const beat = async (): Promise<void> => {
    clock.advance(10_000);
    await settled();
    clock.advance(500);
    await settled();
  };
  wire.lost = true;
  await gateway.publisher().pub(1, { channel: "a" });
  await beat();
  expect([heard, gaps]).toEqual([[1], []]);
  for (const message of [2, 3, 4]) await gateway.publisher().pub(message, { channel: "a" });
  await beat();
  wire.lost = false;
  await gateway.publisher().pub(5, { channel: "a" });
  await settled();
  expect(heard).toEqual([1, 5]);
  const gap = { channel: "a", account: "default", reason: "retention", from: 2, to: 4 };
  expect([gaps, warnings]).toEqual([[gap], [{ listener: "mine", ...gap }]]);
});

it("tries again while the broker can't be used; who awaits it hears of it", async () => {
  const broker = memoryBroker();
  const { via, wire } = lossyBroker(broker);
  wire.failures = 1;
  const clock = new ManualClock();
  const { heard, listener } = notes("a");
  const { gateway, errors } = gatewayWith(listener, { broker: via, clock });
  await expect(gateway.listen({ port: 0 })).rejects.toThrow("away");
  clock.advance(1000);
  await settled();
  await gateway.publisher().pub("x", { channel: "a" });
  await settled();
  expect([heard, errors]).toEqual([["x"], ["gateway.internal away"]]);
  expect((await gateway.listen({ port: 0 })).port).toBeGreaterThan(0);
});

it("hears nothing more once the gateway is closed, and its signal is aborted", async () => {
  const broker = memoryBroker();
  let signal: AbortSignal | undefined;
  const heard: unknown[] = [];
  const listener = defineListener({
    a: (message, context) => {
      ({ signal } = context);
      heard.push(message);
      void context.publish({ event: "done", channel: "b" });
    },
  });
  const { gateway, errors } = gatewayWith(listener, { broker });
  await gateway.ready();
  await gateway.publisher().pub(1, { channel: "a" });
  await gateway.close({ drainMs: 0 });
  // What it heard before was answered.
  expect(await broker.heads(["default/b" as StreamName])).toMatchObject([{ offset: 1 }]);
  await broker.append("default/a" as StreamName, { body: '{"event":"message","data":2}' });
  await settled();
  expect([heard, signal?.aborted, errors]).toEqual([[1], true, []]);
  expect(() => gateway.addListener(listener)).toThrow("closed");
  await expect(gateway.ready()).rejects.toMatchObject({ code: "usage.closed" });
});

it("D-14 patterns hear the channels they mean, also those nobody is on yet; what several ways lead to is heard once", async () => {
  const heard: string[] = [];
  const note =
    (by: string) =>
    (message: unknown, { channel }: { readonly channel: string }) =>
      heard.push(`${by} ${channel} ${JSON.stringify(message)}`);
  const listener = defineListener({
    "chat.*": note("chat.*"),
    "chat.lobby": note("name"),
    "c*": note("c*"),
    "chat.*;user:*": note("user"),
  });
  const other = defineListener({ "chat.*": note("other") }, { account: "acme" });
  const { gateway } = gatewayWith([listener, other]);
  await gateway.ready();
  for (const channel of ["chat.lobby", "chat.new", "chatter", "xchat.", "chat.a;user:1"])
    await gateway.publisher().pub(1, { channel });
  await gateway.publisher("acme2").pub(2, { channel: "chat.x" });
  await gateway.publisher("acme").pub(3, { channel: "chat.x" });
  await settled();
  expect(heard.sort()).toEqual(
    [
      "chat.* chat.lobby 1",
      "name chat.lobby 1",
      "c* chat.lobby 1",
      "chat.* chat.new 1",
      "c* chat.new 1",
      "c* chatter 1",
      "user chat.a;user:1 1",
      "other chat.x 3",
    ].sort(),
  );
});

it("of each channel under a pattern every event comes in its order, those lost on the way too", async () => {
  const broker = memoryBroker();
  const { via, wire } = lossyBroker(broker);
  const clock = new ManualClock();
  const { heard, listener } = notes("a.*");
  const { gateway, warnings } = gatewayWith(listener, { broker: via, clock, heartbeatMs: 10_000 });
  await gateway.ready();
  await gateway.publisher().pub(1, { channel: "a.x" });
  await settled();
  wire.lost = true;
  await gateway.publisher().pub(2, { channel: "a.x" });
  clock.advance(10_000);
  await settled();
  clock.advance(500);
  await settled();
  wire.lost = false;
  await gateway.publisher().pub(3, { channel: "a.x" });
  await settled();
  expect([heard, warnings]).toEqual([[1, 2, 3], []]);
});

it("says once that the broker was away, and what may have begun under a pattern is not known", async () => {
  const broker = memoryBroker();
  const { via, wire } = lossyBroker(broker);
  const gaps: unknown[] = [];
  const { heard, listener } = notes("a.*", { onGap: (gap) => gaps.push(gap) });
  const clock = new ManualClock();
  const { gateway } = gatewayWith(listener, { broker: via, clock });
  await gateway.ready();
  await gateway.publisher().pub("before", { channel: "a.x" });
  await settled();
  wire.lost = true;
  for (const channel of ["a.x", "a.new"]) await gateway.publisher().pub("lost", { channel });
  wire.lost = false;
  for (const each of wire.listeners) each.onPrefixDoubt?.("default/a." as StreamName);
  await settled();
  clock.advance(500);
  await settled();
  await gateway.publisher().pub("after", { channel: "a.new" });
  await settled();
  expect(heard).toEqual(["before", "lost", "after"]);
  expect(gaps).toEqual([{ channel: "a.*", account: "default", reason: "unheard" }]);
});

it("refuses patterns where the broker can't do them, and says what to do", async () => {
  const broker = memoryBroker();
  const plain: Broker = {
    name: "plain",
    append: (name, append) => broker.append(name, append),
    broadcast: (name, body) => broker.broadcast(name, body),
    heads: (names) => broker.heads(names),
    read: (name, from, limit) => broker.read(name, from, limit),
    close: () => broker.close(),
    open: (listener) => {
      const session = broker.open(listener);
      return {
        subscribe: (name) => session.subscribe(name),
        unsubscribe: (name) => session.unsubscribe(name),
        close: () => session.close(),
      };
    },
  };
  const { gateway, errors } = gatewayWith(notes("a.*").listener, { broker: plain });
  await expect(gateway.listen({ port: 0 })).rejects.toMatchObject({
    code: "gateway.unsupported",
    message: expect.stringContaining("name each channel") as string,
  });
  expect(errors).toHaveLength(1);
});

it("a push by pattern is heard on the channels that listeners name", async () => {
  const [one, two, other] = [notes("score:1"), notes("scores"), notes("score:1", { account: "acme" })];
  const { gateway } = gatewayWith([one.listener, two.listener, other.listener]);
  await gateway.ready();
  await gateway.publisher().push("goal", "score:*");
  await settled();
  expect([one.heard, two.heard, other.heard]).toEqual([["goal"], [], []]);
});

it("D-06 what is no listener is refused, and `mode` with a hint", () => {
  const wrong = { channels: new Map() } as unknown as ChannelListener;
  expect(() => createGateway({ anonymous: true, listeners: [wrong] })).toThrow(
    "listeners[0]: expected what defineListener makes, got object",
  );
  expect(() => createGateway({ anonymous: true, listeners: defineListener as never })).toThrow(
    "listeners[0]: expected what defineListener makes, got function",
  );
  const { gateway } = gatewayWith(undefined);
  expect(() => gateway.addListener(wrong)).toThrow("expected what defineListener makes");
  expect(() => createGateway({ anonymous: true, mode: "default" } as GatewayOptions)).toThrow(
    "unknown option mode; a gateway has no modes: every client says by itself which dialect it speaks",
  );
});
