// `npm test`: every check there is, none skipped. Ends in "checks: N passed, N failed".
import { env, installChromium, installPackages, installRedis, run } from "./setup.mjs";

if (!installPackages()) process.exit(1);
const chromium = installChromium();
if (chromium === undefined || installRedis() === undefined) process.exit(1);
env["CHROMIUM_PATH"] = chromium;

/** @type {readonly (readonly [name: string, command: string, args: readonly string[]])[]} */
const checks = [
  ["build", "node", ["scripts/build.mjs"]],
  ["types", "npm", ["run", "-s", "typecheck"]],
  ["lint", "npm", ["run", "-s", "lint"]],
  ["format", "npm", ["run", "-s", "format:check"]],
  ["knip", "npm", ["run", "-s", "knip"]],
  ["packages", "npm", ["run", "-s", "packages"]],
  ["size", "node", ["scripts/size.mjs", "--budget"]],
  ["unit", "npm", ["run", "-s", "unit"]],
  ["system", "npm", ["run", "-s", "system"]],
  ["browser", "npm", ["run", "-s", "browser"]],
  ["runtime floor", "node", ["scripts/verify-runtimes.mjs", "--installed"]],
];

const only = process.argv.slice(2);
const failed = [];
let passed = 0;
for (const [name, command, args] of checks) {
  if (only.length > 0 && !only.includes(name)) continue;
  const started = Date.now();
  console.log(`\n── ${name}`);
  if (run(command, args)) passed++;
  else failed.push(name);
  console.log(
    `── ${name}: ${failed.includes(name) ? "FAILED" : "ok"} in ${((Date.now() - started) / 1000).toFixed(1)} s`,
  );
}
if (failed.length > 0) console.log(`\nfailed: ${failed.join(", ")}`);
console.log(`\nchecks: ${passed} passed, ${failed.length} failed`);
process.exit(failed.length === 0 && passed > 0 ? 0 : 1);
