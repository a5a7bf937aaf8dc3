import { redisBroker } from "@trunkline/broker-redis";
import { type MakeBroker, brokerContract } from "@trunkline/gateway/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { type RedisCluster, type SentinelSet, startRedisCluster, startSentinelSet } from "../support/redis-sets.ts";

let single: RedisServer;
let cluster: RedisCluster;
let sentinels: SentinelSet;

beforeAll(async () => {
  [single, cluster, sentinels] = await Promise.all([startRedisServer(), startRedisCluster(), startSentinelSet()]);
}, 60_000);
afterAll(() => Promise.all([single.close(), cluster.close(), sentinels.close()]));

const brokerAt =
  (url: () => string): MakeBroker =>
  async ({ historyCount, maxStateKeys }) =>
    redisBroker({ url: url(), history: { count: historyCount }, state: { maxKeys: maxStateKeys } });

const framework = { describe, it, expect };
brokerContract(
  "single Redis",
  framework,
  brokerAt(() => single.url),
);
brokerContract(
  "Redis Cluster",
  framework,
  brokerAt(() => cluster.url),
);
brokerContract(
  "Redis behind Sentinels",
  framework,
  brokerAt(() => sentinels.url),
);
