// Who leaves when, PROTOCOL §7.4. Pure.
import type { Dialect } from "./dialect.ts";

/** Connections a gateway takes back per second: what the reconnect spread is sized to. */
const returnsPerSecond = 800;

/** Milliseconds over which `connections` clients should come back; 0 for a lone one (PROTOCOL §7.3). */
export function spreadMsOf(connections: number): number {
  return Math.floor((Math.max(0, connections - 1) * 1000) / returnsPerSecond);
}

export interface DrainPlan {
  /** What `drain` says: clients leave by themselves within it. */
  readonly spreadMs: number;
  /** Milliseconds from now at which each connection is closed with 1001 if it is still there. */
  readonly leaveAtMs: readonly number[];
}

/**
 * Spreads goodbyes over `drainMs`. Plain and raw clients know no `drain`, so theirs begin at once; the others are given half the time
 * to leave by themselves first.
 */
export function planDrain(dialects: readonly Dialect[], drainMs: number): DrainPlan {
  const spreadMs = Math.min(Math.floor(drainMs / 2), spreadMsOf(dialects.length));
  const count = dialects.length;
  const leaveAtMs = dialects.map((dialect, index) => {
    const share = index / count;
    return dialect !== "v1" ? share * spreadMs : drainMs / 2 + (share * drainMs) / 2;
  });
  return { spreadMs, leaveAtMs };
}
