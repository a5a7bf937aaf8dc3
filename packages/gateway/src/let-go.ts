// Performs a drain, PROTOCOL §7.4.
import type { Clock } from "@trunkline/core/ports";
import { CloseCode } from "@trunkline/core/wire";
import { planDrain } from "./drain.ts";
import type { Hub } from "./hub/hub.ts";
import type { Roster } from "./roster.ts";

const goodbye = "the gateway is shutting down";
/** How often it is looked who has to leave, in milliseconds. */
const stepMs = 25;
/** How long sockets get to say goodbye after they were told, in milliseconds. */
const goodbyeMs = 1000;

/**
 * Asks everybody to leave, and closes each in its turn; who is still being fed from history once it has that, at the latest
 * after `drainMs`.
 * Afterwards no link is left.
 */
export async function letGo(roster: Roster, hub: Hub, clock: Clock, drainMs: number): Promise<void> {
  const sessions = [...roster.sessions];
  const plan = planDrain(
    sessions.map(({ dialect }) => dialect),
    drainMs,
  );
  for (const session of sessions) session.drain(plan.spreadMs);
  const startedAt = clock.now();
  for (;;) {
    const passed = clock.now() - startedAt;
    const late = passed >= drainMs;
    hub.flush();
    for (const [index, session] of sessions.entries()) {
      const due = late || (passed >= (plan.leaveAtMs[index] ?? 0) && !session.behind);
      if (due && !session.over) session.close(CloseCode.goingAway, goodbye);
    }
    if (late) break;
    const nobody = (): boolean => roster.sessions.length === 0;
    if (await roster.until(nobody, Math.min(stepMs, drainMs - passed))) break;
  }
  // Those who were on their way in when the doors closed.
  const { sessions: arriving } = roster;
  for (let index = arriving.length - 1; index >= 0; index--) arriving[index]?.close(CloseCode.goingAway, goodbye);
  await roster.until(() => roster.links.size === 0, goodbyeMs);
  for (const { link } of roster.links) link.terminate();
}
