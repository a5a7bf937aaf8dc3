// What becomes of the Redis registry when Redis, or the way to it, fails.
import { type RedisRegistryOptions, redisRegistry } from "@trunkline/broker-redis";
import type { Registered, Registry } from "@trunkline/core/ports";
import { afterEach, describe, expect, it } from "vitest";
import { failureOf } from "../support/broker-listener.ts";
import { type ChaosProxy, startChaosProxy } from "../support/chaos-proxy.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { startRedisCluster, startSentinelSet } from "../support/redis-sets.ts";
import { until } from "../support/until.ts";

const farMs = 3_600_000;
const key = "0a1b2c3d";
const news: Registered = { channel: "news", position: { epoch: "e", offset: 1, tag: "t" } };
const chat: Registered = { channel: "chat", position: null };

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (let last = open.pop(); last !== undefined; last = open.pop()) await last.close();
});
function kept<Resource extends { close(): Promise<unknown> }>(resource: Resource): Resource {
  open.push(resource);
  return resource;
}
const startServer = async (...options: readonly string[]): Promise<RedisServer> =>
  kept(await startRedisServer(...options));
const startRegistry = (options: RedisRegistryOptions): Registry => kept(redisRegistry(options));

async function throughProxy(options: RedisRegistryOptions = {}) {
  const server = await startServer();
  const proxy = kept(await startChaosProxy(`http://127.0.0.1:${server.port}`));
  const registry = startRegistry({ url: proxy.url.replace("http", "redis"), ...options });
  return { server, proxy, registry, direct: startRegistry({ url: server.url }) };
}

/** From now on what is sent arrives and what is answered does not, until the connections are reset. */
async function swallowAnswers(proxy: ChaosProxy, registry: Registry): Promise<void> {
  // Redis knows all scripts: that it does not would be an answer too.
  for (const call of everyCall(registry, "ff")) await call;
  proxy.slow(0.001);
  await registry.read(key);
}

const everyCall = (registry: Registry, of = key): readonly Promise<unknown>[] => [
  registry.add(of, [news], farMs),
  registry.remove(of, ["news"]),
  registry.read(of),
  registry.hold(of, "one", farMs),
  registry.release(of, "one", farMs),
  registry.renew([of], farMs),
  registry.drop(of),
];

describe("Redis is killed and started again", () => {
  it("P-27 in between every call fails at once as unavailable; then the registry can be used again", async () => {
    const server = await startServer("--appendonly", "yes", "--appendfsync", "always");
    const registry = startRegistry({ url: server.url });
    await registry.add(key, [news, chat], farMs);
    await registry.hold(key, "one", farMs);
    await server.stop();
    await until("it is noticed", async () => (await failureOf(registry.read(key))).code === "gateway.unavailable");
    const failures = await Promise.all(everyCall(registry).map((call) => failureOf(call)));
    expect(failures.map(({ code }) => code)).toEqual(failures.map(() => "gateway.unavailable"));
    expect(failures[0]?.message).toContain("Redis can't be used just now");
    await server.start();
    await until("it is back", async () => (await failureOf(registry.read(key))).code === "none");
    expect(await registry.read(key)).toEqual([news, chat]);
    expect(await registry.release(key, "one", farMs)).toBe(true);
  });

  it("without its data a visitor is not known any more, and can be added again", async () => {
    const server = await startServer();
    const registry = startRegistry({ url: server.url, whenAway: "wait", waitMs: 20_000 });
    await registry.add(key, [news], farMs);
    await server.stop();
    const waiting = registry.hold(key, "one", farMs);
    await server.start();
    expect(await waiting).toBe(null);
    await registry.add(key, [chat], farMs);
    expect(await registry.hold(key, "one", farMs)).toEqual([chat]);
  });

  it("scripts that Redis has forgotten are given to it again", async () => {
    const server = await startServer();
    const registry = startRegistry({ url: server.url });
    for (const call of everyCall(registry)) await call;
    await server.command("SCRIPT", "FLUSH");
    await registry.add(key, [news], farMs);
    await server.command("SCRIPT", "FLUSH");
    expect(await registry.hold(key, "one", farMs)).toEqual([news]);
    await server.command("SCRIPT", "FLUSH");
    expect(await registry.release(key, "one", farMs)).toBe(true);
    await server.command("SCRIPT", "FLUSH");
    await registry.renew([key], 50);
    await until("the end was brought nearer", async () => (await registry.read(key)) === null);
  });
});

describe("Redis is away", () => {
  it("a gateway that starts before its Redis gets there by itself", async () => {
    const server = await startServer();
    await server.stop();
    const registry = startRegistry({ url: server.url });
    expect((await failureOf(registry.read(key))).code).toBe("gateway.unavailable");
    await server.start();
    await until("it is there", async () => (await failureOf(registry.add(key, [news], farMs))).code === "none");
    expect(await registry.read(key)).toEqual([news]);
  });

  it("wait: calls wait for it; after waitMs they fail", async () => {
    const { proxy, registry, direct } = await throughProxy({ whenAway: "wait", waitMs: 20_000 });
    await registry.add(key, [news], farMs);
    proxy.cut();
    const waiting = [registry.add(key, [chat], farMs), registry.hold(key, "one", farMs)];
    proxy.heal();
    await Promise.all(waiting);
    expect(await direct.read(key)).toEqual([news, chat]);
    const short = startRegistry({ url: "redis://127.0.0.1:1", whenAway: "wait", waitMs: 100 });
    const failures = await Promise.all(everyCall(short).map((call) => failureOf(call)));
    expect(failures.map(({ code }) => code)).toEqual(failures.map(() => "gateway.unavailable"));
  });

  it("wait: a call whose answer was lost is made again, and answers what it did the first time", async () => {
    const { server, proxy, registry, direct } = await throughProxy({ whenAway: "wait", waitMs: 20_000 });
    await registry.add(key, [news], farMs);
    await registry.hold(key, "one", farMs);
    await swallowAnswers(proxy, registry);
    const calls = [registry.add(key, [chat], farMs), registry.release(key, "one", farMs)];
    await until("they are done", async () => {
      const held = await server.command("HEXISTS", `trunkline:channels:${key}`, "h");
      return held === ":0\r\n" && (await direct.read(key))?.length === 2;
    });
    proxy.heal();
    proxy.reset();
    expect(await Promise.all(calls)).toEqual([undefined, true]);
    expect(await direct.read(key)).toEqual([news, chat]);
    expect(await registry.release(key, "one", farMs)).toBe(false);
  });

  it("reject: a call whose answer was lost fails as unavailable, and may be made again", async () => {
    const { proxy, registry, direct } = await throughProxy();
    await swallowAnswers(proxy, registry);
    const added = failureOf(registry.add(key, [news], farMs));
    await until("it is done", async () => (await direct.read(key)) !== null);
    proxy.heal();
    proxy.reset();
    expect(await added).toMatchObject({
      code: "gateway.unavailable",
      message: expect.stringContaining("the connection was lost"),
    });
    await until("it is back", async () => (await failureOf(registry.add(key, [news], farMs))).code === "none");
    expect(await direct.read(key)).toEqual([news]);
  });

  it("a Redis that hangs: calls fail, and once it goes on the registry can be used again", async () => {
    const server = await startServer();
    const registry = startRegistry({ url: server.url });
    await registry.add(key, [news], farMs);
    server.signal("SIGSTOP");
    const failures = await Promise.all(everyCall(registry, "ff").map((call) => failureOf(call)));
    expect(failures.map(({ code }) => code)).toEqual(failures.map(() => "gateway.unavailable"));
    server.signal("SIGCONT");
    await until("it is back", async () => (await failureOf(registry.read(key))).code === "none");
    expect(await registry.read(key)).toEqual([news]);
  }, 60_000);

  it("closing fails what is under way, and what waits", async () => {
    const { proxy, registry } = await throughProxy({ whenAway: "wait", waitMs: 20_000 });
    await registry.read(key);
    proxy.freeze();
    const under = everyCall(registry).map((call) => failureOf(call));
    await registry.close();
    const codes = (await Promise.all(under)).map(({ code }) => code);
    expect(codes).toEqual(codes.map(() => "gateway.unavailable"));
    const away = startRegistry({ url: "redis://127.0.0.1:1", whenAway: "wait", waitMs: 20_000 });
    const waiting = failureOf(away.read(key));
    await away.close();
    expect((await waiting).message).toContain("this Redis registry is closed");
  });
});

describe("Redis refuses", () => {
  it("a wrong password: unavailable, and never shown", async () => {
    const server = await startServer("--requirepass", "right-password");
    const lines: string[] = [];
    const note = (message: string, fields?: object): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
    const logger = { debug: note, info: note, warn: note, error: note };
    const url = server.url.replace("//", "//:wrong-password@");
    const registry = startRegistry({ url, logger });
    const failures = await Promise.all(everyCall(registry).map((call) => failureOf(call)));
    for (const { code, message } of failures) {
      expect(code).toBe("gateway.unavailable");
      expect(message).toContain("refused the user name or password");
    }
    const error: unknown = await registry.read(key).catch((thrown: unknown) => thrown);
    const { cause } = error as Error;
    const all = JSON.stringify([String(error), String(cause), (error as Error).stack, Object.entries(cause ?? {})]);
    expect(all + JSON.stringify(failures) + lines.join()).not.toContain("wrong-password");
    expect(lines).toHaveLength(1);
    const right = startRegistry({ url: server.url, password: "right-password" });
    await right.add(key, [news], farMs);
  });

  it("the permissions of the README are enough, and without them it says what is missing", async () => {
    const server = await startServer();
    await server.command("ACL", "SETUSER", "app", "on", ">secret", "~other*", "+@all");
    const registry = startRegistry({ url: server.url, username: "app", password: "secret" });
    expect((await failureOf(registry.read(key))).message).toContain("lacks a permission");
    const rules =
      "on >secret resetkeys -@all ~trunkline:channels:* +evalsha +eval +info +ping +client|id +client|setname +client|kill " +
      "+cluster|slots +asking +hget +hmget +hset +hsetnx +hdel +hgetall +pexpire +del";
    await server.command("ACL", "SETUSER", "app", ...rules.split(" "));
    for (const call of everyCall(registry)) await call;
    await registry.add(key, [news], farMs);
    await registry.hold(key, "one", farMs);
    expect(await registry.release(key, "one", farMs)).toBe(true);
  });

  it("a full Redis: nothing is added, and visitors can still leave and be forgotten", async () => {
    const server = await startServer();
    const registry = startRegistry({ url: server.url });
    await registry.add(key, [news], farMs);
    await registry.hold(key, "one", farMs);
    await server.command("CONFIG", "SET", "maxmemory", "1");
    for (const call of [registry.add(key, [chat], farMs), registry.add("ff", [chat], 1), registry.hold(key, "two", 1)])
      expect((await failureOf(call)).message).toContain("Redis is full");
    expect([await registry.read(key), await registry.read("ff")]).toEqual([[news], null]);
    await registry.renew([key], farMs);
    expect(await registry.release(key, "one", farMs)).toBe(true);
    await registry.remove(key, ["news"]);
    expect(await registry.read(key)).toEqual([]);
    await registry.drop(key);
    expect(await registry.read(key)).toBe(null);
  });

  it("a key that holds something else: unavailable, says to use another prefix, and leaves it alone", async () => {
    const server = await startServer();
    const registry = startRegistry({ url: server.url });
    const name = `trunkline:channels:${key}`;
    await server.command("SET", name, "mine");
    const calls = [
      registry.add(key, [news], farMs),
      registry.read(key),
      registry.hold(key, "one", farMs),
      registry.release(key, "one", farMs),
    ];
    for (const call of calls) expect((await failureOf(call)).message).toContain("use another prefix");
    expect(await server.command("GET", name)).toContain("mine");
    await server.command("DEL", name);
    await server.command("HSET", name, ":news", "mine");
    expect((await failureOf(registry.read(key))).message).toContain("use another prefix");
  });
});

describe("another primary", () => {
  it("Sentinels: after a failover the registry can be used again", async () => {
    const set = kept(await startSentinelSet());
    const registry = startRegistry({ url: set.url, whenAway: "wait", waitMs: 30_000 });
    await registry.add(key, [news], farMs);
    await until("the replica has it", async () => (await set.replica.command("DBSIZE")) === ":1\r\n");
    await set.primary.stop();
    expect(await registry.hold(key, "one", farMs)).toEqual([news]);
  }, 60_000);

  it("Cluster: a slot that moves is followed, before and after its keys have moved", async () => {
    const cluster = kept(await startRedisCluster());
    const registry = startRegistry({ url: cluster.url });
    const [from, to] = cluster.nodes as [RedisServer, RedisServer];
    // Of slot 3372, which belongs to the first node.
    const name = "trunkline:channels:0a1b";
    await registry.add("0a1b", [news], farMs);
    await registry.hold("0a1b", "one", farMs);
    const idOf = async (node: RedisServer): Promise<string> =>
      (await node.command("CLUSTER", "MYID")).split("\r\n")[1] as string;
    const [fromId, toId] = [await idOf(from), await idOf(to)];
    await to.command("CLUSTER", "SETSLOT", "3372", "IMPORTING", fromId);
    await from.command("CLUSTER", "SETSLOT", "3372", "MIGRATING", toId);
    expect(await registry.read("0a1b")).toEqual([news]);
    await from.command("MIGRATE", "127.0.0.1", String(to.port), name, "0", "5000");
    // The key is there, but the slot is not yet: the node that has it has to be asked.
    await registry.add("0a1b", [chat], farMs);
    await registry.renew(["0a1b"], farMs);
    await registry.remove("0a1b", ["news"]);
    expect(await registry.read("0a1b")).toEqual([chat]);
    for (const node of [to, from, ...cluster.nodes.slice(2)])
      await node.command("CLUSTER", "SETSLOT", "3372", "NODE", toId);
    expect(await registry.release("0a1b", "one", farMs)).toBe(true);
    expect(Number((await to.command("PTTL", name)).slice(1))).toBeGreaterThan(0);
    await registry.drop("0a1b");
    expect(await registry.read("0a1b")).toBe(null);
  }, 60_000);
});
