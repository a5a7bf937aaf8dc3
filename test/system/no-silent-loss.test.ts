import { randomInt } from "node:crypto";
import { expect, it } from "vitest";
import { missesOf } from "../../verify/report.ts";
import { runScenario } from "../../verify/scenarios/run-scenario.ts";
import { scenarios } from "../../verify/scenarios/index.ts";

// The small form of `npm run verify:loss`: the same worlds of real processes, with few clients.
it.concurrent.each(scenarios.map((scenario) => [scenario.name, scenario.about, scenario] as const))(
  "§1 nothing is lost in silence, comes twice or out of order: %s (%s)",
  { timeout: 120_000 },
  async (_name, _about, scenario) => {
    const seed = randomInt(2 ** 31);
    const outcome = await runScenario(scenario, { quick: true, seed, withinMs: 100_000, say: () => {} });
    expect(missesOf(outcome), `seed ${seed}`).toEqual([]);
  },
);
