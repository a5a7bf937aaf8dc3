// Gateways that share a Redis: they are one to their clients, and modest to Redis.
import { redisBroker } from "@trunkline/broker-redis";
import type { Broker, StreamName } from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { Heard, put } from "../support/broker-listener.ts";
import { connectV1, positionIn } from "../support/frame-client.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { type StartedGateway, startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.close());

let prefixes = 0;
const nextPrefix = (): string => `test${prefixes++}`;

function startBroker(options: Parameters<typeof redisBroker>[0] = {}): Broker {
  const broker = redisBroker({ url: server.url, ...options });
  onTestFinished(() => broker.close());
  return broker;
}

/** A gateway with a broker of its own on the same Redis. */
async function onRedis(prefix: string): Promise<StartedGateway> {
  return startGateway({ broker: startBroker({ prefix }), authorize: () => true });
}

/** Connections that brokers hold, as Redis counts them. */
async function connections(): Promise<number> {
  const list = await server.command("CLIENT", "LIST");
  return list.split("name=trunkline ").length - 1;
}

it("A-34 100 clients on 3 channels each: at most 2 connections to Redis", async () => {
  await until("earlier brokers are gone", async () => (await connections()) === 0);
  const { socketUrl, gateway } = await onRedis(nextPrefix());
  const streams = ["a", "b", "c"].map((channel) => ({ channel }));
  const clients = await Promise.all(
    Array.from({ length: 100 }, () => connectV1(socketUrl, { token: testKeys.acme, streams })),
  );
  for (const channel of ["a", "b", "c"])
    await gateway.publish({ event: "e", data: channel, channel }, { account: "acme" });
  await until("all have all", () => clients.every(({ events }) => events.length === 3));
  expect(await connections()).toBeLessThanOrEqual(2);
});

it("§5.3 what one gateway takes the other delivers, and a client resumes on either", async () => {
  const prefix = nextPrefix();
  const [one, two] = [await onRedis(prefix), await onRedis(prefix)];
  const channel = "account.acme";
  const reader = await connectV1(two.socketUrl, { token: testKeys.acme });
  const start = positionIn(reader.hello, channel);
  for (let n = 1; n <= 10; n++) await one.gateway.publish({ event: "e", data: n }, { account: "acme" });
  await until("all came", () => reader.events.length === 10);
  expect(reader.events.map(({ offset, data }) => [offset, data])).toEqual(
    Array.from({ length: 10 }, (_, n) => [n + 1, n + 1]),
  );
  const { offset = 0, tag = "" } = reader.events[3] ?? {};
  const position: Position = { epoch: start.epoch, offset, tag };
  const resumed = await connectV1(one.socketUrl, { token: testKeys.acme, streams: [{ channel, position }] });
  expect(resumed.hello.streams).toMatchObject([{ channel, verdict: "recovered", count: 6 }]);
  await until("the rest came", () => resumed.events.length === 6);
  expect(resumed.events.map(({ data }) => data)).toEqual([5, 6, 7, 8, 9, 10]);
});

it("P-40 a gateway outlives its Redis: 503 at /readyz while it is away, clients stay, the epoch's gap is told", async () => {
  const own = await startRedisServer();
  onTestFinished(() => own.close());
  const broker = startBroker({ url: own.url });
  const { gateway, url, socketUrl } = await startGateway({ broker, heartbeatMs: 200 });
  const readyz = async (): Promise<number> => (await fetch(`${url}/readyz`)).status;
  await until("it is ready", async () => (await readyz()) === 200);
  const client = await connectV1(socketUrl, { token: testKeys.acme });
  await gateway.publish({ event: "e", data: 1 }, { account: "acme" });
  await until("it came", () => client.events.length === 1);
  await own.stop();
  await until("it is not ready", async () => (await readyz()) === 503);
  await expect(gateway.publish({ event: "e", data: 2 }, { account: "acme" })).rejects.toMatchObject({
    code: expect.stringMatching(/^gateway\.(unavailable|outcome-unknown)$/) as unknown,
  });
  await own.start();
  await until("it is ready again", async () => (await readyz()) === 200);
  await until("the gap is told", () =>
    client.all("verdict").some(({ streams }) => streams.some(({ verdict }) => verdict === "gap")),
  );
  await gateway.publish({ event: "e", data: 3 }, { account: "acme" });
  await until("delivery resumes", () => client.events.at(-1)?.data === 3);
  expect(client.ended).toBeNull();
});

it("P-29 1000 publishes while other channels come and go: none is lost", async () => {
  const [broker, publisher] = [startBroker({ prefix: "churn" }), startBroker({ prefix: "churn" })];
  const heard = new Heard();
  const session = broker.open(heard);
  const stream = "acme/steady" as StreamName;
  await session.subscribe(stream);
  const other = broker.open(new Heard());
  let published = 0;
  const churn = (async () => {
    for (let n = 0; published < 1000; n++) {
      const names = Array.from({ length: 10 }, (_, index) => `acme/${n}-${index}` as StreamName);
      await Promise.all(names.map((name) => other.subscribe(name)));
      await Promise.all(names.map((name) => other.unsubscribe(name)));
    }
  })();
  for (; published < 1000; published++) await put(publisher, stream, { body: `{"n":${published}}` });
  await churn;
  await until("all came", () => heard.entries.length === 1000);
  expect(heard.offsets).toEqual(Array.from({ length: 1000 }, (_, n) => n + 1));
  expect(heard.doubts).toEqual([]);
});

it("P-30 R-23 payloads of every shape arrive unchanged through Redis and both gateways", async () => {
  const prefix = nextPrefix();
  const [one, two] = [await onRedis(prefix), await onRedis(prefix)];
  const reader = await connectV1(two.socketUrl, { token: testKeys.acme });
  const payloads = ["x", [1], null, { key: 1 }, { __propagated: 1 }, { v: 1, kind: "event", at: [] }, "\u001e"];
  for (const data of payloads) await one.gateway.publish({ event: "e", data }, { account: "acme" });
  await until("all came", () => reader.events.length === payloads.length);
  expect(reader.events.map(({ data }) => data)).toEqual(payloads);
});

it("R-03 a channel that many clients are on is subscribed once, and each client gets each publish once", async () => {
  const prefix = nextPrefix();
  const { socketUrl, gateway } = await onRedis(prefix);
  const clients = await Promise.all(
    Array.from({ length: 5 }, () => connectV1(socketUrl, { token: testKeys.acme, streams: [{ channel: "news" }] })),
  );
  const channel = `{${prefix}:acme/news}:log`;
  expect(await server.command("PUBSUB", "NUMSUB", channel)).toMatch(/\r\n:1\r\n$/);
  await gateway.publish({ event: "e", data: 1, channel: "news" }, { account: "acme" });
  await gateway.publish({ event: "e", data: 2, channel: "news" }, { account: "acme" });
  await until("both came", () => clients.every(({ events }) => events.at(-1)?.data === 2));
  expect(clients.map(({ events }) => events.length)).toEqual([2, 2, 2, 2, 2]);
  for (const client of clients) client.ws.terminate();
  await until("nobody is subscribed", async () =>
    (await server.command("PUBSUB", "NUMSUB", channel)).endsWith("\r\n:0\r\n"),
  );
});

it("D-13 R-04 R-20 names are exact: no other namespace, no longer name, and keys begin with the namespace", async () => {
  const [mine, other, byDefault] = [startBroker({ prefix: "ns" }), startBroker({ prefix: "ns2" }), startBroker()];
  const heard = new Heard();
  const session = mine.open(heard);
  const stream = "acme/organization.1" as StreamName;
  await session.subscribe(stream);
  await put(other, stream);
  await put(mine, "acme/organization.1.user.2" as StreamName);
  await put(mine, "acme/organization.12" as StreamName);
  await put(byDefault, stream);
  await put(mine, stream, { body: '{"mine":true}' });
  await until("its own came", () => heard.entries.length > 0);
  expect(heard.entries.map(({ body, offset }) => [offset, body])).toEqual([[1, '{"mine":true}']]);
  const keys = await server.command("KEYS", "{trunkline:*");
  expect(keys).toContain("{trunkline:acme/organization.1}:log");
});

it("R-23 a plain PUBLISH of a foreign process is a volatile event, when switched on and under its prefix", async () => {
  const [on, off] = [startBroker({ foreign: { prefix: "events/" }, prefix: "f" }), startBroker({ prefix: "f" })];
  const heard = [new Heard(), new Heard()] as const;
  const stream = "acme/news" as StreamName;
  await on.open(heard[0]).subscribe(stream);
  await off.open(heard[1]).subscribe(stream);
  const texts = ['{"event":"post.created","data":{"id":1}}', "plain text", '{"event":7}', "\u001e", "[1]"];
  for (const text of texts) await server.command("PUBLISH", "events/acme/news", text);
  await server.command("PUBLISH", "events/acme/news2", "other channel");
  await server.command("PUBLISH", "acme/news", "no prefix");
  await server.command("PUBLISH", "{f:acme/news}:log", "no message of ours");
  await on.broadcast(stream, '{"event":"last"}');
  await until("the last came", () => heard.every(({ volatile }) => volatile.at(-1) === '{"event":"last"}'));
  expect(heard[0].volatile).toEqual([
    '{"event":"post.created","data":{"id":1}}',
    '{"event":"message","data":"plain text"}',
    '{"event":"message","data":"\\u001e"}',
    '{"event":"message","data":[1]}',
    '{"event":"last"}',
  ]);
  expect(heard[1].volatile).toEqual(['{"event":"last"}']);
});

it("§5.7 history and deletions older than ageMs are gone, the newest of each line is kept, and every key expires", async () => {
  const broker = startBroker({ prefix: "age", history: { ageMs: 1 } });
  const stream = "acme/room" as StreamName;
  const first = await put(broker, stream, { dedupeKey: "k" });
  for (const [key, deleted] of [
    ["a", false],
    ["b", true],
    ["c", true],
  ] as const)
    await put(broker, stream, { state: { key, deleted } });
  await until("they are old", async () => {
    const { log, state } = await broker.read(stream, { offset: 0 }, 1);
    return log.floor === 1 && state.floor === 2;
  });
  const { head, log, state } = await broker.read(stream, { offset: 1, revision: 0 }, 10);
  expect(log).toEqual({ floor: 1, tagAtStart: first.tag, entries: [], count: 0 });
  expect([head.offset, head.state?.revision, state.floor]).toEqual([1, 3, 2]);
  expect(state.entries.map(({ offset, deleted }) => [offset, deleted === true])).toEqual([
    [1, false],
    [3, true],
  ]);
  expect((await put(broker, stream)).offset).toBe(2);
  const keys = (await server.command("KEYS", "{age:*")).match(/\{[^\r]*/g) ?? [];
  expect(keys.length).toBeGreaterThanOrEqual(5);
  for (const key of keys) expect(await server.command("PTTL", key)).toMatch(/^:\d+\r\n$/);
});

it("§5.3 a log whose history ran out goes on where it ended, and the newest event that is gone is still known", async () => {
  const broker = startBroker({ prefix: "out" });
  const stream = "acme/room" as StreamName;
  const first = await put(broker, stream);
  await server.command("DEL", "{out:acme/room}:log");
  expect((await put(broker, stream)).offset).toBe(2);
  const { log } = await broker.read(stream, { offset: 1 }, 10);
  expect([log.floor, log.tagAtStart, log.entries.length]).toEqual([1, first.tag, 1]);
  expect((await broker.read(stream, { offset: 0 }, 10)).log.entries).toEqual([]);
});

it("an event of 1 MiB, and a batch of events larger than that, are stored and delivered whole", async () => {
  const broker = startBroker({ prefix: "big" });
  const heard = new Heard();
  const stream = "acme/room" as StreamName;
  await broker.open(heard).subscribe(stream);
  const body = `{"data":"${"x".repeat(1024 * 1024)}"}`;
  await Promise.all(Array.from({ length: 5 }, () => put(broker, stream, { body })));
  await until("all came", () => heard.entries.length === 5);
  expect(heard.entries.every((entry) => entry.body === body)).toBe(true);
});
