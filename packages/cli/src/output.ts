// Where a command reads and writes: handed in, so that a test runs the real command without a process.
import type { Readable, Writable } from "node:stream";

export type Signal = "SIGINT" | "SIGTERM";

export interface Io {
  readonly stdin: Readable;
  /** What was asked for, and nothing else. */
  readonly stdout: Writable;
  /** Everything said to a person. */
  readonly stderr: Writable;
  readonly stderrIsTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Returns its undo. */
  onSignal(listener: (signal: Signal) => void): () => void;
  /** Ends the process at once. */
  quit(code: number): void;
}

export function processIo(): Io {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    stderrIsTerminal: process.stderr.isTTY === true,
    env: process.env,
    onSignal(listener) {
      const signals: readonly Signal[] = ["SIGINT", "SIGTERM"];
      for (const signal of signals) process.on(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
    quit: (code) => process.exit(code),
  };
}

export interface Output {
  /** One line on stdout. */
  print(line: string): void;
  /** One line on stderr. */
  note(line: string): void;
  /** False once the reader of stdout has gone (`| head -1`). */
  readonly open: boolean;
  /** Calls back once when the reader of stdout goes; at once when it has gone. */
  onClosed(listener: () => void): void;
}

export function createOutput(io: Io): Output {
  let open = true;
  const listeners: (() => void)[] = [];
  // EPIPE comes as an event; unheard, it would end the process with a stack trace.
  io.stdout.on("error", () => {
    if (!open) return;
    open = false;
    for (const listener of listeners.splice(0)) listener();
  });
  io.stderr.on("error", () => {});
  return {
    print(line) {
      if (open) io.stdout.write(`${line}\n`);
    },
    note(line) {
      io.stderr.write(`${line}\n`);
    },
    get open() {
      return open;
    },
    onClosed(listener) {
      if (open) listeners.push(listener);
      else listener();
    },
  };
}
