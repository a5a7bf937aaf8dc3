import { redisBroker } from "@trunkline/broker-redis";
import { memoryBroker } from "@trunkline/gateway";
import { type MakeBroker, brokerContract } from "@trunkline/gateway/testing";
import { instrumentBroker } from "@trunkline/opentelemetry";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { recordTelemetry } from "../support/telemetry.ts";
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
const spanning = () => ({ tracerProvider: recordTelemetry().tracerProvider });
brokerContract(
  "single Redis",
  framework,
  brokerAt(() => single.url),
);
brokerContract("single Redis with spans", framework, async (options) =>
  instrumentBroker(await brokerAt(() => single.url)(options), spanning()),
);
brokerContract("memory with spans", framework, async ({ historyCount, maxStateKeys }) =>
  instrumentBroker(memoryBroker({ history: { count: historyCount }, state: { maxKeys: maxStateKeys } }), spanning()),
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
