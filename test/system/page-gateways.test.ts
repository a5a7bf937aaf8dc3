// Pages whose route is on one gateway and whose socket is on another.
import { redisBroker, redisRegistry } from "@trunkline/broker-redis";
import { GatewayError } from "@trunkline/core/errors";
import type { Broker, Registry } from "@trunkline/core/ports";
import { memoryBroker, memoryRegistry } from "@trunkline/gateway";
import { webSocketTransport } from "@trunkline/transport-node";
import fc from "fast-check";
import { createClient } from "trunkline";
import { withConnection } from "trunkline/page";
import { expect, it, onTestFinished } from "vitest";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { type StartedGateway, startGateway } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";
import { Visitor, pageSecret } from "../support/visitor.ts";

const pages = { secret: pageSecret };

interface Shared {
  readonly broker: Broker;
  readonly registry: Registry;
}

function onRedis({ url }: RedisServer, prefix: string): Shared {
  const broker = redisBroker({ url, prefix });
  const registry = redisRegistry({ url });
  onTestFinished(async () => {
    await Promise.all([broker.close(), registry.close()]);
  });
  return { broker, registry };
}

const start = ({ broker, registry }: Shared): Promise<StartedGateway> =>
  startGateway({ broker, pages: { ...pages, registry } });

it("P-09 P-33 on Redis: a page of one gateway has its socket on another, and changes places without leaving", async () => {
  const server = await startRedisServer();
  onTestFinished(() => server.close());
  const [one, two] = [await start(onRedis(server, "p")), await start(onRedis(server, "p"))];
  const told: string[] = [];
  for (const { gateway } of [one, two]) {
    gateway.on("join", ({ id }) => told.push(`join ${id}`));
    gateway.on("leave", ({ id }) => told.push(`leave ${id}`));
  }
  const visitor = new Visitor();
  const page = await visitor.load(one.gateway);
  await page.subscribe("a");
  await one.gateway.publish({ event: "early", channel: "a" });
  await one.gateway.pushTo(page.key, "a", "early");
  const client = await visitor.connect(two.socketUrl, page, { instance: "first" });
  await until("both come", () => client.events.length === 2);
  await one.gateway.pushTo(page.key, "a", "late");
  await page.subscribe("b");
  await until("it is on b", () => client.all("verdict").some(({ streams }) => streams[0]?.channel === "b"));
  await one.gateway.publish({ event: "x", channel: "b" });
  await until("all come", () => client.events.length === 4);
  expect(client.events.map(({ channel, data }) => [channel, data])).toEqual(
    expect.arrayContaining([
      ["a", null],
      [`~page/${page.key}`, "early"],
      [`~page/${page.key}`, "late"],
      ["b", null],
    ]),
  );
  const newer = await visitor.connect(one.socketUrl, page, { instance: "second" });
  client.ws.terminate();
  await until("it is gone", () => two.gateway.stats().connections === 0);
  await page.unsubscribe("a", "b");
  await until(
    "it is off",
    () => newer.all("verdict").filter(({ streams }) => streams[0]?.verdict === "ended").length === 2,
  );
  newer.ws.terminate();
  await until("it has left", () => told.some((line) => line.startsWith("leave")));
  await Promise.all([one.gateway.close({ drainMs: 0 }), two.gateway.close({ drainMs: 0 })]);
  expect(told).toEqual([
    `join ${client.hello.connection}`,
    `join ${newer.hello.connection}`,
    `leave ${newer.hello.connection}`,
  ]);
});

it("P-40 a Redis that comes back without its data: pages whose sockets are here hear on, and can be pushed to", async () => {
  const server = await startRedisServer();
  onTestFinished(() => server.close());
  const [one, two] = [await start(onRedis(server, "p")), await start(onRedis(server, "p"))];
  for (const { gateway } of [one, two]) gateway.on("error", () => {});
  const visitor = new Visitor();
  const page = await visitor.load(one.gateway);
  await page.subscribe("a");
  // One that comes back: a stream that can't be read just then ends its link.
  const client = createClient({
    url: withConnection(two.url, page.id),
    transport: webSocketTransport({ headers: visitor.headers }),
    backoff: () => 1,
  });
  onTestFinished(() => client.close());
  const heard: unknown[] = [];
  client.on("message", (data) => heard.push(data));
  client.on("error", (error) => heard.push(error));
  await client.connect();
  await server.stop();
  server.wipe();
  await server.start();
  await until("it is reached", async () => {
    await one.gateway.pushTo(page.key, "a", "alone").catch(() => {});
    return heard.includes("alone");
  });
  await until("it hears", async () => {
    await one.gateway.publish({ event: "message", channel: "a", data: "all" }).catch(() => {});
    return heard.includes("all");
  });
  expect(new Set(heard)).toEqual(new Set(["alone", "all"]));
});

it("P-31 whatever is done to a page here and there, its sockets end on what the registry says", async () => {
  const move = fc.record({
    gateway: fc.nat(1),
    kind: fc.constantFrom("subscribe", "unsubscribe", "pushTo", "connect", "drop"),
    channel: fc.constantFrom("a", "b", "c"),
    waits: fc.boolean(),
  });
  const inner = memoryRegistry();
  let answers = 0;
  /** Answers late, and fails now and then. */
  const late = <T>(act: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      answers += 1;
      const fails = answers % 17 === 0;
      const done = (): void => {
        if (fails) reject(new GatewayError("gateway.unavailable", "now and then"));
        else act().then(resolve, reject);
      };
      let turns = answers % 3;
      const wait = (): unknown => (turns-- > 0 ? setImmediate(wait) : done());
      wait();
    });
  const registry: Registry = {
    name: "late",
    add: (key, channels, ttlMs) => late(() => inner.add(key, channels, ttlMs)),
    remove: (key, channels) => late(() => inner.remove(key, channels)),
    read: (key) => late(() => inner.read(key)),
    hold: (key, holder, ttlMs) => late(() => inner.hold(key, holder, ttlMs)),
    release: (key, holder, ttlMs) => late(() => inner.release(key, holder, ttlMs)),
    renew: (keys, ttlMs) => late(() => inner.renew(keys, ttlMs)),
    drop: (key) => late(() => inner.drop(key)),
    close: () => inner.close(),
  };
  const shared = { broker: memoryBroker(), registry };
  const gateways = [await start(shared), await start(shared)];
  for (const { gateway } of gateways) gateway.on("error", () => {});
  await fc.assert(
    fc.asyncProperty(fc.array(move, { minLength: 3, maxLength: 12 }), async (moves) => {
      const visitor = new Visitor();
      const ids = await Promise.all(gateways.map(({ gateway }) => visitor.load(gateway)));
      const page = ids[0] as (typeof ids)[number];
      await inner.add(page.key, [{ channel: "kept", position: null }], 60_000);
      const clients: Awaited<ReturnType<Visitor["connect"]>>[] = [];
      const done: Promise<unknown>[] = [];
      for (const { gateway: index, kind, channel, waits } of moves) {
        const { gateway, socketUrl } = gateways[index] as StartedGateway;
        let act: Promise<unknown>;
        if (kind === "connect")
          act = visitor
            .connect(socketUrl, page, { instance: `i${done.length}` })
            .then((client) => clients.push(client));
        else if (kind === "drop") act = Promise.resolve(clients.pop()?.ws.terminate());
        else if (kind === "pushTo") act = gateway.pushTo(page.key, channel, 1);
        else act = page[kind](channel);
        done.push(act.catch(() => {}));
        if (waits) await act.catch(() => {});
      }
      await Promise.all(done);
      const known = await inner.read(page.key);
      const wanted = (known ?? []).map((registered) => registered.channel);
      const isSettled = (): boolean =>
        gateways.every(({ gateway }) =>
          [...gateway.connections()].every(
            (connection) =>
              connection.page !== page.key ||
              (connection.channels.length === wanted.length &&
                wanted.every((name) => connection.channels.includes(name))),
          ),
        );
      await until(`all are on ${wanted.join()}`, isSettled);
      for (const { ws } of clients) ws.terminate();
    }),
    { numRuns: 30 },
  );
});

it("a client of the page goes on over a lost link, with what was pushed to it alone meanwhile", async () => {
  const { gateway, url } = await startGateway({ pages });
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  await page.subscribe("a");
  await gateway.pushTo(page.key, "a", 0);
  const client = createClient({
    url: withConnection(url, page.id),
    transport: webSocketTransport({ headers: visitor.headers }),
    backoff: () => 1,
  });
  onTestFinished(() => client.close());
  const heard: unknown[] = [];
  client.on("message", (data) => heard.push(data));
  client.on("error", (error) => heard.push(error));
  await until("the first comes", () => heard.length === 1);
  await gateway.pushTo(page.key, "a", 1);
  await until("the second comes", () => heard.length === 2);
  for (const connection of gateway.connections()) connection.close(1012);
  await gateway.pushTo(page.key, "a", 2);
  await page.subscribe("b");
  await gateway.publish({ event: "message", channel: "b", data: 3 });
  await until("all come", () => heard.length === 4);
  expect(heard).toEqual([0, 1, 2, 3]);
});
