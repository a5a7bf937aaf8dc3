// What `npm start` and `npm test` need on a machine that has only Node, npm and, for Chromium and Redis, Debian's apt.
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
  const hint = "or set CHROMIUM_PATH to a Chromium binary";
  if (given !== undefined && !existsSync(given))
    return missing(`CHROMIUM_PATH is ${given}, which is not there`, "chromium", hint);
  return given ?? installFromDebian("Chromium", "chromium", () => chromiumPaths.find((path) => existsSync(path)), hint);
}

/** The server (and its redis-cli) that the Redis checks start, installed from Debian's packages when this user may. */
export function installRedis() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const has = (name) => folders.some((folder) => existsSync(`${folder}/${name}`));
  const found = () => (has("redis-server") && has("redis-cli") ? "redis-server" : undefined);
  return installFromDebian(
    "Redis",
    "redis-server",
    found,
    "or put redis-server and redis-cli (7.0 or later) on the PATH",
  );
}

function installFromDebian(what, name, found, hint) {
  if (found() !== undefined) return found();
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get"))
    return missing(`${what} is not installed`, name, hint);
  console.log(`Installing ${what} (apt-get) …`);
  const quiet = { stdio: ["ignore", "ignore", "inherit"] };
  run("apt-get", ["update", "-qq"], quiet);
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", name], quiet);
  return found() ?? missing(`apt-get could not install ${what}`, name, hint);
}

function missing(what, name, hint) {
  console.error(`${what}. Install it ("apt-get install ${name}" as root) ${hint}.`);
  return undefined;
}
