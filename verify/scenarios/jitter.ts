import { setTimeout as sleep } from "node:timers/promises";
import { startChaosProxy } from "../../test/support/chaos-proxy.ts";
import { Fleet } from "../world/fleet.ts";
import { GatewayProcess } from "../world/gateway.ts";
import { Publisher, type StreamPlan } from "../world/publisher.ts";
import { settle } from "../world/settle.ts";
import { percentile } from "../percentile.ts";
import { returnsMs } from "../world/returns.ts";
import type { Outcome, Scenario } from "./scenario.ts";

/** From a new link to everything that was missed, for 99 of 100, in milliseconds. */
const replayTargetMs = 2_500;

export const jitter: Scenario = {
  name: "jitter",
  about: "every client's link is cut for about 2 s, again and again at random, while events go on",
  async run(run): Promise<Outcome> {
    const clients = run.quick ? 20 : 1_000;
    // How long a link stays cut, in milliseconds, about.
    const cutMs = run.quick ? 200 : 2_000;
    const plans: readonly StreamPlan[] = ["orders", "prices", "news"].map((channel) => ({
      channel,
      events: run.quick ? 20 : 40,
      changeEvery: 3,
      everyMs: run.quick ? 50 : 750,
    }));
    const gateway = await GatewayProcess.start();
    run.ends.push(() => gateway.kill());
    const proxies = await Promise.all(Array.from({ length: clients }, () => startChaosProxy(gateway.url)));
    run.ends.push(() => Promise.all(proxies.map((proxy) => proxy.close())));
    const fleet = await Fleet.start(
      proxies.map(({ url }) => url),
      { channels: plans.map(({ channel }) => channel), ...(run.quick && { backoffMs: 200 }) },
    );
    run.ends.push(() => fleet.end());
    run.say(`${clients} clients are connected`);

    const publisher = new Publisher({ urls: () => [gateway.url], random: run.random });
    let publishing = true;
    const heals: { readonly client: number; readonly at: number }[] = [];
    const cutting = proxies.map(async (proxy, client) => {
      await sleep(run.random.between(0, run.quick ? 500 : 10_000));
      while (publishing) {
        proxy.cut();
        await sleep(cutMs * run.random.between(0.75, 1.25));
        proxy.heal();
        heals.push({ client, at: performance.timeOrigin + performance.now() });
        await sleep(cutMs * run.random.between(3, 7));
      }
    });
    await publisher.run(plans);
    publishing = false;
    await Promise.all(cutting);
    const neverBack = await settle(fleet);
    const { account, replays } = await fleet.audit(publisher.receipts);
    const replaysMs = replays.map(({ connectedAt, caughtUpAt }) => caughtUpAt - connectedAt);
    const replayMs = Number(percentile(replaysMs, 0.99));
    return {
      clients,
      published: publisher.accepted,
      unknown: publisher.unknown,
      account,
      returnsMs: returnsMs(heals, replays),
      replaysMs,
      neverBack,
      misses: replayMs > replayTargetMs ? [`replay p99 ${replayMs} ms, expected at most ${replayTargetMs}`] : [],
      notes: [`${heals.length} cuts`],
    };
  },
};
