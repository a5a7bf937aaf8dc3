// `npm run verify:loss [scenario…] -- [--quick] [--seed N]`: nothing accepted is lost in silence, whatever dies (README.md).
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { lastLine, missesOf, type Row, table } from "./report.ts";
import { runScenario } from "./scenarios/run-scenario.ts";
import { scenarios } from "./scenarios/index.ts";

const { values, positionals } = parseArgs({
  options: { quick: { type: "boolean", default: false }, seed: { type: "string" } },
  allowPositionals: true,
});
const seed = Number(values.seed ?? randomInt(2 ** 31));
const unknown = positionals.filter((name) => !scenarios.some((scenario) => scenario.name === name));
if (unknown.length > 0 || !Number.isSafeInteger(seed)) {
  const names = scenarios.map(({ name }) => name).join(", ");
  console.error(
    `verify:loss: expected scenarios among ${names}, and --seed an integer; got ${process.argv.slice(2).join(" ")}`,
  );
  process.exit(2);
}
// The children end with the process (child-process.ts).
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(1));

console.log(`seed ${seed}`);
const rows: Row[] = [];
let missed = false;
for (const scenario of scenarios) {
  if (positionals.length > 0 && !positionals.includes(scenario.name)) continue;
  console.log(`${scenario.name}: ${scenario.about}`);
  const say = (what: string): void => console.log(`  ${what}`);
  try {
    const outcome = await runScenario(scenario, { quick: values.quick, seed, withinMs: 600_000, say });
    rows.push({ name: scenario.name, outcome });
    for (const note of outcome.notes) say(note);
    for (const miss of missesOf(outcome)) {
      missed = true;
      say(`MISSED: ${miss}`);
    }
  } catch (error) {
    missed = true;
    say(`FAILED: ${error instanceof Error ? error.stack : String(error)}`);
  }
}
console.log(`\n${table(rows)}\n`);
console.log(lastLine(rows));
process.exit(missed ? 1 : 0);
