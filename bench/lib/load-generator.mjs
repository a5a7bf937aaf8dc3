// wsload (bench/load/wsload.c): subscribers and publisher in one C process, so that the load is not a Node program too.
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cores, pinned } from "./pinned-process.mjs";

const source = fileURLToPath(new URL("../load/wsload.c", import.meta.url));

/** Compiles the load generator into a folder that goes away with this process. Exits 2 when it can't. */
export function compileLoadGenerator() {
  const folder = mkdtempSync(join(tmpdir(), "trunkline-bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const binary = join(folder, "wsload");
  const compiled = spawnSync("cc", ["-O2", "-w", "-o", binary, source], { encoding: "utf8" });
  if (compiled.status === 0) return binary;
  const why = compiled.error?.code === "ENOENT" ? "there is no C compiler (cc) here" : compiled.stderr;
  console.error(`bench:fanout compiles its load generator, and ${why}.`);
  console.error('Needed: Linux with a C compiler ("apt-get install gcc libc6-dev" on Debian).');
  return process.exit(2);
}

/** Runs it once and gives the figures it prints. */
export function runLoad(binary, args) {
  const [command, all] = pinned(cores.driver, binary, args);
  return new Promise((resolve, reject) => {
    execFile(command, all, { timeout: 120_000 }, (error, stdout, stderr) => {
      if (stderr !== "") process.stderr.write(stderr);
      if (error === null) resolve(JSON.parse(stdout));
      else reject(new Error(`the load generator failed: ${error.message}`));
    });
  });
}
