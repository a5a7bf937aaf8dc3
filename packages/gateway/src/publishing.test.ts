import { GatewayError } from "@trunkline/core/errors";
import type { Broker, StreamName } from "@trunkline/core/ports";
import { createPublishing } from "@trunkline/core/publish";
import { type PublishRequest, defineContract, event } from "@trunkline/core/wire";
import { describe, expect, it } from "vitest";
import { memoryBroker } from "./memory-broker.ts";
import { createStats, publishObserver } from "./metrics.ts";

const scope = { account: "acme", dedupePrefix: "k1" };
const contract = defineContract({
  events: {
    "cursor.moved": event({ delivery: "volatile" }),
    "price.set": event({ delivery: "state" }),
    "price.gone": event({ delivery: "state", deletes: true }),
  },
});

async function bodies(broker: Broker, stream: string): Promise<readonly string[]> {
  return (await broker.read(stream as StreamName, { offset: 0 }, 100)).log.entries.map(({ body }) => body);
}

describe("publishing", () => {
  it("§8.1 stores on the account's own channel by default, and names it as the caller knows it", async () => {
    const broker = memoryBroker();
    const outcome = await createPublishing({ broker }).publish(scope, { event: "post.created", data: { id: 1 } });
    expect(outcome).toEqual({
      ok: true,
      duplicate: false,
      receipt: { stream: "account.acme", offset: 1, epoch: expect.stringMatching(/./) },
    });
    expect(await bodies(broker, "acme/account.acme")).toEqual(['{"event":"post.created","data":{"id":1}}']);
  });

  it("carries channel, key, id and meta, and absent data as null", async () => {
    const broker = memoryBroker();
    const publishing = createPublishing({ broker });
    await publishing.publish(scope, { event: "a", channel: "room/1", key: "k", id: "i", meta: { trace: "t" } });
    await publishing.publish(scope, { event: "b", channel: "room/1", data: "🚀\u2028" });
    expect((await bodies(broker, "acme/room/1")).map((body) => JSON.parse(body))).toEqual([
      { event: "a", data: null, key: "k", id: "i", meta: { trace: "t" } },
      { event: "b", data: "🚀\u2028" },
    ]);
  });

  it("publishes inside the account of the scope alone", async () => {
    const broker = memoryBroker();
    await createPublishing({ broker }).publish(scope, { event: "a", channel: "account.other" });
    expect(await bodies(broker, "other/account.other")).toEqual([]);
    expect(await bodies(broker, "acme/account.other")).toHaveLength(1);
  });

  it("order of calls is order of offsets, without waiting in between", async () => {
    const publishing = createPublishing({ broker: memoryBroker() });
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, n) => publishing.publish(scope, { event: "a", data: n })),
    );
    expect(outcomes.map((outcome) => outcome.ok && outcome.receipt.offset)).toEqual(
      Array.from({ length: 50 }, (_, n) => n + 1),
    );
  });

  it("§8.2 the same id and body give the first receipt; another body is a conflict", async () => {
    const publishing = createPublishing({ broker: memoryBroker() });
    const first = await publishing.publish(scope, { event: "a", data: 1, id: "i" });
    const again = await publishing.publish(scope, { event: "a", data: 1, id: "i" });
    expect(again).toEqual({ ...first, duplicate: true });
    const conflict = await publishing.publish(scope, { event: "a", data: 2, id: "i" });
    expect(conflict).toMatchObject({ ok: false, status: 409, error: { code: "gateway.conflict" } });
  });

  it("§8.2 ids are per principal and per stream", async () => {
    const publishing = createPublishing({ broker: memoryBroker() });
    const request = { event: "a", id: "i" };
    for (const [prefix, channel] of [
      ["k1", "r1"],
      ["k2", "r1"],
      ["k1", "r2"],
    ] as const) {
      const outcome = await publishing.publish(
        { account: "acme", dedupePrefix: prefix },
        { ...request, channel, data: prefix },
      );
      expect(outcome).toMatchObject({ ok: true, duplicate: false });
    }
  });

  it("§5.1 volatile events are broadcast and not stored; state events have a line of their own", async () => {
    const broker = memoryBroker();
    const heard: string[] = [];
    const session = broker.open({
      onEntry() {},
      onVolatile: (_, body) => heard.push(body),
      onDoubt() {},
      onAvailable() {},
    });
    await session.subscribe("acme/account.acme" as StreamName);
    const publishing = createPublishing({ broker, contract });
    expect(await publishing.publish(scope, { event: "cursor.moved", data: { x: 1 } })).toEqual({
      ok: true,
      duplicate: false,
      receipt: { stream: "account.acme", offset: 0, epoch: "" },
    });
    expect(heard).toEqual(['{"event":"cursor.moved","data":{"x":1}}']);
    expect(await publishing.publish(scope, { event: "price.set", key: "p1" })).toMatchObject({
      receipt: { offset: 1 },
    });
    expect(await publishing.publish(scope, { event: "undeclared" })).toMatchObject({ receipt: { offset: 1 } });
    expect(await publishing.publish(scope, { event: "price.gone", key: "p1" })).toMatchObject({
      receipt: { offset: 2 },
    });
    const { state } = await broker.read("acme/account.acme" as StreamName, { offset: 0, revision: 0 }, 10);
    expect(state.entries.map(({ offset, deleted }) => [offset, deleted])).toEqual([[2, true]]);
  });

  it("§8.6 a repeated volatile event is not broadcast again: nobody knows what became of the first attempt", async () => {
    const broker = memoryBroker();
    const heard: string[] = [];
    const session = broker.open({
      onEntry: () => {},
      onVolatile: (_, body) => heard.push(body),
      onDoubt: () => {},
      onAvailable: () => {},
    });
    await session.subscribe("acme/account.acme" as StreamName);
    const publishing = createPublishing({ broker, contract });
    const request = { event: "cursor.moved", id: "one" };
    expect(await publishing.publish(scope, request)).toMatchObject({ ok: true });
    expect(await publishing.publish(scope, request, 5)).toMatchObject({
      ok: false,
      error: { code: "gateway.outcome-unknown" },
    });
    expect(heard.length).toBe(1);
  });

  it("§5.1 a state event's key is its name when it names none, and is told", async () => {
    const broker = memoryBroker();
    await createPublishing({ broker, contract }).publish(scope, { event: "price.set", data: 1 });
    const { state } = await broker.read("acme/account.acme" as StreamName, { offset: 0, revision: 0 }, 10);
    expect(state.entries.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      { event: "price.set", data: 1, key: "price.set" },
    ]);
  });

  it.each([
    [{ data: 1 }, "event: "],
    [{ event: "status" }, "event: "],
    [{ event: "a", chanel: "x" }, "chanel: "],
    [{ event: "a", channel: "a*" }, "channel: "],
    [{ event: "a", key: "" }, "key: "],
    [{ event: "a", id: 7 }, "id: "],
    [{ event: "a", meta: "x".repeat(1024) }, "meta: "],
    [{ event: "a", data: () => 1 }, "data: "],
    [{ event: "a", data: 1n }, "data: "],
    [null, "expected an object"],
    ["text", "expected an object"],
  ])("§3.6 a request that can't be is refused by field: %#", async (request, problem) => {
    const broker = memoryBroker();
    const outcome = await createPublishing({ broker }).publish(scope, request as unknown as PublishRequest);
    expect(outcome).toMatchObject({ ok: false, status: 400, error: { code: "gateway.bad-request" } });
    expect(outcome.ok ? "" : outcome.error.message.startsWith(problem)).toBe(true);
    expect(await bodies(broker, "acme/account.acme")).toEqual([]);
  });

  it("data or meta that holds itself is refused, not thrown", async () => {
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    const publishing = createPublishing({ broker: memoryBroker() });
    expect(await publishing.publish(scope, { event: "a", data: loop })).toMatchObject({ ok: false, status: 400 });
    expect(await publishing.publish(scope, { event: "a", meta: loop })).toMatchObject({ ok: false, status: 400 });
  });

  it("an event is measured in bytes of its JSON: exactly the limit goes, one more is gateway.too-large", async () => {
    const frame = '{"event":"a","data":"é"}';
    const request = { event: "a", data: "é" };
    const exact = createPublishing({ broker: memoryBroker(), maxEventBytes: frame.length + 1 });
    expect(await exact.publish(scope, request)).toMatchObject({ ok: true });
    const tight = createPublishing({ broker: memoryBroker(), maxEventBytes: frame.length });
    expect(await tight.publish(scope, request)).toMatchObject({
      ok: false,
      status: 413,
      error: { code: "gateway.too-large", message: expect.stringContaining(`at most ${frame.length} bytes`) },
    });
  });

  it("§8.6 a broker that fails leaves it unknown, is logged, and what it threw is not shown", async () => {
    const errors: unknown[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error: (_: string, fields?: object) => errors.push(fields) };
    const failure = new Error("connect redis://user:hunter2@host");
    const broken: Broker = { ...memoryBroker(), append: () => Promise.reject(failure) } as Broker;
    const outcome = await createPublishing({ broker: broken, logger }).publish(scope, { event: "a" });
    expect(outcome).toMatchObject({ ok: false, status: 503, error: { code: "gateway.outcome-unknown" } });
    expect(JSON.stringify(outcome)).not.toContain("hunter2");
    expect(errors).toEqual([{ error: failure, channel: "account.acme", event: "a" }]);
  });

  it("a broker that does not know the outcome is quoted", async () => {
    const failure = new GatewayError("gateway.outcome-unknown", "expected an answer, got none");
    const broken: Broker = { ...memoryBroker(), append: () => Promise.reject(failure) } as Broker;
    expect(await createPublishing({ broker: broken }).publish(scope, { event: "a" })).toMatchObject({
      ok: false,
      status: 503,
      error: { code: "gateway.outcome-unknown" },
    });
  });

  it("counts what was accepted by delivery, once, and what was refused by code", async () => {
    const stats = createStats();
    const publishing = createPublishing({ broker: memoryBroker(), contract, observer: publishObserver(stats) });
    await publishing.publish(scope, { event: "a", id: "i" });
    await publishing.publish(scope, { event: "a", id: "i" });
    await publishing.publish(scope, { event: "a", id: "i", data: 2 });
    await publishing.publish(scope, { event: "cursor.moved" });
    await publishing.publish(scope, { event: "" });
    expect(stats.published).toEqual({ log: 1, state: 0, volatile: 1 });
    expect(Object.fromEntries(stats.refused)).toEqual({ "gateway.conflict": 1, "gateway.bad-request": 1 });
    expect(stats.publishDuration.buckets.reduce((total, count) => total + count, 0)).toBe(3);
  });
});
