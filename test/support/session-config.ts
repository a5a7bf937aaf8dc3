import type { SessionConfig } from "../../packages/gateway/src/session-state.ts";

/** Small limits, so that a test reaches them. */
export const sessionConfig: SessionConfig = {
  greetTimeoutMs: 10_000,
  heartbeatMs: 25_000,
  frameBytes: 65_536,
  subscriptions: 3,
  rate: 100,
  burst: 200,
  canSubscribe: true,
  pendingPublishes: 2,
};
