import { expect, it } from "vitest";
import { measurePresence } from "../../verify/presence/measure.ts";

// The small form of `npm run verify:presence`: what is right, not how fast.
it(
  "who is there is right after cut links and a killed gateway, and nobody is said to have left who did not",
  { timeout: 240_000 },
  async () => {
    const { returned, died, misses } = await measurePresence({ members: 24, leaseMs: 3000 });
    expect(misses).toEqual([]);
    expect(returned + died).toBeGreaterThan(0);
  },
);
