import { setTimeout as sleep } from "node:timers/promises";
import { startRedisServer } from "../../test/support/redis-server.ts";
import { Stage, withGapsForAll } from "../world/stage.ts";
import type { Outcome, Scenario } from "./scenario.ts";
import { traffic } from "./traffic.ts";

export const redisWiped: Scenario = {
  name: "redis-wiped",
  about: "Redis is killed and comes back without its data: every client is told a gap",
  async run(run): Promise<Outcome> {
    const redis = await startRedisServer();
    run.ends.push(() => redis.close());
    const settings = { redis: { url: redis.url } };
    const plans = traffic(run, 20);
    const stage = await Stage.open(run, {
      clients: run.quick ? 20 : 1_000,
      plans,
      gateways: [settings, settings],
      inDoubt: "skip",
    });
    const publishing = stage.publish();
    await sleep(run.quick ? 1_000 : 8_000);
    await redis.stop();
    redis.wipe();
    run.say("Redis is dead, its data gone");
    await sleep(1_000);
    await redis.start();
    stage.healed();
    run.say("Redis is back");
    await publishing;
    return withGapsForAll(await stage.finish(), plans.length);
  },
};
