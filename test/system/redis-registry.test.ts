// The registry on Redis: its contract, and several gateways that share it.
import { randomBytes } from "node:crypto";
import { redisRegistry } from "@trunkline/broker-redis";
import type { Registered, Registry } from "@trunkline/core/ports";
import { registryContract } from "@trunkline/gateway/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { type RedisCluster, type SentinelSet, startRedisCluster, startSentinelSet } from "../support/redis-sets.ts";
import { playRegistry, registryMoves } from "../support/registry-model.ts";
import { until } from "../support/until.ts";

let single: RedisServer;
let cluster: RedisCluster;
let sentinels: SentinelSet;

beforeAll(async () => {
  [single, cluster, sentinels] = await Promise.all([startRedisServer(), startRedisCluster(), startSentinelSet()]);
}, 60_000);
afterAll(() => Promise.all([single.close(), cluster.close(), sentinels.close()]));

const framework = { describe, it, expect };
registryContract("P-27 single Redis", framework, async () => ({ registry: redisRegistry({ url: single.url }) }));
registryContract("P-27 Redis Cluster", framework, async () => ({ registry: redisRegistry({ url: cluster.url }) }));
registryContract("P-27 Redis behind Sentinels", framework, async () => ({
  registry: redisRegistry({ url: sentinels.url }),
}));

const farMs = 3_600_000;
const newKey = (): string => randomBytes(32).toString("hex");
const news: Registered = { channel: "news", position: { epoch: "e", offset: 1, tag: "t" } };
const chat: Registered = { channel: "chat", position: null };

/** Two gateways' registries. */
async function withTwo(body: (one: Registry, two: Registry) => Promise<void>, url = single.url): Promise<void> {
  const [one, two] = [redisRegistry({ url }), redisRegistry({ url })];
  try {
    await body(one, two);
  } finally {
    await Promise.all([one.close(), two.close()]);
  }
}

describe("registries on one Redis", () => {
  it("P-27 any calls, in any order, by one and the other, are answered as the port says", () =>
    withTwo((one, two) =>
      fc.assert(
        fc.asyncProperty(registryMoves, async (moves) => {
          let turn = 0;
          const either = new Proxy(one, {
            get: (_, name: keyof Registry) => {
              const registry = turn++ % 2 === 0 ? one : two;
              const member = registry[name];
              return typeof member === "function" ? member.bind(registry) : member;
            },
          });
          await playRegistry(either, moves, [newKey(), newKey(), newKey()], null);
        }),
        { numRuns: 40 },
      ),
    ));

  it("P-27 what two add at the same time is all there, each channel once, with the position of one of them", () =>
    withTwo(async (one, two) => {
      const key = newKey();
      const rooms = Array.from({ length: 100 }, (_, n) => `room-${n}`);
      const at = (channel: string, offset: number): Registered => ({
        channel,
        position: { epoch: "e", offset, tag: "t" },
      });
      await Promise.all(
        rooms.flatMap((room) => [one.add(key, [at(room, 1)], farMs), two.add(key, [at(room, 2)], farMs)]),
      );
      const read = (await one.read(key)) ?? [];
      expect(read.map(({ channel }) => channel).sort()).toEqual([...rooms].sort());
      expect(read.every(({ position }) => position?.offset === 1 || position?.offset === 2)).toBe(true);
      expect(await two.read(key)).toEqual(read);
    }));

  it("P-33 a socket at the other gateway takes over, and the first one's end changes nothing", () =>
    withTwo(async (one, two) => {
      const key = newKey();
      await one.add(key, [news], farMs);
      expect(await one.hold(key, "socket A", farMs)).toEqual([news]);
      expect(await two.hold(key, "socket B", farMs)).toEqual([news]);
      expect(await one.release(key, "socket A", 1)).toBe(false);
      await one.add(key, [chat], farMs);
      expect(await two.read(key)).toEqual([news, chat]);
      expect(await two.release(key, "socket B", farMs)).toBe(true);
    }));

  it("P-32 a gateway that dies leaves a key behind that ends by itself", async () => {
    const key = newKey();
    const dead = redisRegistry({ url: single.url });
    await dead.add(key, [news], farMs);
    await dead.hold(key, "socket", 50);
    await dead.close();
    await withTwo(async (one) => {
      await until("it has ended", async () => (await one.read(key)) === null);
    });
  });

  it("P-27 R-20 its keys begin with trunkline:channels, or the prefix that is given; none is left without an end", async () => {
    const server = await startRedisServer();
    const registries = [redisRegistry({ url: server.url }), redisRegistry({ url: server.url, prefix: "other" })];
    const key = newKey();
    for (const registry of registries) {
      await registry.add(key, [news], farMs);
      await registry.remove(key, ["news"]);
      await registry.hold(key, "one", farMs);
      await registry.release(key, "one", farMs);
      await registry.renew([key, newKey()], farMs);
      await registry.hold(newKey(), "one", farMs);
      await registry.remove(newKey(), ["news"]);
      await registry.release(newKey(), "one", farMs);
    }
    const names = [`other:${key}`, `trunkline:channels:${key}`];
    expect((await server.command("KEYS", "*")).match(/\S+:\S+/g)?.sort()).toEqual(names);
    for (const name of names) {
      const left = Number((await server.command("PTTL", name)).slice(1));
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThanOrEqual(farMs);
    }
    for (const registry of registries) {
      await registry.drop(key);
      await registry.close();
    }
    expect(await server.command("DBSIZE")).toBe(":0\r\n");
    await server.close();
  });
});
