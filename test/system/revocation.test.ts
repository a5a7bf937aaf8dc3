// Permission that is taken back: from live connections, on every gateway of a broker.
import { redisBroker } from "@trunkline/broker-redis";
import type { Broker, StreamName } from "@trunkline/core/ports";
import { type Authenticator, type GatewayOptions, byAccount, memoryBroker } from "@trunkline/gateway";
import { createClient } from "trunkline";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startChaosProxy } from "../support/chaos-proxy.ts";
import { openEventStream } from "../support/event-stream-client.ts";
import { connectPlain, connectV1, sayHello } from "../support/frame-client.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { sharedBrokers } from "../support/shared-broker.ts";
import { type StartedGateway, startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.close());

/** Two gateways of one broker. */
async function pair(
  brokers: () => Broker,
  options: GatewayOptions = {},
): Promise<readonly [StartedGateway, StartedGateway]> {
  const start = async (): Promise<StartedGateway> => {
    const broker = brokers();
    onTestFinished(() => broker.close());
    return startGateway({ broker, ...options });
  };
  return [await start(), await start()];
}

/** The token is who it is. */
const byName: Authenticator = ({ token }) =>
  token === undefined || token.startsWith("sk_")
    ? null
    : { kind: "user", account: "acme", id: token, channels: ["news"] };

describe.each(sharedBrokers(() => server.url))("two gateways on %s", (_, open) => {
  it("disconnect ends those who are meant, wherever they are, and nobody else", async () => {
    const [one, two] = await pair(open(), { authenticate: byName });
    const ada = [await connectV1(one.socketUrl, { token: "ada" }), await connectV1(two.socketUrl, { token: "ada" })];
    const bob = [await connectV1(one.socketUrl, { token: "bob" }), await connectV1(two.socketUrl, { token: "bob" })];
    const key = await connectPlain(two.socketUrl, testKeys.acme);
    await one.gateway.disconnect({ user: "ada" }, { reason: "signed out" });
    for (const client of ada) expect(await client.end()).toEqual({ code: 4401, reason: "signed out" });
    await one.gateway.disconnect({ channel: "account.acme" }, { code: 4403 });
    expect((await key.end()).code).toBe(4403);
    await two.gateway.publish({ event: "e", channel: "news" }, { account: "acme" });
    await until("the others go on", () => bob.every(({ events }) => events.length === 1));
    await two.gateway.disconnect({ everyone: true });
    for (const client of bob) expect((await client.end()).code).toBe(4401);
  });

  it("reauthorize takes off what is not granted any more, what the client had asked for included, and puts on what is new", async () => {
    const grants = new Map([
      ["ada", new Set(["a", "shared"])],
      ["bob", new Set(["shared"])],
    ]);
    const rooms = new Map([
      ["ada", new Set(["room", "hall"])],
      ["bob", new Set(["room"])],
    ]);
    const mine = (sets: typeof grants, { principal }: { readonly principal: object }): Set<string> =>
      sets.get("id" in principal ? String(principal.id) : "") ?? new Set();
    const [one, two] = await pair(open(), {
      authenticate: byName,
      subscriptions: (visitor) => mine(grants, visitor),
      authorize: (request) => mine(rooms, request).has(request.channel),
    });
    const streams = [{ channel: "room" }];
    const [ada, bob] = [
      await connectV1(two.socketUrl, { token: "ada", streams }),
      await connectV1(two.socketUrl, { token: "bob", streams }),
    ];
    ada.send({ type: "subscribe", streams: [{ channel: "hall" }] });
    expect((await ada.next("verdict")).streams).toMatchObject([{ channel: "hall", verdict: "fresh" }]);
    grants.set("ada", new Set(["shared", "b"]));
    rooms.set("ada", new Set(["hall"]));
    await one.gateway.reauthorize({ account: "acme", user: "ada" });
    const told = (): unknown[] =>
      ada
        .all("verdict")
        .slice(1)
        .flatMap(({ streams: all }) => all)
        .sort((one, other) => one.channel.localeCompare(other.channel));
    await until("all is told", () => told().length === 3);
    expect(told()).toMatchObject([
      { channel: "a", verdict: "ended" },
      { channel: "b", verdict: "fresh" },
      { channel: "room", verdict: "ended" },
    ]);
    for (const channel of ["a", "room", "b", "hall", "shared"])
      await one.gateway.publish({ event: "e", data: channel, channel }, { account: "acme" });
    await until("all came", () => ada.events.length === 3 && bob.events.length === 2);
    expect(ada.events.map(({ data }) => data)).toEqual(["b", "hall", "shared"]);
    expect(bob.events.map(({ data }) => data)).toEqual(["room", "shared"]);
    expect(bob.all("verdict")).toEqual([]);
  });
});

it("an authorizer or a source that fails is a no for its connection alone", async () => {
  let broken = false;
  const refuse = (id: string): void => {
    if (broken && id === "ada") throw new Error("SECRET");
  };
  const idOf = (principal: object): string => ("id" in principal ? String(principal.id) : "");
  const { gateway, socketUrl } = await startGateway({
    authenticate: byName,
    subscriptions: [byAccount(), ({ principal }) => (refuse(`${idOf(principal)}2`.replace("carl2", "ada")), [])],
    authorize: async ({ principal }) => (refuse(idOf(principal)), true),
  });
  const errors: string[] = [];
  gateway.on("error", ({ message }) => errors.push(message));
  const streams = [{ channel: "room" }];
  const [ada, bob, carl] = await Promise.all(
    ["ada", "bob", "carl"].map((token) => connectV1(socketUrl, { token, streams })),
  );
  broken = true;
  await gateway.reauthorize({ everyone: true });
  expect(await carl?.end()).toMatchObject({ code: 1011 });
  await gateway.publish({ event: "e", channel: "room" }, { account: "acme" });
  await gateway.publish({ event: "e", channel: "news" }, { account: "acme" });
  await until("all came", () => bob?.events.length === 2 && ada?.events.length === 1);
  expect(ada?.events.map(({ channel }) => channel)).toEqual(["news"]);
  expect(ada?.all("verdict").flatMap((verdict) => verdict.streams)).toEqual([{ channel: "room", verdict: "ended" }]);
  expect(errors).toHaveLength(2);
});

it("an authorizer that does not answer keeps nobody on what is asked about anew", async () => {
  let stuck = false;
  const { gateway, socketUrl } = await startGateway({
    greetTimeoutMs: 100,
    authorize: () => (stuck ? new Promise<boolean>(() => {}) : true),
  });
  const client = await connectV1(socketUrl, { token: testKeys.acme, streams: [{ channel: "room" }] });
  stuck = true;
  await gateway.reauthorize({ everyone: true });
  expect((await client.next("verdict")).streams).toEqual([{ channel: "room", verdict: "ended" }]);
});

it("a connection that comes in while it is revoked is not let in on what was granted before", async () => {
  const asked: ((principal: Awaited<ReturnType<Authenticator>>) => void)[] = [];
  const user = { kind: "user", account: "acme", id: "ada", channels: ["news"] } as const;
  const { gateway, socketUrl } = await startGateway({
    authenticate: ({ token }) => (token === "ada" ? new Promise((resolve) => asked.push(resolve)) : null),
  });
  const seen: string[] = [];
  gateway.on("connection", ({ id }) => seen.push(id));
  for (const [command, filter, code] of [
    ["disconnect", { user: "ada" }, 4401],
    ["disconnect", { channel: "room" }, 4401],
    ["reauthorize", { user: "ada" }, 1013],
  ] as const) {
    const coming = await sayHello(socketUrl, { token: "ada", streams: [{ channel: "room" }] });
    await until("the authenticator is asked", () => asked.length === 1);
    await gateway[command](filter);
    await gateway.disconnect({ user: "somebody else" });
    asked.pop()?.(user);
    expect((await coming.end()).code).toBe(code);
  }
  expect(seen).toEqual([]);
  const client = await sayHello(socketUrl, { token: "ada" });
  await until("the authenticator is asked", () => asked.length === 1);
  asked.pop()?.(user);
  await client.next("connected");
});

it("a gateway that can't hear what others say of its connections lets nobody in until it can", async () => {
  const broker = memoryBroker();
  let deaf = true;
  const half: Broker = {
    name: "half",
    append: (stream, append) => broker.append(stream, append),
    broadcast: (stream, body) => broker.broadcast(stream, body),
    heads: (streams) => broker.heads(streams),
    read: (stream, from, limit) => broker.read(stream, from, limit),
    close: () => broker.close(),
    open: (listener) => {
      const session = broker.open(listener);
      const refuse = async (stream: StreamName): Promise<void> => {
        if (deaf && stream === "~gateway/control") throw new Error("not now");
        await session.subscribe(stream);
      };
      return { subscribe: refuse, unsubscribe: (stream) => session.unsubscribe(stream), close: () => session.close() };
    },
  };
  onTestFinished(() => broker.close());
  const { socketUrl } = await startGateway({ broker: half, authenticate: byName });
  const turnedAway = await sayHello(socketUrl, { token: "ada" });
  expect((await turnedAway.end()).code).toBe(1013);
  expect(turnedAway.all("connected")).toEqual([]);
  deaf = false;
  await connectV1(socketUrl, { token: "ada" });
});

it("a connection that waits for an authorizer on its way in is not let in on what it was granted before", async () => {
  const asked: ((allowed: boolean) => void)[] = [];
  let channels = ["news"];
  const { gateway, socketUrl } = await startGateway({
    authenticate: byName,
    subscriptions: () => channels,
    authorize: () => new Promise((resolve) => asked.push(resolve)),
  });
  const coming = await sayHello(socketUrl, { token: "ada", streams: [{ channel: "room" }] });
  await until("the authorizer is asked", () => asked.length === 1);
  channels = [];
  await gateway.reauthorize({ user: "ada" });
  asked[0]?.(true);
  expect((await coming.end()).code).toBe(1013);
  expect(coming.all("connected")).toEqual([]);
});

it("what a gateway has said reaches one that was cut off, also when Redis has forgotten it and nobody is connected to the first", async () => {
  const own = await startRedisServer();
  onTestFinished(() => own.close());
  const proxy = await startChaosProxy(`http://127.0.0.1:${own.port}`);
  onTestFinished(() => proxy.close());
  const start = (url: string): Promise<StartedGateway> => {
    const broker = redisBroker({ url });
    onTestFinished(() => broker.close());
    return startGateway({ broker, authenticate: byName, heartbeatMs: 200 });
  };
  const [one, two] = [await start(own.url), await start(proxy.url.replace("http", "redis"))];
  const ada = await connectV1(two.socketUrl, { token: "ada" });
  proxy.cut();
  await one.gateway.disconnect({ user: "ada" });
  await own.command("FLUSHALL");
  proxy.heal();
  expect((await ada.end()).code).toBe(4401);
});

it("§6.1 a client that is disconnected asks for a fresh token, and comes back with it; 4403 is for good", async () => {
  const { gateway, url } = await startGateway({ authenticate: byName });
  const asked: boolean[] = [];
  const client = createClient({ url, getToken: ({ fresh }) => (asked.push(fresh), "ada") });
  onTestFinished(() => void client.close());
  await client.ready();
  await gateway.disconnect({ user: "ada" });
  await until("it is back", () => asked.length === 2 && client.status === "connected");
  expect(asked).toEqual([false, true]);
  await gateway.disconnect({ user: "ada" }, { code: 4403 });
  await until("it has stopped", () => client.status === "disconnected");
  expect(asked).toHaveLength(2);
});

it("§11.1 event streams end with their channel", async () => {
  let allowed = true;
  const { gateway, url } = await startGateway({ authorize: () => allowed });
  const [own, room] = [
    await openEventStream(url, { key: testKeys.acme }),
    await openEventStream(url, { key: testKeys.acme, channel: "room" }),
  ];
  await until("both are on", () => gateway.stats().connections === 2);
  allowed = false;
  await gateway.reauthorize({ account: "acme" });
  await until("it ends", () => room.ended);
  expect([own.ended, (await openEventStream(url, { key: testKeys.acme, channel: "room" })).response.status]).toEqual([
    false,
    403,
  ]);
});

it("A-30 §3.7 nothing that is published commands a gateway", async () => {
  const broker = memoryBroker();
  const { gateway, url, socketUrl } = await startGateway({ broker, authorize: () => true });
  const all = ["account.acme", "gateway/control", "$control", "~gateway/control"];
  const client = await connectV1(socketUrl, {
    token: testKeys.acme,
    streams: all.slice(1).map((channel) => ({ channel })),
  });
  const command = { command: "disconnect", id: "1", filter: { everyone: true }, code: 4403, reason: "" };
  for (const channel of all) {
    for (const data of ["exit", "unsubscribe", command]) {
      const body = JSON.stringify({ event: "exit", data, channel });
      const response = await fetch(`${url}/api/v1/publish`, {
        method: "POST",
        headers: { Authorization: `Bearer ${testKeys.acme}` },
        body,
      });
      // §3.6: with a leading "~" it is no channel.
      expect(response.status).toBe(channel.startsWith("~") ? 400 : 202);
    }
  }
  await broker.append("acme/account.acme" as StreamName, { body: JSON.stringify(command) });
  await broker.broadcast("~gateway/control" as StreamName, JSON.stringify(command));
  await gateway.publish({ event: "last" }, { account: "acme" });
  await until("all came", () => client.events.some(({ event }) => event === "last"));
  expect(client.events.filter(({ event }) => event === "exit")).toHaveLength(9);
  expect(client.ended).toBeNull();
});

it("refuses a filter that may not say what was meant, and a closed gateway", async () => {
  const { gateway } = await startGateway();
  const nothing = {} as { user?: string };
  await expect(gateway.disconnect(nothing)).rejects.toMatchObject({ code: "usage.bad-argument" });
  await expect(gateway.reauthorize({ usr: "42" } as object)).rejects.toMatchObject({ code: "usage.bad-argument" });
  await expect(gateway.disconnect({ user: "42" }, { code: 1005 })).rejects.toMatchObject({
    code: "usage.bad-argument",
  });
  await gateway.close({ drainMs: 0 });
  await expect(gateway.disconnect({ everyone: true })).rejects.toMatchObject({ code: "usage.closed" });
});
