// What becomes of the Redis broker when Redis, or the way to it, fails.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type RedisBrokerOptions, redisBroker } from "@trunkline/broker-redis";
import type { Broker, Place, StreamName } from "@trunkline/core/ports";
import { afterEach, describe, expect, it } from "vitest";
import { Heard, failureOf, put } from "../support/broker-listener.ts";
import { type ChaosProxy, startChaosProxy } from "../support/chaos-proxy.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { startRedisCluster, startSentinelSet } from "../support/redis-sets.ts";
import { until } from "../support/until.ts";

const run = promisify(execFile);
const room = "acme/room" as StreamName;
const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  // Brokers first: they wait for what is under way.
  for (let last = open.pop(); last !== undefined; last = open.pop()) await last.close();
});

function kept<Resource extends { close(): Promise<unknown> }>(resource: Resource): Resource {
  open.push(resource);
  return resource;
}
const startServer = async (...options: readonly string[]): Promise<RedisServer> =>
  kept(await startRedisServer(...options));
const startBroker = (options: RedisBrokerOptions): Broker => kept(redisBroker(options));

/** A Redis, a proxy in front of it, a broker behind that. */
async function throughProxy(options: RedisBrokerOptions = {}) {
  const server = await startServer();
  const proxy = kept(await startChaosProxy(`http://127.0.0.1:${server.port}`));
  const broker = startBroker({ url: proxy.url.replace("http", "redis"), ...options });
  return { server, proxy, broker, direct: startBroker({ url: server.url }) };
}

/** From now on what is sent arrives and what is answered does not, until the connections are reset. */
async function swallowAnswers(proxy: ChaosProxy, broker: Broker): Promise<void> {
  await broker.heads([room]);
  proxy.slow(0.001);
  await broker.heads([room]);
}

describe("Redis is killed and started again", () => {
  it("P-40 delivery resumes, sessions hear of it, nothing crashes, and it is another epoch", async () => {
    const server = await startServer();
    const broker = startBroker({ url: server.url });
    const heard = new Heard();
    await broker.open(heard).subscribe(room);
    const before = await put(broker, room);
    await until("it came", () => heard.offsets.length === 1);
    const available = heard.available.length;
    await server.stop();
    await until("the session knows", () => heard.available.at(-1) === false);
    await until(
      "publishing fails at once",
      async () => (await failureOf(put(broker, room))).code === "gateway.unavailable",
    );
    await server.start();
    await until("the session knows", () => heard.available.at(-1) === true);
    expect(heard.available.slice(available)).toEqual([false, true]);
    await until("what it hears is in doubt", () => heard.doubts.includes(room));
    const after = await put(broker, room);
    await until("delivery resumes", () => heard.offsets.length === 2);
    expect(after.offset).toBe(1);
    expect(after.epoch).not.toBe(before.epoch);
  });

  it("with its data: another epoch unless it is durable, then everything goes on", async () => {
    const server = await startServer("--appendonly", "yes", "--appendfsync", "always");
    const [broker, durable] = [
      startBroker({ url: server.url }),
      startBroker({ url: server.url, prefix: "durable", durable: true }),
    ];
    const places = [await put(broker, room), await put(durable, room, { dedupeKey: "k" })];
    await server.stop();
    await server.start();
    await until("both are back", async () => {
      const asked = [broker.heads([room]), durable.heads([room])];
      return (await Promise.allSettled(asked)).every(({ status }) => status === "fulfilled");
    });
    const [[head], [durableHead]] = [await broker.heads([room]), await durable.heads([room])];
    expect(head).toMatchObject({ offset: 1, tag: places[0]?.tag });
    expect(head?.epoch).not.toBe(places[0]?.epoch);
    expect(durableHead).toEqual(places[1]);
    expect((await durable.read(room, { offset: 0 }, 10)).log.entries).toHaveLength(1);
    expect(await durable.append(room, { body: "{}", dedupeKey: "k", retryMs: 1000 })).toMatchObject({
      kind: "duplicate",
    });
  });

  it("without its data a stream declared durable is born again: another epoch", async () => {
    const server = await startServer();
    const broker = startBroker({ url: server.url, durable: true, whenAway: "wait" });
    const before = await put(broker, room);
    await server.stop();
    await server.start();
    const after = await putAgain(broker, room);
    expect(after.offset).toBe(1);
    expect(after.epoch).not.toBe(before.epoch);
  });

  it("a repetition whose first attempt was before that is unknown, not a double", async () => {
    const server = await startServer("--appendonly", "yes", "--appendfsync", "always");
    const broker = startBroker({ url: server.url, whenAway: "wait" });
    await put(broker, room);
    await server.stop();
    await server.start();
    await putAgain(broker, room);
    const repetition = { body: "{}", dedupeKey: "lost", retryMs: 60_000 };
    expect(await broker.append(room, repetition)).toEqual({ kind: "unknown" });
    expect(await broker.append(room, { ...repetition, retryMs: 0 })).toMatchObject({ kind: "appended" });
  });

  it("flushed while it runs: readers are told doubt, and it is another epoch", async () => {
    const server = await startServer();
    const broker = startBroker({ url: server.url });
    const heard = new Heard();
    await broker.open(heard).subscribe(room);
    const before = await put(broker, room);
    await server.command("FLUSHALL");
    await server.command("SCRIPT", "FLUSH");
    const after = await put(broker, room);
    await until("both came", () => heard.offsets.length === 2);
    expect([before.offset, after.offset]).toEqual([1, 1]);
    expect(after.epoch).not.toBe(before.epoch);
    expect(heard.doubts).toEqual([room]);
  });
});

describe("Redis is away", () => {
  it("reject: a publish fails at once and says so; nothing is stored later", async () => {
    const { proxy, broker, direct } = await throughProxy();
    await put(broker, room);
    proxy.cut();
    await until("it is noticed", async () => (await failureOf(put(broker, room))).code === "gateway.unavailable");
    expect((await failureOf(broker.broadcast(room, "{}"))).message).toContain("Redis can't be used just now");
    expect((await failureOf(broker.read(room, { offset: 0 }, 1))).code).toBe("gateway.unavailable");
    expect((await failureOf(broker.open(new Heard()).subscribe("acme/other" as StreamName))).code).toBe(
      "gateway.unavailable",
    );
    proxy.heal();
    await until("it is back", async () => (await failureOf(put(broker, room))).code === "none");
    expect((await direct.heads([room]))[0]?.offset).toBe(2);
  });

  it("wait: a publish waits and keeps its order; after waitMs it fails and was not stored", async () => {
    const { proxy, broker, direct } = await throughProxy({ whenAway: "wait", waitMs: 20_000 });
    await put(broker, room);
    proxy.cut();
    const waiting = [1, 2, 3].map((n) => put(broker, room, { body: `{"n":${n}}` }));
    proxy.heal();
    expect((await Promise.all(waiting)).map(({ offset }) => offset)).toEqual([2, 3, 4]);
    const short = startBroker({ url: "redis://127.0.0.1:1", whenAway: "wait", waitMs: 100 });
    expect((await failureOf(put(short, room))).code).toBe("gateway.unavailable");
    expect((await direct.heads([room]))[0]?.offset).toBe(4);
  });

  it("a gateway that starts before its Redis gets there by itself", async () => {
    const { server, broker } = await (async () => {
      const started = await startServer();
      await started.stop();
      return { server: started, broker: startBroker({ url: started.url }) };
    })();
    const heard = new Heard();
    broker.open(heard);
    await until("the session knows", () => heard.available.length > 0);
    await server.start();
    await until("it is there", () => heard.available.at(-1) === true);
    expect(heard.available).toEqual([false, true]);
    expect((await put(broker, room)).offset).toBe(1);
  });

  it("back-pressure: more than maxPending appends waiting fail at once, the others are stored", async () => {
    const server = await startServer();
    const broker = startBroker({ url: server.url, maxPending: 10 });
    await put(broker, room);
    server.signal("SIGSTOP");
    const waiting = Array.from({ length: 10 }, () => put(broker, room));
    expect((await failureOf(put(broker, room))).message).toContain("maxPending");
    server.signal("SIGCONT");
    expect((await Promise.all(waiting)).at(-1)?.offset).toBe(11);
  });
});

describe("the connection is lost while events are being stored", () => {
  it.each(["reject", "wait"] as const)(
    "%s: what was stored is found by its tags and answered with its places, once",
    async (whenAway) => {
      const { proxy, broker, direct } = await throughProxy({ whenAway });
      await put(broker, room);
      await swallowAnswers(proxy, broker);
      const appended = [1, 2, 3].map((n) => put(broker, room, { body: `{"n":${n}}` }));
      const changed = put(broker, "acme/state" as StreamName, { state: { key: "k", deleted: false } });
      await until("they are stored", async () => {
        const [head, state] = await direct.heads([room, "acme/state" as StreamName]);
        return head?.offset === 4 && state?.state?.revision === 1;
      });
      proxy.heal();
      proxy.reset();
      expect((await Promise.all(appended)).map(({ offset }) => offset)).toEqual([2, 3, 4]);
      expect((await changed).offset).toBe(1);
      expect((await direct.heads([room]))[0]?.offset).toBe(4);
    },
  );

  it("reject: what never arrived fails as unavailable, and is not stored later", async () => {
    const { proxy, broker, direct } = await throughProxy();
    await put(broker, room);
    proxy.freeze();
    const appended = failureOf(put(broker, room));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    proxy.heal();
    proxy.reset();
    const { code } = await appended;
    await put(direct, room);
    const { entries } = (await direct.read(room, { offset: 0 }, 10)).log;
    // What the proxy still took along before the reset was stored, and answered as such.
    expect([code, entries.length]).toEqual(entries.length === 2 ? ["gateway.unavailable", 2] : ["none", 3]);
  });

  it("wait: what never arrived is sent again, stored once and in order", async () => {
    const { proxy, broker, direct } = await throughProxy({ whenAway: "wait", waitMs: 20_000 });
    await put(broker, room);
    for (let round = 0; round < 20; round++) {
      const appends = Array.from({ length: 20 }, (_, n) => put(broker, room, { body: `{"n":${round * 20 + n}}` }));
      if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      proxy.reset();
      await Promise.all(appends);
    }
    const { entries } = (await direct.read(room, { offset: 1 }, 1000)).log;
    expect(entries.map(({ body }) => body)).toEqual(Array.from({ length: 400 }, (_, n) => `{"n":${n}}`));
  });

  it("after a restart that may have lost it, its outcome is unknown", async () => {
    const { server, proxy, broker } = await throughProxy();
    await put(broker, room);
    await swallowAnswers(proxy, broker);
    const appended = failureOf(put(broker, room));
    await until("it is stored", async () => (await server.command("XLEN", "{trunkline:acme/room}:log")) === ":2\r\n");
    await server.stop();
    await server.start();
    proxy.heal();
    proxy.reset();
    expect((await appended).code).toBe("gateway.outcome-unknown");
  });

  it("readers on a link that was cut are told doubt once it is back, and hear on", async () => {
    const { proxy, broker, direct } = await throughProxy();
    const heard = new Heard();
    await broker.open(heard).subscribe(room);
    await put(direct, room);
    await until("it came", () => heard.offsets.length === 1);
    proxy.cut();
    await put(direct, room);
    proxy.heal();
    await until("what it hears is in doubt", () => heard.doubts.includes(room));
    await put(direct, room);
    await until("it hears on", () => heard.offsets.at(-1) === 3);
    expect(heard.offsets).toEqual([1, 3]);
  });
});

describe("Redis refuses", () => {
  it("a wrong password: unavailable, said once, never shown; right once it is changed", async () => {
    const server = await startServer("--requirepass", "right-password");
    const lines: string[] = [];
    const note = (message: string, fields?: object): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
    const logger = { debug: note, info: note, warn: note, error: note };
    const broker = startBroker({ url: server.url, password: "wrong-password", logger });
    const failure = await failureOf(put(broker, room));
    expect(failure).toMatchObject({ code: "gateway.unavailable" });
    expect(failure.message).toContain("refused the user name or password");
    const none = startBroker({ url: server.url });
    expect((await failureOf(put(none, room))).message).toContain("asks for a password");
    const right = startBroker({ url: server.url, password: "right-password" });
    expect((await put(right, room)).offset).toBe(1);
    await until("it was tried a few times", async () => {
      const stats = await cli(server, "INFO", "stats");
      return Number(/total_connections_received:(\d+)/.exec(stats)?.[1]) > 12;
    });
    expect(lines.filter((line) => line.includes("password"))).toHaveLength(1);
    expect(lines.join()).not.toContain("wrong-password");
  });

  it("a user without the permission: unavailable, and says what is missing", async () => {
    const server = await startServer();
    await server.command("ACL", "SETUSER", "app", "on", ">secret", "~other*", "&*", "+@all");
    const broker = startBroker({ url: server.url, username: "app", password: "secret" });
    expect((await failureOf(put(broker, room))).message).toContain("lacks a permission");
    await server.command("ACL", "SETUSER", "app", "~{trunkline:*");
    expect((await put(broker, room)).offset).toBe(1);
  });

  it("the permissions of the README are enough", async () => {
    const server = await startServer();
    const rules =
      "on >secret ~{trunkline:* &{trunkline:* +evalsha +eval +publish +spublish +subscribe +ssubscribe +unsubscribe +sunsubscribe " +
      "+info +ping +client|id +client|setname +client|kill +cluster|slots +asking +time +hmget +hset +hget +hdel +hexists +pexpire +exists " +
      "+del +xadd +xrange +xtrim +zadd +zrem +zcard +zcount +zrange +zrangebyscore +get +set";
    await server.command("ACL", "SETUSER", "app", ...rules.split(" "));
    const broker = startBroker({ url: server.url, username: "app", password: "secret", history: { count: 1 } });
    const heard = new Heard();
    const session = broker.open(heard);
    await session.subscribe(room);
    for (const deleted of [false, true]) await put(broker, room, { state: { key: "k", deleted } });
    for (let n = 0; n < 3; n++) await put(broker, room, { dedupeKey: `k${n}` });
    await broker.broadcast(room, "{}");
    await until("all came", () => heard.entries.length === 5 && heard.volatile.length === 1);
    expect((await broker.read(room, { offset: 2, revision: 0 }, 10)).log.entries).toHaveLength(1);
    await session.unsubscribe(room);
  });

  it("a read-only replica: unavailable until it is the primary", async () => {
    const server = await startServer();
    const broker = startBroker({ url: server.url });
    await put(broker, room);
    await server.command("REPLICAOF", "127.0.0.1", "1");
    expect((await failureOf(put(broker, room))).message).toContain("read-only replica");
    await server.command("REPLICAOF", "NO", "ONE");
    await until("it is found", async () => (await failureOf(put(broker, room))).code === "none");
  });

  it("a full Redis: unavailable, says so, and stored nothing; readers read on", async () => {
    const server = await startServer();
    const broker = startBroker({ url: server.url });
    await put(broker, room);
    await server.command("CONFIG", "SET", "maxmemory", "1");
    const failure = await failureOf(put(broker, room, { dedupeKey: "k" }));
    expect([failure.code, failure.message]).toEqual(["gateway.unavailable", expect.stringContaining("Redis is full")]);
    expect((await failureOf(put(broker, "acme/new" as StreamName))).message).toContain("Redis is full");
    expect((await broker.read(room, { offset: 0 }, 10)).log.entries).toHaveLength(1);
    await server.command("CONFIG", "SET", "maxmemory", "0");
    expect(await broker.append(room, { body: "{}", dedupeKey: "k" })).toMatchObject({
      kind: "appended",
      position: { offset: 2 },
    });
  });

  it("a key that holds something else: unavailable, and says to use another prefix", async () => {
    const server = await startServer();
    await server.command("SET", "{trunkline:acme/room}:meta", "mine");
    const broker = startBroker({ url: server.url });
    expect((await failureOf(put(broker, room))).message).toContain("use another prefix");
    expect(await server.command("GET", "{trunkline:acme/room}:meta")).toContain("mine");
  });
});

describe("another primary", () => {
  it("Sentinels: after a failover publishing and delivery go on, under another epoch", async () => {
    const set = kept(await startSentinelSet());
    const broker = startBroker({ url: set.url, whenAway: "wait", waitMs: 30_000 });
    const heard = new Heard();
    await broker.open(heard).subscribe(room);
    const before = await put(broker, room);
    await set.primary.stop();
    const after = await putAgain(broker, room);
    expect(after.epoch).not.toBe(before.epoch);
    // What was published before it listened there is told as doubt.
    await until("it is in doubt", () => heard.doubts.includes(room));
    const last = await put(broker, room);
    await until("delivery goes on", () => heard.entries.some(({ tag }) => tag === last.tag));
  }, 60_000);

  it("Cluster: after a failover publishing and delivery go on, under another epoch", async () => {
    const cluster = kept(await startRedisCluster(1));
    const broker = startBroker({ url: cluster.url, whenAway: "wait", waitMs: 30_000 });
    const streams = Array.from({ length: 30 }, (_, n) => `acme/${n}` as StreamName);
    const heard = new Heard();
    const session = broker.open(heard);
    for (const stream of streams) await session.subscribe(stream);
    const before = await Promise.all(streams.map((stream) => put(broker, stream)));
    await until("all came", () => heard.entries.length === 30);
    await cluster.nodes[0]?.stop();
    const after = await Promise.all(streams.map((stream) => putAgain(broker, stream)));
    const moved = after.filter(({ epoch }, index) => epoch !== before[index]?.epoch);
    expect(moved.length).toBeGreaterThan(0);
    expect(moved.length).toBeLessThan(30);
    await until("those are in doubt", () => heard.doubts.length >= moved.length);
    const last = await Promise.all(streams.map((stream) => put(broker, stream)));
    await until("delivery goes on", () => last.every(({ tag }) => heard.entries.some((entry) => entry.tag === tag)));
  }, 60_000);

  it("Cluster: a slot that moves is followed, by publishers and by readers", async () => {
    const cluster = kept(await startRedisCluster());
    const broker = startBroker({ url: cluster.url });
    const heard = new Heard();
    await broker.open(heard).subscribe(room);
    const before = await put(broker, room);
    await until("it came", () => heard.entries.length === 1);
    // Slot 4103 belongs to the first node.
    const [from, to] = cluster.nodes as [RedisServer, RedisServer];
    const idOf = async (node: RedisServer): Promise<string> =>
      (await node.command("CLUSTER", "MYID")).split("\r\n")[1] as string;
    const [fromId, toId] = [await idOf(from), await idOf(to)];
    await to.command("CLUSTER", "SETSLOT", "4103", "IMPORTING", fromId);
    await from.command("CLUSTER", "SETSLOT", "4103", "MIGRATING", toId);
    const keys = (await from.command("CLUSTER", "GETKEYSINSLOT", "4103", "10")).match(/\{.*/g) as string[];
    await from.command(
      "MIGRATE",
      "127.0.0.1",
      String(to.port),
      "",
      "0",
      "5000",
      "KEYS",
      ...keys.map((key) => key.trim()),
    );
    // All its keys are there, but the slot is not yet: the node that has it has to be asked.
    expect((await put(broker, room)).offset).toBe(2);
    for (const node of [to, from, ...cluster.nodes.slice(2)])
      await node.command("CLUSTER", "SETSLOT", "4103", "NODE", toId);
    const after = await put(broker, room);
    expect(after).toMatchObject({ offset: 3 });
    expect(after.epoch).not.toBe(before.epoch);
    await until("it is in doubt", () => heard.doubts.includes(room));
    const last = await put(broker, room);
    await until("delivery goes on", () => heard.entries.some(({ tag }) => tag === last.tag));
  }, 60_000);
});

/** Appends until it is taken: what was under way when a process was killed may be unknown. */
async function putAgain(broker: Broker, stream: StreamName): Promise<Place> {
  for (let tries = 0; ; tries++) {
    try {
      return await put(broker, stream);
    } catch (error) {
      if (tries === 3) throw error;
    }
  }
}

/** `redis-cli` for a server that asks for a password. */
async function cli(server: RedisServer, ...parts: readonly string[]): Promise<string> {
  const args = ["-p", String(server.port), "-a", "right-password", "--no-auth-warning", ...parts];
  return (await run("redis-cli", args)).stdout;
}
