// A publisher on Redis, and what others put there.
import { redisBroker } from "@trunkline/broker-redis";
import type { Broker, LogFields } from "@trunkline/core/ports";
import { instrumentBroker } from "@trunkline/opentelemetry";
import { type RedisPublisherOptions, type Publisher, createPublisher } from "@trunkline/publisher";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { connectV1 } from "../support/frame-client.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { recordTelemetry } from "../support/telemetry.ts";
import { until } from "../support/until.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.close());

function onRedis(options: RedisPublisherOptions): Publisher {
  const publisher = createPublisher(options);
  onTestFinished(() => publisher.close());
  return publisher;
}

/** A logger, and what it was told. */
function capture() {
  const lines: { readonly level: string; readonly message: string; readonly fields: LogFields | undefined }[] = [];
  const line = (level: string) => (message: string, fields?: LogFields) => void lines.push({ level, message, fields });
  return { lines, logger: { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") } };
}

it("A-33 D-01 takes a URL, options or a client, and publishes to that Redis", async () => {
  // What of a client of ioredis is read: see client-place.test.ts of broker-redis.
  const client = { options: { host: "127.0.0.1", port: server.port, db: 0, password: null, sentinels: null } };
  const forms = [server.url, { url: server.url, whenAway: "wait" as const }, client];
  for (const [index, redis] of forms.entries()) {
    const receipt = await onRedis({ redis, account: `a${index}` }).pub("hello", { channel: "news" });
    expect(receipt).toMatchObject({ stream: "news", offset: 1 });
    expect(await server.command("EXISTS", `{trunkline:a${index}/news}:log`)).toBe(":1\r\n");
  }
});

it("D-02 R-20 the namespace is the prefix in Redis: trunkline, or what is said", async () => {
  await onRedis({ redis: server.url, account: "d02" }).pub("hello");
  await onRedis({ redis: server.url, account: "d02", namespace: "blog" }).pub("hello");
  expect(await server.command("EXISTS", "{trunkline:d02/all}:log", "{blog:d02/all}:log")).toBe(":2\r\n");
});

it("P-39 1,000 publishes that nobody awaits keep their order on Redis", async () => {
  const broker = redisBroker({ url: server.url, prefix: "p39" });
  onTestFinished(() => broker.close());
  const { socketUrl } = await startGateway({ broker });
  const connection = await connectV1(socketUrl, { token: testKeys.acme });
  const publisher = onRedis({ redis: server.url, namespace: "p39", account: "acme" });
  for (let n = 0; n < 1000; n++) {
    if (n % 100 === 99) await new Promise((resolve) => void setImmediate(resolve));
    void publisher.publish({ event: "e", data: n });
  }
  await publisher.close();
  await until("all came", () => connection.events.length === 1000);
  expect(connection.events.map(({ data }) => data)).toEqual(Array.from({ length: 1000 }, (_, n) => n));
});

it("R-19 what a publisher puts on Redis a gateway delivers, in the order of the calls", async () => {
  const broker = redisBroker({ url: server.url, prefix: "r19" });
  onTestFinished(() => broker.close());
  const { socketUrl } = await startGateway({ broker });
  const connection = await connectV1(socketUrl, { token: testKeys.acme });
  const publisher = onRedis({ redis: server.url, namespace: "r19", account: "acme" });
  const receipts = await Promise.all(Array.from({ length: 50 }, (_, n) => publisher.publish({ event: "e", data: n })));
  expect(receipts.map(({ offset }) => offset)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
  await until("all came", () => connection.events.length === 50);
  expect(connection.events.map(({ data }) => data)).toEqual(Array.from({ length: 50 }, (_, n) => n));
});

it("A-09 an outage of Redis rejects with a typed error, ends no process, and is over when it is", async () => {
  const own = await startRedisServer();
  onTestFinished(() => own.close());
  const rejections: unknown[] = [];
  const note = (error: unknown): void => void rejections.push(error);
  process.on("unhandledRejection", note);
  onTestFinished(() => void process.off("unhandledRejection", note));
  const { logger, lines } = capture();
  const publisher = onRedis({ redis: own.url, logger });
  await publisher.pub("before");
  await own.stop();
  const posts = publisher.resource<{ readonly id: number }>("Post");
  await until("it is noticed", () =>
    posts.created({ id: 1 }).then(
      () => false,
      (error: { readonly name: string; readonly code: string }) => {
        expect(error).toMatchObject({ name: "GatewayError", code: expect.stringMatching(/^gateway\./) as string });
        return error.code === "gateway.unavailable";
      },
    ),
  );
  // Nobody waits for this one.
  void posts.created({ id: 2 });
  await expect(publisher.pub("away", { timeoutMs: 5000 })).rejects.toMatchObject({ code: "gateway.unavailable" });
  await own.start();
  await until("it is back", () =>
    publisher.pub("after").then(
      () => true,
      () => false,
    ),
  );
  expect(rejections).toEqual([]);
  expect(lines.some(({ level }) => level === "warn")).toBe(true);
});

it("A-09 a Redis that was never there, and wrong options, are typed rejections of each publish", async () => {
  const gone = await startRedisServer();
  await gone.close();
  await expect(onRedis({ redis: gone.url }).pub("a")).rejects.toMatchObject({ code: "gateway.unavailable" });
  const wrong = onRedis({ redis: "redis://me:hunter2@host:port" });
  const error = await wrong.pub("a").catch((caught: unknown) => caught as Error & { readonly code: string });
  expect(error).toMatchObject({ name: "UsageError", code: "usage.bad-option" });
  expect((error as Error).message).not.toContain("hunter2");
});

it.each([
  ["a10", (broker: Broker) => broker],
  ["a10-spans", (broker: Broker) => instrumentBroker(broker, recordTelemetry())],
])("A-10 what others put on Redis that can't be an event is logged, counted and left out: %s", async (prefix, wrap) => {
  const { logger, lines } = capture();
  const broker = wrap(redisBroker({ url: server.url, prefix, foreign: { prefix: "events/" }, logger }));
  onTestFinished(() => broker.close());
  const { gateway, socketUrl } = await startGateway({ broker, logger });
  const connection = await connectV1(socketUrl, { token: testKeys.page });
  const foreign = [
    '{"event":7}',
    '{"event":""}',
    '{"event":"status","data":"a name of the client\'s own"}',
    '{"event":"a*","data":1}',
    `{"event":"big","data":"${"x".repeat(300_000)}"}`,
    "x".repeat(300_000),
  ];
  for (const text of foreign) await server.command("PUBLISH", "events/acme/news", text);
  // Ruby's Marshal of an object, and half a message of ours.
  for (const text of ["\u0004\bo:\u000fAtr::Event\u0000", '{"v":1,"kind":"event","at":[["log",1'])
    await server.command("PUBLISH", `{${prefix}:acme/news}:log`, text);
  await gateway.publish({ event: "last", channel: "news" }, { account: "acme" });
  await until("the last came", () => connection.events.some(({ event }) => event === "last"));
  expect(connection.events.map(({ event }) => event)).toEqual(["last"]);
  expect(connection.messages.map(({ type }) => type).filter((type) => type !== "ping")).toEqual(["connected", "event"]);
  const warned = lines.filter(({ message }) => message === "a message on Redis was not understood and left out");
  expect(warned).toHaveLength(foreign.length + 2);
  expect(warned.every(({ level }) => level === "warn")).toBe(true);
  expect(JSON.stringify(lines)).not.toContain("xxxx");
  expect(gateway.stats().refused).toBe(foreign.length + 2);
});
