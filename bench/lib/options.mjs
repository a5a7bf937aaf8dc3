// The flags every bench command takes.
import { parseArgs } from "node:util";

/**
 * `{ rounds, quick, json, build, only }`; exits 2 on a flag it does not know.
 * `rounds` is the number of alternating runs per contender, 5 unless said (2 with `--quick`).
 */
export function readOptions() {
  const flags = {
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    only: { type: "string" },
    "no-build": { type: "boolean", default: false },
  };
  try {
    const { values } = parseArgs({ options: flags });
    const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
    if (!Number.isInteger(rounds) || rounds < 1)
      throw new Error(`--rounds must be an integer ≥ 1, got "${String(values.rounds)}"`);
    return { rounds, quick: values.quick, json: values.json, only: values.only, build: !values["no-build"] };
  } catch (error) {
    console.error(`${error.message}\nUsage: [--rounds N] [--quick] [--json] [--only SCENARIO] [--no-build]`);
    return process.exit(2);
  }
}
