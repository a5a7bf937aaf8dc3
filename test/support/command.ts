// Starts one of this repository's commands from its sources, as a process of its own, and listens to what it says.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Running {
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves with the match once what was written so far holds it; rejects when the command ends without. */
  until(pattern: RegExp, stream?: "stdout" | "stderr"): Promise<RegExpMatchArray>;
  /** The exit code, or the signal that ended it; once everything it wrote was read. */
  readonly exited: Promise<number | string>;
  write(text: string): void;
  end(text?: string): void;
  kill(signal: NodeJS.Signals): void;
  /** Stops reading stdout, as `| head` does when it has enough. */
  closeStdout(): void;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const running = new Set<Running>();

/** `trunkline ARGS`, with nothing of this process's environment but its PATH. */
export function trunkline(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  return command("packages/cli/bin/trunkline.mjs", args, env);
}

export function command(file: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(process.execPath, ["--conditions=@trunkline/source", `${root}${file}`, ...args], {
    cwd: root,
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const written = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      written[stream] += text;
      for (const look of waiting) look();
    });
  }
  child.stdin.on("error", () => {});
  const exited = new Promise<number | string>((resolve) => {
    child.on("close", (code, signal) => {
      running.delete(started);
      resolve(code ?? signal ?? "unknown");
    });
  });
  const started: Running = {
    get stdout() {
      return written.stdout;
    },
    get stderr() {
      return written.stderr;
    },
    until: (pattern, stream = "stdout") =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = written[stream].match(pattern);
          if (match === null) return;
          waiting.delete(look);
          resolve(match);
        };
        waiting.add(look);
        look();
        void exited.then((code) =>
          reject(new Error(`ended with ${code} before ${pattern}: ${JSON.stringify(written)}`)),
        );
      }),
    exited,
    write: (text) => child.stdin.write(text),
    end: (text = "") => child.stdin.end(text),
    kill: (signal) => child.kill(signal),
    closeStdout: () => child.stdout.destroy(),
  };
  running.add(started);
  return started;
}

/** Ends what a failed test left running. */
export async function endCommands(): Promise<void> {
  for (const each of running) each.kill("SIGKILL");
  await Promise.all([...running].map(({ exited }) => exited));
}
