// Builds every package: tsc writes build/*.js and dist/types, rollup bundles build/ into dist/.
import { run } from "./setup.mjs";

const built = run("tsc", ["-b"]) && run("rollup", ["-c", "--silent"]);
process.exit(built ? 0 : 1);
