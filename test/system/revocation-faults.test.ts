// Revocations while a gateway is cut off from the Redis that it shares, or while that Redis loses what it had.
import { redisBroker } from "@trunkline/broker-redis";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { type ChaosProxy, startChaosProxy } from "../support/chaos-proxy.ts";
import { connectV1 } from "../support/frame-client.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { type StartedGateway, startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.close());

let prefixes = 0;

interface Pair {
  readonly near: StartedGateway;
  /** Behind a proxy. */
  readonly far: StartedGateway;
  readonly proxy: ChaosProxy;
}

async function pair(redis: RedisServer, history: { readonly count?: number } = {}): Promise<Pair> {
  const proxy = await startChaosProxy(`http://127.0.0.1:${redis.port}`);
  onTestFinished(() => proxy.close());
  const prefix = `faults${prefixes++}`;
  const on = async (url: string): Promise<StartedGateway> => {
    const broker = redisBroker({ url, prefix, history });
    onTestFinished(() => broker.close());
    return startGateway({ broker, heartbeatMs: 200 });
  };
  return { near: await on(redis.url), far: await on(proxy.url.replace("http", "redis")), proxy };
}

const account = { account: "acme" };
const token = testKeys.acme;

it("a gateway that was cut off does what was said meanwhile, once it is back", async () => {
  const { near, far, proxy } = await pair(server);
  const [meant, other] = [
    await connectV1(far.socketUrl, { token }),
    await connectV1(far.socketUrl, { token: testKeys.globex }),
  ];
  proxy.cut();
  await near.gateway.disconnect(account);
  await expect(far.gateway.disconnect({ account: "nobody" })).rejects.toMatchObject({
    code: expect.stringMatching(/^gateway\.(unavailable|outcome-unknown)$/),
  });
  proxy.heal();
  expect((await meant.end()).code).toBe(4401);
  await until("it can be told again", () =>
    far.gateway.disconnect({ account: "nobody" }).then(
      () => true,
      () => false,
    ),
  );
  expect(other.ended).toBeNull();
});

it("one that missed more than the broker keeps has everybody come back", async () => {
  const { near, far, proxy } = await pair(server, { count: 2 });
  const [meant, other] = [
    await connectV1(far.socketUrl, { token }),
    await connectV1(far.socketUrl, { token: testKeys.globex }),
  ];
  proxy.cut();
  await near.gateway.disconnect(account);
  for (let more = 0; more < 5; more++) await near.gateway.disconnect({ account: "nobody" });
  proxy.heal();
  for (const client of [meant, other]) expect((await client.end()).code).toBe(1013);
});

it("what a Redis lost before all had heard it is said again to the one that comes after it", async () => {
  const redis = await startRedisServer();
  onTestFinished(() => redis.close());
  const { near, far, proxy } = await pair(redis);
  const [meant, other] = [
    await connectV1(far.socketUrl, { token }),
    await connectV1(far.socketUrl, { token: testKeys.globex }),
  ];
  proxy.cut();
  await near.gateway.disconnect(account);
  await redis.stop();
  redis.wipe();
  await redis.start();
  proxy.heal();
  expect((await meant.end()).code).toBe(4401);
  expect(other.ended).toBeNull();
});

it("R-01 each channel and the control line are one subscription of a gateway, however many connections there are", async () => {
  const { near } = await pair(server);
  const prefix = `faults${prefixes - 1}`;
  await Promise.all(Array.from({ length: 30 }, () => connectV1(near.socketUrl, { token })));
  await near.gateway.disconnect({ account: "nobody" });
  const list = await server.command("PUBSUB", "SHARDCHANNELS", `*${prefix}*`);
  const plain = await server.command("PUBSUB", "CHANNELS", `*${prefix}*`);
  const names = `${list}${plain}`.split("\r\n").filter((line) => line.includes(prefix));
  expect(names.filter((name) => name.includes("account.acme"))).toHaveLength(1);
  expect(names.filter((name) => name.includes("~gateway/control"))).toHaveLength(1);
  expect(near.gateway.stats()).toMatchObject({ connections: 30, channels: 1 });
});
