// Promises that may be left alone: every one made here is handled, so an unawaited rejection is never unhandled.
import { LinkError, UsageError } from "../errors.ts";
import type { AbortSignalLike } from "../ports/abort-signal.ts";
import type { Clock } from "../ports/clock.ts";

export interface Deferred<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (cause: unknown) => void;
}

export function deferred<Value>(): Deferred<Value> {
  let resolve!: (value: Value) => void;
  let reject!: (cause: unknown) => void;
  const promise = new Promise<Value>((...settlers) => ([resolve, reject] = settlers));
  promise.catch(() => {});
  return { promise, resolve, reject };
}

export interface WaitOptions {
  /** How long to wait, in milliseconds. @defaultValue for ever */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignalLike | undefined;
}

/**
 * Settles like `promise`, or earlier; then calls `done`. Holds a timer of its own until then.
 * @throws {LinkError} `link.timeout` @throws {UsageError} `usage.aborted`
 */
export function wait<Value>(
  promise: Promise<Value>,
  what: string,
  clock: Clock,
  { timeoutMs, signal }: WaitOptions = {},
  done?: () => unknown,
): Promise<Value> {
  const { promise: result, resolve, reject } = deferred<Value>();
  const abort = (): void => reject(new UsageError("usage.aborted", `${what} was aborted`));
  const timer =
    timeoutMs === undefined
      ? undefined
      : clock.setTimer(() => reject(new LinkError("link.timeout", `${what} took over ${timeoutMs} ms`)), timeoutMs);
  const end = (): void => {
    if (timer) clock.clearTimer(timer);
    signal?.removeEventListener("abort", abort);
    done?.();
  };
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  promise.then(resolve, reject);
  result.then(end, end);
  return result;
}
