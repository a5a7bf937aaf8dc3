// `npm run verify:schedules -- [--runs N] [--seed N]`: random schedules of the real machines over a model (README.md).
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { checkSchedules } from "./schedules/check.ts";

const { values } = parseArgs({ options: { runs: { type: "string", default: "100000" }, seed: { type: "string" } } });
const runs = Number(values.runs);
const seed = Number(values.seed ?? randomInt(2 ** 31));
if (!Number.isSafeInteger(runs) || runs < 1 || !Number.isSafeInteger(seed)) {
  console.error("verify:schedules: expected --runs ≥ 1 and --seed, both integers");
  process.exit(2);
}
console.log(`seed ${seed}`);
const startedAt = performance.now();
const { failure } = await checkSchedules(runs, seed);
if (failure !== null) console.log(failure);
const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
console.log(
  `verify:schedules: ${failure === null ? 0 : 1} violations in ${runs} schedules, seed ${seed}, ${seconds} s (target 0)`,
);
process.exit(failure === null ? 0 : 1);
