// Package truth: what each published tarball says about itself is what a user gets (publint, attw).
import { readdirSync } from "node:fs";
import { root, run } from "./setup.mjs";

const names = readdirSync(`${root}packages`);
if (names.length === 0) throw new Error("no packages found");
let ok = true;
for (const name of names) {
  const cwd = `${root}packages/${name}`;
  ok = run("publint", ["run", "--strict", "--level", "warning"], { cwd }) && ok;
  // The script-tag bundles are no modules and have no types.
  const excluded = ["trunkline", "channels"].includes(name) ? ["--exclude-entrypoints", `${name}.min.js`] : [];
  ok =
    run("attw", ["--pack", ".", "--profile", "esm-only", "--format", "ascii", "--quiet", ...excluded], { cwd }) && ok;
}
process.exit(ok ? 0 : 1);
