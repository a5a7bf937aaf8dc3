import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Gateway, createGateway } from "@trunkline/gateway";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "@trunkline/core/clock";
import type { Clock, TimerHandle } from "@trunkline/core/ports";
import { createClient } from "trunkline";
import { type ChaosProxy, startChaosProxy } from "../support/chaos-proxy.ts";
import { until } from "../support/until.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const key = "reconnect-secret";
let gateway: Gateway;
let proxy: ChaosProxy;

beforeEach(async () => {
  gateway = createGateway({ secretKeys: [{ key, account: "acme" }] });
  const { url } = await gateway.listen({ port: 0 });
  proxy = await startChaosProxy(url);
});
afterEach(async () => {
  await proxy.close();
  await gateway.close({ drainMs: 0 });
});

const publish = (n: number) => gateway.publish({ event: "tick", data: n }, { account: "acme" });
const open = () => createClient({ url: proxy.url, apiKey: key, backoff: () => 1 });

/** Open sockets of this process; its timers include the test runner's, so those are counted by a clock of the client's own. */
function sockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "TCPSocketWrap").length;
}

/** The system's clock, counting the timers that are set and neither fired nor cleared. */
class CountingClock implements Clock {
  readonly #live = new Set<TimerHandle>();
  readonly now = () => systemClock.now();
  readonly wallTime = () => systemClock.wallTime();
  readonly random = () => systemClock.random();

  get timers(): number {
    return this.#live.size;
  }
  setTimer(run: () => void, delayMs: number): TimerHandle {
    const timer = systemClock.setTimer(() => {
      this.#live.delete(timer);
      run();
    }, delayMs);
    this.#live.add(timer);
    return timer;
  }
  clearTimer(timer: TimerHandle): void {
    this.#live.delete(timer);
    systemClock.clearTimer(timer);
  }
}

describe("200 forced reconnects", () => {
  it("leave one socket, one timer and every event once and in order", async () => {
    const clock = new CountingClock();
    const client = createClient({ url: proxy.url, apiKey: key, backoff: () => 1, clock });
    const got: unknown[] = [];
    let resumed = 0;
    client.on("tick", (data) => got.push(data));
    client.on("resumed", () => resumed++);
    await client.ready();
    await until("the proxy carries one connection", () => proxy.alive === 1);
    const before = sockets();
    expect(clock.timers).toBe(1);
    for (let round = 1; round <= 200; round++) {
      proxy.reset();
      await publish(round);
      await until(`event ${round} came`, () => got.length === round);
      await until("the client is connected", () => client.status === "connected");
    }
    expect(got).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
    expect(resumed).toBe(200);
    await until("sockets settled", () => proxy.alive === 1 && gateway.stats().connections === 1);
    await until("open sockets are as before", () => sockets() === before);
    expect(clock.timers).toBe(1);
    await client.close();
    await until("the last connection is gone", () => proxy.alive === 0 && gateway.stats().connections === 0);
    expect(clock.timers).toBe(0);
    expect(gateway.stats().channels).toBe(0);
  }, 60_000);

  it("leave nothing of the old connections in the gateway's memory", async () => {
    const references: WeakRef<object>[] = [];
    gateway.on("connection", (connection) => void references.push(new WeakRef(connection)));
    const client = open();
    await client.ready();
    for (let round = 0; round < 50; round++) {
      const seen = references.length;
      proxy.reset();
      await until(
        "the next connection is ready",
        () => references.length === seen + 1 && client.status === "connected",
      );
    }
    await client.close();
    await until("the gateway is empty", () => gateway.stats().connections === 0);
    await until("old connections are collected", () => {
      collect();
      return references.filter((reference) => reference.deref() !== undefined).length <= 1;
    });
  }, 60_000);
});

describe("a client that was cut off", () => {
  it("gets everything on return, once and in order, and says so", async () => {
    const client = open();
    const got: unknown[] = [];
    const resumed: unknown[] = [];
    client.on("tick", (data) => got.push(data));
    client.on("resumed", (news) => resumed.push(news));
    await client.ready();
    await publish(0);
    await until("the first event came", () => got.length === 1);
    proxy.cut();
    await until("the loss was noticed", () => client.status === "reconnecting");
    for (let n = 1; n <= 500; n++) await publish(n);
    proxy.heal();
    await until("all events came", () => got.length >= 501);
    expect(got).toEqual(Array.from({ length: 501 }, (_, index) => index));
    expect(resumed).toMatchObject([{ channel: "account.acme", count: 500 }]);
    await client.close();
  });

  it("is told the gap when it comes back too late", async () => {
    const client = open();
    const got: unknown[] = [];
    const gaps: unknown[] = [];
    client.on("tick", (data) => got.push(data));
    client.on("gap", (news) => gaps.push(news));
    await client.ready();
    await publish(0);
    await until("the first event came", () => got.length === 1);
    proxy.cut();
    await until("the loss was noticed", () => client.status === "reconnecting");
    for (let n = 1; n <= 1_500; n++) await publish(n);
    proxy.heal();
    await until("the gap was told", () => gaps.length === 1);
    expect(gaps).toMatchObject([{ channel: "account.acme", from: 2, to: 1_501, reason: "retention" }]);
    await publish(-1);
    await until("live events go on", () => got.at(-1) === -1);
    expect(got).toEqual([0, -1]);
    await client.close();
  });

  it("W-18 notices a link that went silent and repairs it", async () => {
    const quick = createGateway({ secretKeys: [{ key, account: "acme" }], heartbeatMs: 100 });
    const { url } = await quick.listen({ port: 0 });
    const silent = await startChaosProxy(url);
    const lone = createClient({ url: silent.url, apiKey: key, backoff: () => 1, heartbeatGraceMs: 100 });
    await lone.ready();
    silent.freeze();
    await until("the silence was noticed", () => lone.status === "reconnecting");
    silent.heal();
    await until("it is back", () => lone.status === "connected");
    await lone.close();
    await quick.close({ drainMs: 0 });
    await silent.close();
  });
});

describe("one shared connection", () => {
  it("W-01 serves three listeners over one socket", async () => {
    const client = open();
    const heard: string[] = [];
    for (const module of ["config", "flags", "logging"]) client.on(`${module}_changed`, () => heard.push(module));
    await client.ready();
    for (const module of ["config", "flags", "logging"]) {
      await gateway.publish({ event: `${module}_changed`, data: { id: "x" } }, { account: "acme" });
    }
    await until("all three heard theirs", () => heard.length === 3);
    expect(heard).toEqual(["config", "flags", "logging"]);
    expect(gateway.stats().connections).toBe(1);
    expect(proxy.accepted).toBe(1);
    await client.close();
  });
});
