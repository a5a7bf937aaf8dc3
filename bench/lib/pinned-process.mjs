// Fresh Node processes, each on a core of its own where the machine has `taskset` and two cores.
import { spawn, spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { env } from "../../scripts/setup.mjs";

/** Whether processes can be bound to cores here. */
export const pinning = availableParallelism() > 1 && spawnSync("taskset", ["-c", "0,1", "true"]).status === 0;

/** What is measured runs on the first core, what drives it on the second. */
export const cores = { measured: 0, driver: 1 };

/** `[command, args]` bound to one core. */
export function pinned(core, command, args) {
  return pinning ? ["taskset", ["-c", String(core), command, ...args]] : [command, args];
}

/** A Node script that talks over IPC; it must end when the channel closes. */
export class PinnedProcess {
  #child;
  #inbox = [];
  #waiting = [];
  #exit;
  #failure = null;

  constructor(core, args, options = {}) {
    const [command, all] = pinned(core, "node", args);
    this.#child = spawn(command, all, { env, stdio: ["ignore", 2, 2, "ipc"], ...options });
    this.#exit = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.on("message", (message) => {
      const waiter = this.#waiting.shift();
      if (waiter === undefined) this.#inbox.push(message);
      else waiter.resolve(message);
    });
    this.#child.once("error", (error) => this.#fail(error));
    this.#child.once("exit", (code, signal) =>
      this.#fail(new Error(`${args.join(" ")} ended early: ${signal ?? `exit ${code}`}`)),
    );
  }

  get pid() {
    return this.#child.pid;
  }

  /** The next message, within `timeoutMs`. */
  next(timeoutMs = 60_000) {
    if (this.#inbox.length > 0) return Promise.resolve(this.#inbox.shift());
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#child.kill("SIGKILL");
        reject(new Error(`no message within ${timeoutMs} ms`));
      }, timeoutMs);
      const settle = (act) => (value) => {
        clearTimeout(timer);
        act(value);
      };
      this.#waiting.push({ resolve: settle(resolve), reject: settle(reject) });
    });
  }

  /** Sends `message` and gives the next answer. */
  ask(message) {
    this.#child.send(message);
    return this.next();
  }

  /** Ends the process, by force if need be. */
  async stop() {
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 2_000);
    await this.#exit;
    clearTimeout(timer);
  }

  #fail(error) {
    this.#failure ??= error;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
  }
}
