import { setTimeout as sleep } from "node:timers/promises";
import { startRedisServer } from "../../test/support/redis-server.ts";
import { Stage, withoutGaps } from "../world/stage.ts";
import type { Outcome, Scenario } from "./scenario.ts";
import { traffic } from "./traffic.ts";

export const redisKept: Scenario = {
  name: "redis-kept",
  about: "Redis, declared durable and writing every change to disk at once, is killed and comes back with its data",
  async run(run): Promise<Outcome> {
    const redis = await startRedisServer("--appendonly", "yes", "--appendfsync", "always");
    run.ends.push(() => redis.close());
    const settings = { redis: { url: redis.url, durable: true } };
    const stage = await Stage.open(run, {
      clients: run.quick ? 20 : 1_000,
      plans: traffic(run, 20),
      gateways: [settings, settings],
    });
    const publishing = stage.publish();
    await sleep(run.quick ? 1_000 : 8_000);
    await redis.stop();
    run.say("Redis is dead");
    await sleep(1_000);
    await redis.start();
    stage.healed();
    run.say("Redis is back");
    await publishing;
    return withoutGaps(await stage.finish());
  },
};
