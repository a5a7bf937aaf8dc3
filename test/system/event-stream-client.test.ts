// The whole client over event streams, against real gateways. PROTOCOL §11.3.
import { Agent, request } from "node:http";
import { redisBroker } from "@trunkline/broker-redis";
import { memoryBroker } from "@trunkline/gateway";
import { type Client, createClient, createOutbox } from "trunkline";
import { eventStreamTransport } from "trunkline/event-stream";
import { describe, expect, it, onTestFinished } from "vitest";
import { startChaosProxy } from "../support/chaos-proxy.ts";
import { oldBroker } from "../support/old-broker.ts";
import { startRedisServer } from "../support/redis-server.ts";
import { startRoundRobinProxy } from "../support/round-robin-proxy.ts";
import { type StartedGateway, startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const publish = (to: StartedGateway, data: number, channel?: string) =>
  to.gateway.publish({ event: "tick", data, ...(channel !== undefined && { channel }) }, { account: "acme" });
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** A client over an event stream, and the numbers it heard. */
function open(url: string, transport = eventStreamTransport()): { client: Client; heard: unknown[] } {
  const client = createClient({ url, apiKey: testKeys.acme, transport, backoff: () => 1 });
  onTestFinished(() => client.close());
  const heard: unknown[] = [];
  client.on("tick", (data) => heard.push(data));
  return { client, heard };
}

describe("a client over an event stream", () => {
  it("is connected, hears its account's events, subscribes, pings and leaves", async () => {
    const on = await startGateway({ authorize: ({ channel }) => channel === "room" });
    const { client, heard } = open(on.url);
    await client.ready();
    expect(client.status).toBe("connected");
    await publish(on, 1);
    await until("the event came", () => heard.length === 1);
    await client.subscribe("room");
    await expect(client.subscribe("cellar")).rejects.toMatchObject({ code: "gateway.forbidden" });
    await publish(on, 2, "room");
    await publish(on, 3, "cellar");
    await until("the event came", () => heard.length === 2);
    await client.ping();
    await client.close();
    expect(client.status).toBe("disconnected");
    await until("the gateway has seen it go", () => on.gateway.stats().connections === 0);
    expect(heard).toEqual([1, 2]);
  });

  it("carries many subscribes at once in order, as few POSTs", async () => {
    const on = await startGateway({ authorize: () => true });
    let posts = 0;
    const transport = eventStreamTransport({
      fetch: (url, init) => {
        if (init?.method === "POST") posts += 1;
        return fetch(url, init);
      },
    });
    const { client, heard } = open(on.url, transport);
    await client.ready();
    await Promise.all(numbers(1, 100).map((n) => client.subscribe(`room.${n}`)));
    for (const n of numbers(1, 100)) await publish(on, n, `room.${n}`);
    await until("all came", () => heard.length === 100);
    expect(posts).toBeLessThan(20);
  });

  it("§5.3 comes back after each cut with everything it missed, once and in order", async () => {
    const on = await startGateway();
    const proxy = await startChaosProxy(on.url);
    onTestFinished(() => proxy.close());
    const { client, heard } = open(proxy.url);
    const gaps: unknown[] = [];
    client.on("gap", (gap) => gaps.push(gap));
    await client.ready();
    for (let round = 0; round < 20; round++) {
      proxy.cut();
      for (let n = 1; n <= 10; n++) await publish(on, round * 10 + n);
      proxy.heal();
      await until(`round ${round} came`, () => heard.length === (round + 1) * 10);
    }
    expect(heard).toEqual(numbers(1, 200));
    expect(gaps).toEqual([]);
  });

  it("§8.5 publishes over the link where it may: each event once, through every cut", async () => {
    const on = await startGateway({ broker: oldBroker() });
    const proxy = await startChaosProxy(on.url);
    onTestFinished(() => proxy.close());
    const { client, heard } = open(proxy.url);
    const outbox = createOutbox(client);
    await client.ready();
    const receipts: number[] = [];
    for (let round = 0; round < 10; round++) {
      const publishes = numbers(round * 10 + 1, round * 10 + 10).map((n) => outbox.publish("tick", n));
      proxy.reset();
      receipts.push(...(await Promise.all(publishes)).map(({ offset }) => offset));
    }
    await until("all came", () => heard.length === 100);
    expect(receipts).toEqual(numbers(1, 100));
    expect(heard).toEqual(numbers(1, 100));
    const page = createClient({ url: on.url, publicKey: testKeys.page, transport: eventStreamTransport() });
    onTestFinished(() => page.close());
    await expect(createOutbox(page).publish("tick", 1)).rejects.toMatchObject({ code: "gateway.forbidden" });
  });

  it("§6.1 stops for good at a key that is refused", async () => {
    const on = await startGateway();
    const client = createClient({ url: on.url, apiKey: "wrong", transport: eventStreamTransport() });
    onTestFinished(() => client.close());
    await expect(client.ready()).rejects.toMatchObject({ code: "gateway.unauthorized" });
    expect(client.status).toBe("disconnected");
  });

  it("§4.1 stays connected over many heartbeats, and notices when they stop", async () => {
    const on = await startGateway({ heartbeatMs: 20 });
    const proxy = await startChaosProxy(on.url);
    onTestFinished(() => proxy.close());
    const transport = eventStreamTransport();
    const client = createClient({
      url: proxy.url,
      apiKey: testKeys.acme,
      transport,
      backoff: () => 1,
      heartbeatGraceMs: 100,
    });
    onTestFinished(() => client.close());
    const statuses: string[] = [];
    client.on("status", (status) => statuses.push(status));
    await client.ready();
    const before = on.gateway.stats().bytes;
    await publish(on, 1);
    await until("it was sent", () => on.gateway.stats().bytes > before);
    expect(statuses).toEqual(["connected"]);
    proxy.freeze();
    await until("the loss was noticed", () => statuses.includes("reconnecting"));
    proxy.heal();
    await client.ready();
  });

  it("§7.4 leaves a gateway that drains for another", async () => {
    const broker = memoryBroker();
    const [one, two] = [await startGateway({ broker, drainMs: 5000 }), await startGateway({ broker })];
    let target = one.url;
    const transport = eventStreamTransport({
      fetch: (url, init) => fetch((url as string).replace(one.url, target), init),
    });
    const { client, heard } = open(one.url, transport);
    await client.ready();
    await publish(one, 1);
    await until("the event came", () => heard.length === 1);
    target = two.url;
    const closed = one.gateway.close();
    await publish(two, 2);
    await until("it is on the other", () => two.gateway.stats().connections === 1);
    await closed;
    await publish(two, 3);
    await until("the events came", () => heard.length === 3);
    expect(heard).toEqual([1, 2, 3]);
  });
});

describe("two gateways with one broker, and no sticky sessions", () => {
  it("serve a client whose every request goes to the next of them", async () => {
    const broker = memoryBroker();
    const gateways = [await startGateway({ broker }), await startGateway({ broker })] as const;
    const proxy = await startRoundRobinProxy(gateways.map(({ url }) => url));
    onTestFinished(() => proxy.close());
    const { client, heard } = open(proxy.url, eventStreamTransport({ fetch: freshFetch }));
    await client.ready();
    for (let n = 1; n <= 20; n++) {
      await client.ping();
      await publish(gateways[n % 2] as StartedGateway, n);
    }
    await until("all came", () => heard.length === 20);
    expect(heard).toEqual(numbers(1, 20));
    expect(proxy.handed.every((count) => count >= 10)).toBe(true);
    expect(gateways.map(({ gateway }) => gateway.stats().connections)).toContain(0);
  });
});

it("two gateways on one Redis take the frames of a link between them", async () => {
  const redis = await startRedisServer();
  onTestFinished(() => redis.close());
  const brokers = [redisBroker({ url: redis.url }), redisBroker({ url: redis.url })] as const;
  onTestFinished(async () => void (await Promise.all(brokers.map((broker) => broker.close()))));
  const gateways = [await startGateway({ broker: brokers[0] }), await startGateway({ broker: brokers[1] })] as const;
  const proxy = await startRoundRobinProxy(gateways.map(({ url }) => url));
  onTestFinished(() => proxy.close());
  const { client, heard } = open(proxy.url, eventStreamTransport({ fetch: freshFetch }));
  await client.ready();
  for (let n = 1; n <= 20; n++) {
    await Promise.all([client.ping(), client.ping(), client.ping()]);
    await publish(gateways[n % 2] as StartedGateway, n);
  }
  await until("all came", () => heard.length === 20);
  expect(heard).toEqual(numbers(1, 20));
  expect(proxy.handed.every((count) => count >= 10)).toBe(true);
});

/** As `fetch`, but with a connection of its own for each POST, as behind a balancer of requests. */
async function freshFetch(...[url, init]: Parameters<typeof fetch>): Promise<Response> {
  if (init?.method !== "POST") return fetch(url, init);
  const agent = new Agent({ keepAlive: false });
  const status = await new Promise<number>((resolve, reject) => {
    const asking = request(url as string, { method: "POST", agent, headers: init.headers as Record<string, string> });
    asking.on("response", (response) => resolve(response.resume().statusCode ?? 0)).on("error", reject);
    asking.end(init.body as string);
  });
  return new Response(null, { status });
}
