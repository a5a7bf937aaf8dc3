import { setTimeout as sleep } from "node:timers/promises";
import { startChaosProxy } from "../../test/support/chaos-proxy.ts";
import { startRedisServer } from "../../test/support/redis-server.ts";
import { Stage, withoutGaps } from "../world/stage.ts";
import type { Outcome, Scenario } from "./scenario.ts";
import { traffic } from "./traffic.ts";

export const redisCut: Scenario = {
  name: "redis-cut",
  about: "one gateway's links to Redis are cut for 5 s, then silent for 5 s, while the other one goes on",
  async run(run): Promise<Outcome> {
    const redis = await startRedisServer();
    run.ends.push(() => redis.close());
    const way = await startChaosProxy(`http://127.0.0.1:${redis.port}`);
    run.ends.push(() => way.close());
    const stage = await Stage.open(run, {
      clients: run.quick ? 20 : 1_000,
      plans: traffic(run, 30),
      gateways: [{ redis: { url: way.url.replace("http", "redis") } }, { redis: { url: redis.url } }],
    });
    const awayMs = run.quick ? 500 : 5_000;
    const publishing = stage.publish();
    await sleep(awayMs);
    way.cut();
    run.say("cut off");
    await sleep(awayMs);
    way.heal();
    stage.healed();
    await sleep(awayMs);
    way.freeze();
    run.say("silent");
    await sleep(awayMs);
    way.heal();
    stage.healed();
    await publishing;
    return withoutGaps(await stage.finish());
  },
};
