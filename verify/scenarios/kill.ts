import { setTimeout as sleep } from "node:timers/promises";
import { startRedisServer } from "../../test/support/redis-server.ts";
import { Stage, withoutGaps } from "../world/stage.ts";
import type { Outcome, Scenario } from "./scenario.ts";
import { traffic } from "./traffic.ts";

export const kill: Scenario = {
  name: "kill",
  about: "SIGKILL for one of two gateways on one Redis: its clients go on at the other one",
  async run(run): Promise<Outcome> {
    const redis = await startRedisServer();
    run.ends.push(() => redis.close());
    const settings = { redis: { url: redis.url } };
    const stage = await Stage.open(run, {
      clients: run.quick ? 20 : 1_000,
      plans: traffic(run, 20),
      gateways: [settings, settings],
    });
    const publishing = stage.publish();
    await sleep(run.quick ? 1_000 : 8_000);
    await stage.gateways[0]?.kill();
    stage.healed();
    run.say("one gateway is dead");
    await publishing;
    return withoutGaps(await stage.finish());
  },
};
