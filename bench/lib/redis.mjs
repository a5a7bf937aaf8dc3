// A redis-server of its own for one run, on the core that drives, without persistence.
import { execFileSync, spawn } from "node:child_process";
import { createServer } from "node:net";
import { Redis } from "ioredis";
import { cores, pinned } from "./pinned-process.mjs";

/** `{ port, stop }`. Exits 2 when there is no redis-server. */
export async function startRedis() {
  const port = await freePort();
  const [command, args] = pinned(cores.driver, "redis-server", [
    "--port",
    String(port),
    "--bind",
    "127.0.0.1",
    "--save",
    "",
  ]);
  const server = spawn(command, args, { stdio: "ignore" });
  server.once("error", () => {
    console.error('this bench needs redis-server ("apt-get install redis-server" on Debian).');
    process.exit(2);
  });
  const exit = new Promise((resolve) => server.once("exit", resolve));
  const probe = new Redis({ port, host: "127.0.0.1", maxRetriesPerRequest: null, retryStrategy: () => 20 });
  probe.on("error", () => {});
  await probe.ping();
  probe.disconnect();
  return {
    port,
    async stop() {
      server.kill("SIGKILL");
      await exit;
    },
  };
}

/** Of the redis-server that is installed. */
export function redisVersion() {
  return /v=(\S+)/.exec(execFileSync("redis-server", ["--version"], { encoding: "utf8" }))?.[1];
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
