import { setTimeout as sleep } from "node:timers/promises";
import type { Fleet } from "./fleet.ts";

/**
 * Resolves once every client is connected and nothing has come to any of them for `quietMs`; after `withinMs` all the same.
 * How many are not connected.
 */
export async function settle(fleet: Fleet, { quietMs = 1_500, withinMs = 120_000 } = {}): Promise<number> {
  const until = performance.now() + withinMs;
  let last = -1;
  let since = performance.now();
  for (;;) {
    const { entries, connected } = await fleet.progress();
    const now = performance.now();
    if (entries !== last || connected < fleet.size) since = now;
    last = entries;
    if (now - since >= quietMs || now > until) return fleet.size - connected;
    await sleep(100);
  }
}
