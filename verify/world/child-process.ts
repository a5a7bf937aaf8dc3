// A Node process of our own that answers questions. All of them end with this process, however it ends.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

interface Question {
  readonly id: number;
  readonly name: string;
  readonly value: unknown;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class Child {
  readonly pid: number;
  /** The exit code or the signal that ended it. */
  readonly exited: Promise<number | string>;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #questions = 0;

  /** @param file beside this one */
  constructor(file: string) {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const child = fork(path, {
      execArgv: ["--conditions=@trunkline/source"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#process = child;
    this.pid = child.pid ?? 0;
    running.add(child);
    child.on("message", (message) => this.#onAnswer(message as Answer));
    child.on("error", () => {});
    this.exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        running.delete(child);
        for (const waiting of this.#waiting.values()) waiting.reject(new Error(`${file} ended before it answered`));
        this.#waiting.clear();
        resolve(code ?? signal ?? "unknown");
      });
    });
  }

  /** Rejects with what went wrong there, or when the process ends first. */
  ask<Value>(name: string, value: unknown = null): Promise<Value> {
    const id = ++this.#questions;
    return new Promise<Value>((resolve, reject) => {
      this.#waiting.set(id, { resolve: (answer) => resolve(answer as Value), reject });
      this.#process.send({ id, name, value } satisfies Question, (error) => {
        if (error === null) return;
        this.#waiting.delete(id);
        reject(error);
      });
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async end(): Promise<void> {
    this.kill("SIGKILL");
    await this.exited;
  }

  #onAnswer({ id, value, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  }
}

/** The other end: answers each question by the function of its name. Ends with its parent. */
export function answer(answers: Readonly<Record<string, (value: never) => unknown>>): void {
  process.on("disconnect", () => process.exit(1));
  process.on("message", (message) => {
    const { id, name, value } = message as Question;
    const reply = (rest: Partial<Answer>): unknown => process.send?.({ id, ...rest } satisfies Answer);
    Promise.resolve()
      .then(() => answers[name]?.(value as never))
      .then(
        (result) => reply({ value: result ?? null }),
        (error: unknown) => reply({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      );
  });
}
