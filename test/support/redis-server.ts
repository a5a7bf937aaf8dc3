// A real redis-server on a free loopback port, with a folder of its own. It ends with this process.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./until.ts";

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Where it keeps its data. */
  readonly dir: string;
  /** Runs it again, on the same port and over the data that is there. Resolves once it answers. */
  start(): Promise<void>;
  /** @defaultValue SIGKILL, as a crash */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Removes its data; it must be stopped. */
  wipe(): void;
  /** SIGSTOP and SIGCONT: a process that hangs. */
  signal(signal: NodeJS.Signals): void;
  /** One command, answered as Redis writes it, e.g. `+OK\r\n`. */
  command(...parts: readonly string[]): Promise<string>;
  /** Stops it and removes its folder. */
  close(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** `startRedisServer("--appendonly", "yes", "--appendfsync", "always")`. Without options nothing is kept on disk. */
export async function startRedisServer(...options: readonly string[]): Promise<RedisServer> {
  return launch("redis-server", ["--save", "", "--repl-diskless-sync-delay", "0", ...options]);
}

/** A Sentinel that takes the primary on `port`, called `name`, for dead after half a second; two of them must agree. */
export async function startSentinel(name: string, port: number): Promise<RedisServer> {
  // It keeps what it learns in its configuration, so that must be a file.
  const folder = mkdtempSync(join(tmpdir(), "trunkline-sentinel-"));
  const file = join(folder, "sentinel.conf");
  const lines = ["monitor NAME 127.0.0.1 PORT 2", "down-after-milliseconds NAME 500", "failover-timeout NAME 3000"];
  writeFileSync(
    file,
    lines.map((line) => `sentinel ${line.replace("NAME", name).replace("PORT", String(port))}\n`).join(""),
  );
  const sentinel = await launch("redis-server", ["--sentinel"], file);
  const close = async (): Promise<void> => {
    await sentinel.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...sentinel, close };
}

async function launch(program: string, options: readonly string[], file?: string): Promise<RedisServer> {
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), "trunkline-redis-"));
  const config = file === undefined ? [] : [file];
  const fixed = [...config, "--port", String(port), "--bind", "127.0.0.1", "--dir", dir, "--loglevel", "warning"];
  let child: ChildProcess | null = null;

  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    port,
    dir,
    async start() {
      const started = spawn(program, [...fixed, ...options], { stdio: "ignore" });
      child = started;
      running.add(started);
      let failure: Error | null = null;
      started.on("error", (error) => (failure = error));
      started.on("exit", () => running.delete(started));
      await until(`${program} answers`, async () => {
        if (failure !== null) throw failure;
        return /^(\+PONG|-NOAUTH)/.test(await server.command("PING").catch(() => ""));
      });
    },
    async stop(signal = "SIGKILL") {
      if (child === null || child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child?.once("exit", resolve));
      child.kill(signal);
      await gone;
    },
    wipe() {
      for (const entry of readdirSync(dir)) rmSync(join(dir, entry), { recursive: true, force: true });
    },
    signal: (signal) => void child?.kill(signal),
    command: (...parts) => ask(port, parts),
    async close() {
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

/** A port that nobody listened on just now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

function ask(port: number, parts: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.setEncoding("utf8").on("error", reject);
    socket.once("data", (answer) => {
      socket.destroy();
      resolve(String(answer));
    });
    const words = parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
    socket.write(`*${parts.length}\r\n${words.join("")}`);
  });
}
