import { expect, it } from "vitest";
import { measureRevocations } from "../../verify/revocation/measure.ts";

// The small form of `npm run verify:revocation`: what is right, not how fast.
it("a revocation reaches every connection of two gateways, and nobody else", { timeout: 60_000 }, async () => {
  const { takenOffMs, endedMs, misses } = await measureRevocations({ clients: 20, rounds: 2 });
  expect(misses).toEqual([]);
  expect([takenOffMs.length, endedMs.length]).toEqual([2, 1]);
});
