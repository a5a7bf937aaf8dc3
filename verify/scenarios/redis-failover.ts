import { setTimeout as sleep } from "node:timers/promises";
import { startChaosProxy } from "../../test/support/chaos-proxy.ts";
import { startRedisServer } from "../../test/support/redis-server.ts";
import { until } from "../../test/support/until.ts";
import { Stage, withGapsForAll } from "../world/stage.ts";
import type { Outcome, Scenario } from "./scenario.ts";
import { traffic } from "./traffic.ts";

export const redisFailover: Scenario = {
  name: "redis-failover",
  about: "the primary dies, and the replica that takes its place misses writes that were acknowledged",
  async run(run): Promise<Outcome> {
    const primary = await startRedisServer();
    run.ends.push(() => primary.close());
    const replication = await startChaosProxy(`http://127.0.0.1:${primary.port}`);
    run.ends.push(() => replication.close());
    const replica = await startRedisServer("--replicaof", "127.0.0.1", new URL(replication.url).port);
    run.ends.push(() => replica.close());
    await until("the replica follows", async () =>
      (await replica.command("INFO", "replication")).includes("master_link_status:up"),
    );
    // The address that stays when the primary changes.
    const address = await startChaosProxy(`http://127.0.0.1:${primary.port}`);
    run.ends.push(() => address.close());
    const settings = { redis: { url: address.url.replace("http", "redis") } };
    const plans = traffic(run, 20);
    const stage = await Stage.open(run, {
      clients: run.quick ? 20 : 1_000,
      plans,
      gateways: [settings, settings],
      inDoubt: "skip",
    });
    const publishing = stage.publish();
    await sleep(run.quick ? 600 : 6_000);
    replication.freeze();
    const before = stage.publisher.accepted;
    await sleep(run.quick ? 600 : 3_000);
    const lost = stage.publisher.accepted - before;
    await primary.stop();
    run.say(`the primary is dead; ${lost} acknowledged writes are nowhere else`);
    await replica.command("REPLICAOF", "NO", "ONE");
    address.route(`http://127.0.0.1:${replica.port}`);
    address.reset();
    stage.healed();
    await publishing;
    const outcome = withGapsForAll(await stage.finish(), plans.length);
    return lost > 0
      ? outcome
      : { ...outcome, misses: [...outcome.misses, "nothing was lost: the scenario did not run"] };
  },
};
