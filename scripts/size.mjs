// `npm run size`: what a page downloads (bundled and minified by esbuild, gzip), beside the peers measured the same way; exits 1
// when the target is missed. `--budget`, as `npm test` runs it: exits 1 only when a size grew beyond what .size-limit.json allows.
import { spawnSync } from "node:child_process";
import { env, root } from "./setup.mjs";

// min + gzip, in kB; the sources of these figures are in bench/README.md.
const peers = [
  ["mitt", 0.2],
  ["graphql-ws", 3.4],
  ["partysocket", 4.2],
  ["phoenix", 7.6],
  ["anycable", 9.5],
  ["socket.io-client", 13.1],
  ["signalr", 14.3],
  ["centrifuge", 23.7],
  ["ably (modular)", 36.9],
];
const target = 5.0;

const measured = spawnSync("size-limit", ["--json"], { cwd: root, env, encoding: "utf8" });
if (!measured.stdout.trim().startsWith("[")) {
  console.error(measured.stdout, measured.stderr);
  process.exit(1);
}
const rows = JSON.parse(measured.stdout);
const line = (name, kilobytes, note = "") =>
  console.log(`${name.padEnd(52)}${kilobytes.toFixed(2).padStart(8)} kB  ${note}`);
for (const row of rows)
  line(row.name, row.size / 1000, `budget ${(row.sizeLimit / 1000).toFixed(1)} kB${row.passed ? "" : "  EXCEEDED"}`);
for (const [name, kilobytes] of peers) line(name, kilobytes);
console.log(`size: ${(rows[0].size / 1000).toFixed(2)} kB (target ≤ ${target.toFixed(1)} kB)`);
const budgetOnly = process.argv.includes("--budget");
const withinBudget = rows.every((row) => row.passed);
process.exit(withinBudget && (budgetOnly || rows[0].size / 1000 <= target) ? 0 : 1);
