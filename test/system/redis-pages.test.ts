// Page sessions on gateways that share a Redis, and on a registry of one's own.
import { redisBroker, redisRegistry } from "@trunkline/broker-redis";
import type { Registry } from "@trunkline/core/ports";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { CustomRegistry } from "../support/custom-registry.ts";
import { failureOf } from "../support/broker-listener.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { type StartedGateway, startGateway } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";
import { Visitor, pageSecret } from "../support/visitor.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.close());

/** A gateway with a broker and a registry of its own, on one Redis with the others. */
async function onRedis({ url } = server): Promise<StartedGateway & { readonly registry: Registry }> {
  const [broker, registry] = [redisBroker({ url }), redisRegistry({ url })];
  onTestFinished(() => broker.close());
  onTestFinished(() => registry.close());
  return { ...(await startGateway({ broker, pages: { secret: pageSecret, registry } })), registry };
}

it("P-27 two gateways on one Redis: the client is on A, what is pushed on B is delivered once", async () => {
  const [a, b] = [await onRedis(), await onRedis()];
  const visitor = new Visitor();
  const page = await visitor.load(b.gateway);
  await page.subscribe("news", "chat");
  await b.gateway.publish({ event: "early", channel: "news", data: 0 });
  const client = await visitor.connect(a.socketUrl, page);
  await b.gateway.publish({ event: "pushed", channel: "news", data: 1 });
  await b.gateway.pushTo(page.key, "news", { text: "yours alone" });
  await page.subscribe("later");
  await until("it is on it", () => client.all("verdict").some(({ streams }) => streams[0]?.channel === "later"));
  await b.gateway.publish({ event: "last", channel: "later", data: 2 });
  await until("all came", () => client.events.some(({ event }) => event === "last") && client.events.length >= 4);
  expect(client.events.map(({ event }) => event).sort()).toEqual(["early", "last", "message", "pushed"]);
});

it("P-27 P-33 a gateway that is gone leaves its pages to the others: a client that comes back has all its channels", async () => {
  const [a, b] = [await onRedis(), await onRedis()];
  const visitor = new Visitor();
  const page = await visitor.load(a.gateway);
  await page.subscribe("news");
  await visitor.connect(a.socketUrl, page);
  // As if it had been killed: it has no chance to let go of its pages.
  await a.registry.close();
  await a.gateway.close({ drainMs: 0 });
  const client = await visitor.connect(b.socketUrl, page);
  await b.gateway.publish({ event: "x", channel: "news" });
  expect(await client.next("event")).toMatchObject({ channel: "news", event: "x" });
});

it("P-31 on Redis too what is done to one page is done in the order of calls", async () => {
  const { gateway, socketUrl } = await onRedis();
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  const calls = Array.from({ length: 20 }, () => [page.subscribe("news"), page.unsubscribe("news")]).flat();
  await Promise.all([...calls, page.subscribe("news")]);
  const client = await visitor.connect(socketUrl, page);
  expect(client.hello.streams.map(({ channel }) => channel)).toEqual(["news"]);
});

it("P-27 a Redis that goes away: pages are told so, and all goes on when it is back", async () => {
  const own = await startRedisServer("--appendonly", "yes", "--appendfsync", "always");
  onTestFinished(() => own.close());
  const { gateway, url, socketUrl } = await onRedis(own);
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  await page.subscribe("news");
  await own.stop();
  await until("it is noticed", async () => (await failureOf(page.subscribe("chat"))).code === "gateway.unavailable");
  await own.start();
  await until("it is back", async () => (await failureOf(page.subscribe("chat"))).code === "none");
  await until("so are the streams", async () => (await fetch(`${url}/readyz`)).status === 200);
  const client = await visitor.connect(socketUrl, page);
  expect(client.hello.streams.map(({ channel }) => channel)).toEqual(["news", "chat"]);
});

it("P-28 a registry of one's own serves gateways as those that are there do", async () => {
  const registry = new CustomRegistry();
  const { gateway, socketUrl } = await startGateway({ pages: { secret: pageSecret, registry } });
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  await page.subscribe("news", "chat");
  await page.unsubscribe("chat");
  expect(await registry.read(page.key)).toMatchObject([{ channel: "news" }]);
  const client = await visitor.connect(socketUrl, page);
  await gateway.publish({ event: "x", channel: "news" });
  expect(await client.next("event")).toMatchObject({ channel: "news", event: "x" });
  registry.turn(25 * 3_600_000);
  expect(await registry.read(page.key)).toBe(null);
});
