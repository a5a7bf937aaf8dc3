// Listeners: server code that hears what is said on channels, over real brokers, sockets and processes.
import { redisBroker } from "@trunkline/broker-redis";
import type { Broker } from "@trunkline/core/ports";
import { type Authorize, type ChannelListener, defineListener, memoryBroker } from "@trunkline/gateway";
import { createPublisher } from "@trunkline/publisher";
import { createClient, createOutbox } from "trunkline";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { command } from "../support/command.ts";
import { connectV1 } from "../support/frame-client.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(() => redis.close());

/** Each test has streams of its own. */
let prefixes = 0;
const brokers: Readonly<Record<string, () => () => Broker>> = {
  memory: () => {
    const broker = memoryBroker();
    return () => broker;
  },
  redis: () => {
    const prefix = `listeners${++prefixes}`;
    return () => redisBroker({ url: redis.url, prefix });
  },
};

function opened(broker: Broker): Broker {
  onTestFinished(() => broker.close());
  return broker;
}

/** Servers may hear every channel of their account. */
const servers: Authorize = ({ principal }) => principal.kind === "secret";

function noting(channel: string): { readonly heard: unknown[]; readonly listener: ChannelListener } {
  const heard: unknown[] = [];
  return { heard, listener: defineListener({ [channel]: (m: unknown) => heard.push(m) }, { account: "acme" }) };
}

describe.each(Object.keys(brokers))("on %s", (kind) => {
  const open = (): (() => Broker) => {
    const make = brokers[kind]?.();
    if (make === undefined) throw new Error(`no broker ${kind}`);
    return () => opened(make());
  };

  it("D-07 hears what is published right after listen() resolves, on another gateway too", async () => {
    const broker = open();
    const { heard, listener } = noting("orders");
    const other = await startGateway({ broker: broker() });
    await startGateway({ broker: broker(), listeners: [listener] });
    await other.gateway.publisher("acme").pub("first", { channel: "orders" });
    await until("it was heard", () => heard.length > 0);
    for (let n = 0; n < 50; n++) void other.gateway.publisher("acme").pub(n, { channel: "orders" });
    await until("all were heard", () => heard.length > 50);
    expect(heard).toEqual(["first", ...Array.from({ length: 50 }, (_, n) => n)]);
  });

  it("D-14 with patterns that overlap, each handler and each socket get an event once, of channels nobody was on too", async () => {
    const broker = open();
    const heard: string[] = [];
    const note =
      (by: string) =>
      (message: unknown, { channel }: { readonly channel: string }) =>
        heard.push(`${by} ${channel} ${String(message)}`);
    const listener = defineListener(
      { "chat.lobby": note("name"), "chat.*": note("chat.*"), "*": note("*") },
      { account: "acme" },
    );
    const { gateway, socketUrl } = await startGateway({ broker: broker(), listeners: listener, authorize: servers });
    const other = await startGateway({ broker: broker() });
    const client = await connectV1(socketUrl, { token: testKeys.acme, streams: [{ channel: "chat.lobby" }] });
    const publishers = [gateway.publisher("acme"), other.gateway.publisher("acme")];
    for (let n = 1; n <= 20; n++) await publishers[n % 2]?.pub(n, { channel: "chat.lobby" });
    await other.gateway.publisher("acme2").pub("other", { channel: "chat.new" });
    await other.gateway.publisher("acme").pub("new", { channel: "chat.new" });
    await until("the last was heard", () => heard.includes("* chat.new new"));
    await until("the socket got the last", () => client.all("event").some(({ data }) => data === 20));
    const numbers = Array.from({ length: 20 }, (_, index) => index + 1);
    for (const by of ["name", "chat.*", "*"]) {
      const own = heard.filter((line) => line.startsWith(`${by} chat.lobby `));
      expect(own).toEqual(numbers.map((n) => `${by} chat.lobby ${n}`));
    }
    expect(heard.filter((line) => line.includes("chat.new")).sort()).toEqual(["* chat.new new", "chat.* chat.new new"]);
    expect(client.all("event").map(({ data }) => data)).toEqual(numbers);
  });

  it("D-18 a handler that throws stops neither other listeners nor the sockets on its channel", async () => {
    const broker = open();
    const { heard, listener } = noting("orders");
    const bad = defineListener(
      {
        orders: () => {
          throw new Error("no");
        },
      },
      { account: "acme" },
    );
    const { gateway, socketUrl } = await startGateway({
      broker: broker(),
      listeners: [bad, listener],
      authorize: servers,
    });
    const errors: string[] = [];
    gateway.on("error", ({ code }) => errors.push(code));
    const client = await connectV1(socketUrl, { token: testKeys.acme, streams: [{ channel: "orders" }] });
    await gateway.publisher("acme").pub("x", { channel: "orders" });
    expect(await client.next("event")).toMatchObject({ data: "x" });
    await until("the listener heard", () => heard.length === 1);
    expect([heard, errors]).toEqual([["x"], ["usage.listener-failed"]]);
  });

  it("D-20 what a page publishes reaches server code, which answers on its channel", async () => {
    const broker = open();
    const echo = defineListener(
      {
        echo: (message, { event, reply }) => {
          if (event === "said") void reply(message);
        },
      },
      { account: "acme" },
    );
    const { url } = await startGateway({
      broker: broker(),
      listeners: echo,
      authorize: () => true,
      authorizePublish: ({ channel, event }) => channel === "echo" && event === "said",
    });
    const client = createClient({ url, publicKey: testKeys.page });
    onTestFinished(() => client.close());
    await client.subscribe("echo");
    const answered = client.once("message");
    await createOutbox(client).publish("said", "hello", { channel: "echo" });
    expect((await answered)[0]).toBe("hello");
  });
});

it("D-13 a pattern hears nothing of another namespace on the same Redis", async () => {
  const heard: unknown[] = [];
  const listener = defineListener({ "*": (m) => heard.push(m) }, { account: "acme" });
  const broker = (prefix: string): Broker => opened(redisBroker({ url: redis.url, prefix }));
  const own = await startGateway({ broker: broker("ns"), listeners: listener });
  const other = await startGateway({ broker: broker("ns2") });
  await other.gateway.publisher("acme").pub("theirs", { channel: "a" });
  await own.gateway.publisher("acme").pub("ours", { channel: "a" });
  await until("it was heard", () => heard.length > 0);
  expect(heard).toEqual(["ours"]);
});

it("D-14 a listener and the sockets of its gateway share one subscription on Redis", async () => {
  const { heard, listener } = noting("orders");
  const broker = opened(redisBroker({ url: redis.url, prefix: "shared" }));
  const { gateway, socketUrl } = await startGateway({ broker, listeners: listener, authorize: servers });
  const client = await connectV1(socketUrl, { token: testKeys.acme, streams: [{ channel: "orders" }] });
  const log = "{shared:acme/orders}:log";
  expect(await redis.command("PUBSUB", "NUMSUB", log)).toBe(`*2\r\n$${log.length}\r\n${log}\r\n:1\r\n`);
  await gateway.publisher("acme").pub("x", { channel: "orders" });
  expect(await client.next("event")).toMatchObject({ data: "x" });
  await until("the listener heard", () => heard.length > 0);
  expect(heard).toEqual(["x"]);
});

it("hears by name and by pattern what processes of other makes PUBLISH, once", async () => {
  const heard: string[] = [];
  const note =
    (by: string) =>
    (message: unknown, { channel }: { readonly channel: string }) =>
      heard.push(`${by} ${channel} ${JSON.stringify(message)}`);
  const listener = defineListener({ "*": note("*"), "model_*": note("model_*"), model_create: note("name") });
  const broker = opened(redisBroker({ url: redis.url, foreign: { prefix: "sock[drawer]:" } }));
  await startGateway({ broker, listeners: listener });
  await redis.command("PUBLISH", "sock[drawer]:default/model_update", "text");
  await redis.command("PUBLISH", "sockd:default/model_update", "of somebody else");
  await redis.command("PUBLISH", "sock[drawer]:default/model_create", '{"event":"made","data":{"id":7}}');
  await until("the last was heard", () => heard.filter((line) => line.includes("model_create")).length >= 3);
  expect(heard.sort()).toEqual(
    [
      '* model_update "text"',
      'model_* model_update "text"',
      '* model_create {"id":7}',
      'model_* model_create {"id":7}',
      'name model_create {"id":7}',
    ].sort(),
  );
});

it("finds what was said on the channels it knows while Redis was away, and says that it can't know of others", async () => {
  const server = await startRedisServer("--appendonly", "yes", "--appendfsync", "always");
  onTestFinished(() => server.close());
  const broker = (): Broker => opened(redisBroker({ url: server.url, durable: true }));
  const heard: unknown[] = [];
  const gaps: unknown[] = [];
  const listener = defineListener({ "a.*": (m) => heard.push(m) }, { account: "acme", onGap: (gap) => gaps.push(gap) });
  const { gateway } = await startGateway({ broker: broker(), listeners: listener });
  gateway.on("error", () => {});
  const publisher = gateway.publisher("acme");
  await publisher.pub(1, { channel: "a.x" });
  await until("the channel is known", () => heard.length === 1);
  // What listens is cut off, and events are published before it is back.
  await server.command("CLIENT", "KILL", "TYPE", "pubsub");
  await Promise.all([2, 3].map((n) => publisher.pub(n, { channel: "a.x" })));
  await until("they were heard", () => heard.length >= 3);
  await until("it was told", () => gaps.length > 0);
  await publisher.pub(4, { channel: "a.x" });
  await until("all were heard", () => heard.length >= 4);
  expect(heard).toEqual([1, 2, 3, 4]);
  expect(gaps).toEqual([{ channel: "a.*", account: "acme", reason: "unheard" }]);
});

/** A process of test/support/listener-process.ts, once it is ready. */
async function start(role: "gateway" | "client", url: string) {
  const running = command("test/support/listener-process.ts", [role, url]);
  onTestFinished(async () => {
    running.kill("SIGKILL");
    await running.exited;
  });
  await running.until(/^\{"ready":(.+)\}$/m);
  const heard = (): unknown[] =>
    running.stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { readonly heard?: unknown })
      .filter((line) => line.heard !== undefined);
  return { heard };
}

it("D-19 what one process publishes is heard by the listener of a gateway in another, over Redis", async () => {
  const listening = await start("gateway", redis.url);
  const publisher = createPublisher({ redis: redis.url, account: "acme" });
  onTestFinished(() => publisher.close());
  const { offset } = await publisher.pub("x", { channel: "orders" });
  await until("it was heard", () => listening.heard().length > 0);
  expect(listening.heard()).toEqual([{ heard: "x", channel: "orders", event: "message", offset }]);
});

it("D-19 the same listener runs over a client with a secret key, in a process without a broker", async () => {
  const { url, socketUrl, gateway } = await startGateway({ authorize: servers });
  const done = await connectV1(socketUrl, { token: testKeys.acme, streams: [{ channel: "done" }] });
  const listening = await start("client", url);
  const { offset } = await gateway.publisher("acme").pub("x", { channel: "orders" });
  expect(await done.next("event")).toMatchObject({ channel: "done", event: "done", data: "x" });
  expect(listening.heard()).toEqual([{ heard: "x", channel: "orders", event: "message", offset }]);
});
