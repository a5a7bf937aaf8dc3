// What a pull waits on.
import { UsageError } from "../errors.ts";
import type { AbortSignalLike } from "../ports/abort-signal.ts";

/** A promise settled from outside, once; an abort signal may be first. */
export class Waiter<Value> {
  settled = false;
  #onSettled: (() => void) | null = null;
  readonly #promise: Promise<Value>;
  #resolve!: (value: Value) => void;
  #reject!: (error: unknown) => void;

  constructor() {
    this.#promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Nobody may be waiting when it rejects: that is no fault of the host process.
    this.#promise.catch(() => {});
  }

  resolve(value: Value): void {
    this.#settle();
    this.#resolve(value);
  }

  reject(error: unknown): void {
    this.#settle();
    this.#reject(error);
  }

  wait(signal?: AbortSignalLike): Promise<Value> {
    if (signal === undefined || this.settled) return this.#promise;
    const onAbort = (): void => this.reject(aborted(signal));
    signal.addEventListener("abort", onAbort);
    this.#onSettled = () => signal.removeEventListener("abort", onAbort);
    return this.#promise;
  }

  #settle(): void {
    this.settled = true;
    this.#onSettled?.();
    this.#onSettled = null;
  }
}

/** Why a wait with this signal ends. */
export function aborted(signal: AbortSignalLike): UsageError {
  return new UsageError("usage.aborted", "the wait was aborted by its signal", { cause: signal.reason });
}
