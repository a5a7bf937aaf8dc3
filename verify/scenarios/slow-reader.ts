import { startChaosProxy } from "../../test/support/chaos-proxy.ts";
import { Stage } from "../world/stage.ts";
import type { Outcome, Scenario } from "./scenario.ts";
import { traffic } from "./traffic.ts";

/** Characters of each event of the broad stream. */
const padding = 16_000;
const perSecond = 50;
/** What a connection may leave unread (PROTOCOL §9), and what all of the gateway may grow by meanwhile. */
const unreadBytes = 1_048_576;
const residentMiB = 256;

export const slowReader: Scenario = {
  name: "slow-reader",
  about: "one reader takes a tenth of what its streams bring, among many that keep up, and then catches up",
  async run(run): Promise<Outcome> {
    const seconds = run.quick ? 8 : 40;
    const narrow = traffic(run, seconds);
    // Far more than what sockets and the budget hold.
    const broad = {
      channel: "broad",
      events: seconds * perSecond,
      changeEvery: 5,
      everyMs: 1_000 / perSecond,
      padding,
    };
    const stage = await Stage.open(run, { clients: run.quick ? 20 : 1_000, plans: narrow, gateways: [{}] });
    const [gateway] = stage.gateways;
    if (gateway === undefined) throw new Error("slow-reader: expected a gateway, got none");
    const way = await startChaosProxy(gateway.url);
    run.ends.push(() => way.close());
    await stage.join([way.url, ...Array<string>(9).fill(gateway.url)], [...narrow, broad]);

    const before = await gateway.condition();
    way.slow((padding * perSecond) / 10);
    await stage.publish();
    const during = await gateway.condition();
    way.heal();
    const outcome = await stage.finish();
    const grownMiB = Math.round((during.mostResidentBytes - before.mostResidentBytes) / 1_048_576);
    const misses = [...outcome.misses];
    if (during.lagging === 0) misses.push("nobody fell behind: the scenario did not run");
    if (during.mostUnreadBytes > unreadBytes)
      misses.push(`${during.mostUnreadBytes} bytes unread on one socket, expected at most ${unreadBytes}`);
    if (grownMiB > residentMiB) misses.push(`${grownMiB} MiB more memory, expected at most ${residentMiB}`);
    const note = `fell behind ${during.lagging} times; at most ${during.mostUnreadBytes} bytes unread; ${grownMiB} MiB more memory`;
    return { ...outcome, misses, notes: [...outcome.notes, note] };
  },
};
