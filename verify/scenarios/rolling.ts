import { setTimeout as sleep } from "node:timers/promises";
import { startRedisServer } from "../../test/support/redis-server.ts";
import { settle } from "../world/settle.ts";
import { Stage, withoutGaps } from "../world/stage.ts";
import type { Outcome, Scenario } from "./scenario.ts";
import { traffic } from "./traffic.ts";

export const rolling: Scenario = {
  name: "rolling",
  about: "SIGTERM for both gateways on one Redis, one after the other, each replaced",
  async run(run): Promise<Outcome> {
    const redis = await startRedisServer();
    run.ends.push(() => redis.close());
    const settings = { redis: { url: redis.url }, drainMs: run.quick ? 1_000 : 10_000 };
    const stage = await Stage.open(run, {
      clients: run.quick ? 50 : 5_000,
      plans: traffic(run, 50),
      gateways: [settings, settings],
    });
    const publishing = stage.publish();
    const misses: string[] = [];
    for (const index of [0, 1]) {
      await sleep(run.quick ? 300 : 6_000);
      const leaving = stage.gateways[index];
      const gone = leaving?.terminate();
      // The balancer notices a little later.
      await sleep(100);
      stage.door.route(...stage.gateways.filter((gateway) => gateway !== leaving).map(({ url }) => url));
      const code = await gone;
      if (code !== 0) misses.push(`a gateway ended with ${code}, expected 0`);
      await stage.replace(index, settings);
      stage.door.route(...stage.gateways.map(({ url }) => url));
      run.say(`gateway ${index + 1} of 2 is replaced`);
      await settle(stage.fleet, { quietMs: 0 });
    }
    await publishing;
    const outcome = withoutGaps(await stage.finish());
    return { ...outcome, misses: [...outcome.misses, ...misses] };
  },
};
