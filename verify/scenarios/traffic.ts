import type { StreamPlan } from "../world/publisher.ts";
import type { Run } from "./scenario.ts";

/** Three streams with both lines, `seconds` long: 120 log events per client in all. */
export function traffic({ quick }: Run, seconds: number): readonly StreamPlan[] {
  const events = quick ? 25 : 40;
  const everyMs = (quick ? 2_500 : seconds * 1_000) / events;
  return ["orders", "prices", "news"].map((channel) => ({ channel, events, changeEvery: 3, everyMs }));
}
