import { Random } from "../random.ts";
import type { Outcome, Scenario } from "./scenario.ts";

export interface RunOptions {
  readonly quick: boolean;
  readonly seed: number;
  /** Milliseconds after which the run has failed. */
  readonly withinMs: number;
  readonly say: (what: string) => void;
}

/** Runs one scenario in a world of its own, and ends that world, whatever happens. */
export async function runScenario(scenario: Scenario, { quick, seed, withinMs, say }: RunOptions): Promise<Outcome> {
  const ends: (() => Promise<unknown>)[] = [];
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      scenario.run({ quick, random: new Random(seed), say, ends }),
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${scenario.name}: not done within ${withinMs / 1000} s`)), withinMs);
      }),
    ]);
  } finally {
    clearTimeout(timer);
    for (const end of ends.reverse()) await end();
  }
}
