// What a bench needs before its first run: the pinned peers, and the packages as they are published.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { root, run } from "../../scripts/setup.mjs";

const bench = fileURLToPath(new URL("..", import.meta.url));

/** Installs the peers, unless the pinned versions are there or none are wanted, then builds Trunkline. Exits 1 when either fails. */
export function prepare({ build, peers = true }) {
  // stdout is kept for results, so that --json can be piped.
  const stdio = ["ignore", 2, 2];
  if (peers && !peersInstalled() && !run("npm", ["ci", "--prefix", bench, "--loglevel=error"], { stdio }))
    process.exit(1);
  if (build && !run("node", [`${root}scripts/build.mjs`], { stdio })) process.exit(1);
}

/** The pinned peers, as `{ name: version }`. */
export function peerVersions() {
  return readJson(`${bench}package.json`).dependencies;
}

function peersInstalled() {
  return Object.entries(peerVersions()).every(([name, version]) => {
    try {
      return readJson(`${bench}node_modules/${name}/package.json`).version === version;
    } catch {
      return false;
    }
  });
}

function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}
