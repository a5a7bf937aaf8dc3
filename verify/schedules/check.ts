import fc from "fast-check";
import { isClean } from "../ledger/ledger.ts";
import { type Happening, happenings, World } from "./world.ts";

const kinds = Object.entries(happenings).map(([kind, weight]) => ({
  arbitrary: fc.constant(kind as keyof typeof happenings),
  weight,
}));

const schedules: fc.Arbitrary<readonly Happening[]> = fc.array(fc.tuple(fc.oneof(...kinds), fc.nat(7)), {
  minLength: 1,
  maxLength: 50,
  size: "max",
});

export interface Checked {
  readonly runs: number;
  readonly seed: number;
  /** What was found, with the smallest schedule that shows it; null: nothing. */
  readonly failure: string | null;
}

/** Lets `runs` random schedules happen and looks for one after which the books don't balance. */
export async function checkSchedules(runs: number, seed: number): Promise<Checked> {
  const property = fc.asyncProperty(schedules, async (schedule) => {
    const account = await new World().run(schedule);
    if (!isClean(account)) throw new Error(account.findings.join("\n"));
  });
  const details = await fc.check(property, { numRuns: runs, seed, endOnFailure: false });
  return { runs: details.numRuns, seed, failure: details.failed ? report(details) : null };
}

function report({ counterexample, errorInstance }: fc.RunDetails<[readonly Happening[]]>): string {
  const why = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return `${why}\nafter ${JSON.stringify(counterexample?.[0])}`;
}
