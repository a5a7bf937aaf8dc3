// What `npm start` and `npm test` need on a machine that has only Node, npm and, for Chromium, Debian's apt.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const bin = `${root}node_modules/.bin`;

/** The environment for everything spawned here: the pinned tools, and the pinned Node, come first. */
export const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}` };

/** Runs a command with its output shown; true when it exited 0. */
export function run(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, env, stdio: "inherit", ...options });
  if (done.error) console.error(`${command}: ${done.error.message}`);
  return done.status === 0;
}

/** Installs the workspace's packages unless the installed ones are those of the lockfile. */
export function installPackages() {
  if (installedMatchesLock()) return true;
  console.log("Installing packages …");
  // Not `npm ci`: it refuses a lockfile that lacks a platform's optional binary which its registry did not have. This installs
  // the locked versions all the same, and leaves the lockfile as it is.
  return run("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]);
}

function installedMatchesLock() {
  const marker = `${root}node_modules/.package-lock.json`;
  if (!existsSync(marker)) return false;
  const installed = JSON.parse(readFileSync(marker, "utf8")).packages;
  const wanted = JSON.parse(readFileSync(`${root}package-lock.json`, "utf8")).packages;
  return Object.entries(wanted).every(
    ([path, entry]) =>
      !path.startsWith("node_modules/") || entry.link || entry.optional || installed[path]?.version === entry.version,
  );
}

const chromiumPaths = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The browser that the browser checks drive, installed from Debian's packages when this user may. */
export function installChromium() {
  const given = process.env["CHROMIUM_PATH"];
  if (given !== undefined) return existsSync(given) ? given : missing(`CHROMIUM_PATH is ${given}, which is not there`);
  const found = () => chromiumPaths.find((path) => existsSync(path));
  if (found() !== undefined) return found();
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return missing("Chromium is not installed");
  console.log("Installing Chromium (apt-get) …");
  const quiet = { stdio: ["ignore", "ignore", "inherit"] };
  run("apt-get", ["update", "-qq"], quiet);
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium"], quiet);
  return found() ?? missing("apt-get could not install Chromium");
}

function missing(what) {
  console.error(`${what}. Install it ("apt-get install chromium" as root) or set CHROMIUM_PATH to a Chromium binary.`);
  return undefined;
}
