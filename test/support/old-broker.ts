import { systemClock } from "@trunkline/core/clock";
import { memoryBroker } from "@trunkline/gateway";
import { onTestFinished } from "vitest";

/** A memory broker that has run for a minute: a young one can't say what became of attempts that may be older than it (PROTOCOL §8.6). */
export function oldBroker(): ReturnType<typeof memoryBroker> {
  let aheadMs = 0;
  const broker = memoryBroker({ clock: { ...systemClock, now: () => systemClock.now() + aheadMs } });
  aheadMs = 60_000;
  onTestFinished(() => broker.close());
  return broker;
}
