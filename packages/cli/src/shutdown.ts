import type { Signal } from "./output.ts";

/** A second Ctrl-C within this many milliseconds of the first is the same one: npm passes it on a second time. */
const sameInterruptMs = 1000;

export type ShutdownStep = "drain" | "ignore" | "quit";

/**
 * What each signal asks for: the first to drain; a later SIGINT, once the first is `sameInterruptMs` old, to quit at
 * once; any other nothing more. `nowMs` is on any clock that never goes back.
 */
export function createShutdown(): (signal: Signal, nowMs: number) => ShutdownStep {
  let firstMs: number | null = null;
  return (signal, nowMs) => {
    if (firstMs === null) {
      firstMs = nowMs;
      return "drain";
    }
    return signal === "SIGINT" && nowMs - firstMs >= sameInterruptMs ? "quit" : "ignore";
  };
}
