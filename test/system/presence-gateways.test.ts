// Who is on a channel (PROTOCOL §13), on several gateways of one broker.
import { redisBroker } from "@trunkline/broker-redis";
import type { Broker } from "@trunkline/core/ports";
import { memoryBroker } from "@trunkline/gateway";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { type Running, command } from "../support/command.ts";
import { type FrameClient, connectV1 } from "../support/frame-client.ts";
import { byName, enter, memberOf } from "../support/presence-members.ts";
import { type PresenceWatcher, watchPresence } from "../support/presence-watcher.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { type StartedGateway, startGateway } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const presence = { graceMs: 500, leaseMs: 1000 };
const room = "room";

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(() => redis.close());

let prefixes = 0;
const nextPrefix = (): string => `presence${prefixes++}`;

function on(broker: Broker): Promise<StartedGateway> {
  return startGateway({ broker, presence, authenticate: byName });
}

function onRedis(prefix: string, url = redis.url, heartbeatMs = 25_000): Promise<StartedGateway> {
  const broker = redisBroker({ url, prefix });
  onTestFinished(() => broker.close());
  return startGateway({ broker, presence, authenticate: byName, heartbeatMs });
}

/** A gateway that can be killed. */
async function ownProcess(prefix: string): Promise<{ readonly socketUrl: string; readonly process: Running }> {
  const process = command("test/support/presence-gateway.ts", [redis.url, prefix]);
  onTestFinished(async () => {
    process.kill("SIGCONT");
    process.kill("SIGKILL");
    await process.exited;
  });
  const [socketUrl] = await process.until(/ws:\S+/);
  return { socketUrl, process };
}

const see = (watchers: readonly PresenceWatcher[], ...names: readonly string[]): Promise<void> =>
  until(`all see ${names.join()}; got ${watchers.map(({ ids, count }) => `${ids.join()}/${count}`).join(" ")}`, () =>
    watchers.every(({ ids, count }) => ids.join() === names.join() && count === names.length),
  );

async function watched(...gateways: readonly { readonly socketUrl: string }[]): Promise<readonly PresenceWatcher[]> {
  return Promise.all(gateways.map(({ socketUrl }, index) => watchPresence(socketUrl, `watcher${index}`, room)));
}

it("§13.1 what happens on one gateway is seen on the other, and by the code of both", async () => {
  const broker = memoryBroker();
  const [one, two] = [await on(broker), await on(broker)];
  const watchers = await watched(one, two);
  const ada = await memberOf(one.socketUrl, "ada", room, { data: 1 });
  await memberOf(two.socketUrl, "bob", room);
  await see(watchers, "ada", "bob");
  await enter(ada, room, 2);
  await until("the change is seen", () =>
    watchers.every(({ members }) => [...members.values()].some(({ data }) => data === 2)),
  );
  for (const { gateway } of [one, two])
    expect((await gateway.members(room, { account: "acme" })).map(({ id }) => id)).toEqual(["bob", "ada"]);
  ada.ws.close(1000);
  await see(watchers, "bob");
});

it("§13.4 a client that is back on the other gateway never left", async () => {
  const broker = memoryBroker();
  const [one, two] = [await on(broker), await on(broker)];
  const watchers = await watched(one, two);
  const lost = await memberOf(one.socketUrl, "ada", room);
  await see(watchers, "ada");
  lost.ws.terminate();
  await memberOf(two.socketUrl, "ada", room, { generation: 2 });
  // Once the grace on the first is over.
  await until("one key is left", () => watchers.every(({ keys, count }) => keys.size === 1 && count === 1));
  for (const { moves } of watchers) expect(moves).toHaveLength(1);
});

it("§13.4 clients that are drained never leave, though they close their old link with 1000", async () => {
  const broker = memoryBroker();
  const [one, two] = [await on(broker), await on(broker)];
  const watchers = await watched(two);
  const names = ["ada", "bob"];
  const old = await Promise.all(names.map((name) => memberOf(one.socketUrl, name, room)));
  await see(watchers, ...names);
  const closing = one.gateway.close({ drainMs: 2000 });
  await Promise.all(old.map((client) => client.next("drain")));
  await Promise.all(names.map((name) => memberOf(two.socketUrl, name, room, { generation: 2 })));
  for (const client of old) client.ws.close(1000);
  await closing;
  // What it left goes with its lease.
  await until("one key of each is left", () => watchers.every(({ keys, count }) => keys.size === 2 && count === 2));
  for (const { moves } of watchers) expect(moves).toHaveLength(2);
});

it("§13.5 a killed gateway's members are gone everywhere within the lease, for those who come later too", async () => {
  const prefix = nextPrefix();
  const [one, two] = [await onRedis(prefix), await onRedis(prefix)];
  const third = await ownProcess(prefix);
  const watchers = await watched(one, two);
  await memberOf(one.socketUrl, "ada", room);
  for (const name of ["bob", "eve"]) await memberOf(third.socketUrl, name, room);
  await memberOf(third.socketUrl, "bob", "room.unwatched");
  await see(watchers, "ada", "bob", "eve");
  third.process.kill("SIGKILL");
  await third.process.exited;
  await see(watchers, "ada");
  expect((await one.gateway.members(room, { account: "acme" })).map(({ id }) => id)).toEqual(["ada"]);
  const late = await watchPresence(two.socketUrl, "late", "room.unwatched");
  await until("nobody is there", () => late.ids.length === 0 && late.count === 0);
  expect(late.moves.length % 2).toBe(0);
});

it("§13.5 a gateway that hangs is taken for dead, and its members are back when it is", async () => {
  const prefix = nextPrefix();
  const one = await onRedis(prefix);
  const other = await ownProcess(prefix);
  const watchers = await watched(one);
  const ada = await memberOf(other.socketUrl, "ada", room, { data: "still here" });
  await memberOf(one.socketUrl, "bob", room);
  await see(watchers, "ada", "bob");
  other.process.kill("SIGSTOP");
  await see(watchers, "bob");
  other.process.kill("SIGCONT");
  await see(watchers, "ada", "bob");
  expect(ada.ended).toBeNull();
  await enter(ada, room, "as ever");
  await until("it goes on", () =>
    watchers.every(({ members }) => [...members.values()].some(({ data }) => data === "as ever")),
  );
});

it("§13.5 members are entered anew when the broker has lost everything; nobody is entered while it is away", async () => {
  const own = await startRedisServer();
  onTestFinished(() => own.close());
  const [one, two] = [await onRedis("lost", own.url), await onRedis("lost", own.url)];
  const watchers = await watched(one, two);
  await memberOf(one.socketUrl, "ada", room);
  const bob = await memberOf(two.socketUrl, "bob", room);
  const eve = await connectV1(two.socketUrl, { token: "eve", instance: "eve", streams: [{ channel: room }] });
  await see(watchers, "ada", "bob");
  await own.stop();
  const refused = async (client: FrameClient): Promise<string | undefined> =>
    (await enter(client, room, "news")).refused?.[0]?.error.code;
  expect(await refused(eve)).toBe("gateway.unavailable");
  expect(await refused(bob)).toBe("gateway.unavailable");
  await own.start();
  await see(watchers, "ada", "bob");
  await until("eve is entered", async () => (await refused(eve)) === undefined);
  await see(watchers, "ada", "bob", "eve");
  const late = await watched(two);
  await see(late, "ada", "bob", "eve");
});

it("§13.5 a stream that the broker has lost is written anew, by the next one to enter or at the next heartbeat", async () => {
  const prefix = nextPrefix();
  const lose = async (): Promise<void> => {
    const names = ["log", "meta", "values", "order", "graves"].map(
      (part) => `{${prefix}:acme/~members/${room}}:${part}`,
    );
    expect(await redis.command("DEL", ...names)).not.toBe(":0\r\n");
  };
  const { gateway, socketUrl } = await onRedis(prefix, redis.url, 300);
  const ids = async (): Promise<string> => {
    const members = await gateway.members(room, { account: "acme" });
    return members
      .map(({ id = "" }) => id)
      .sort((one, other) => one.localeCompare(other))
      .join();
  };
  await memberOf(socketUrl, "ada", room);
  await lose();
  await until("ada is back", async () => (await ids()) === "ada");
  const quiet = await onRedis(prefix);
  await memberOf(quiet.socketUrl, "bob", room);
  await lose();
  await memberOf(quiet.socketUrl, "eve", room);
  await until("all are back", async () => (await ids()) === "ada,bob,eve");
});

it("§13.5 gateways whose broker has lost everything take nobody of each other for dead", async () => {
  const own = await startRedisServer();
  onTestFinished(() => own.close());
  // Heads are compared more often than gateways beat, so that it is there where the loss is found.
  const slow = async (): Promise<StartedGateway> => {
    const broker = redisBroker({ url: own.url, prefix: "wiped" });
    onTestFinished(() => broker.close());
    return startGateway({ broker, presence: { ...presence, leaseMs: 4000 }, authenticate: byName, heartbeatMs: 200 });
  };
  const gateways = [await slow(), await slow()] as const;
  const watchers = await watched(...gateways);
  const names = ["ada", "bob"] as const;
  for (const [index, name] of names.entries()) await memberOf(gateways[index === 0 ? 0 : 1].socketUrl, name, room);
  await see(watchers, ...names);
  for (let round = 1; round <= 3; round++) {
    const before = new Set(watchers.flatMap(({ keys }) => [...keys.keys()]));
    const from = watchers.map(({ client }) => client.messages.length);
    await own.command("FLUSHALL");
    await until("all are written anew", () =>
      watchers.every(({ keys }) => keys.size === 2 && [...keys.keys()].every((key) => !before.has(key))),
    );
    await see(watchers, ...names);
    // What is written by a name without a beat is the other's to remove.
    const written = watchers.flatMap(({ client }, index) => client.messages.slice(from[index]));
    const again = written.filter((message) => message.type === "event" && before.has(message.key ?? ""));
    expect(again).toEqual([]);
  }
});
