// How long a caller waits for a publish, whatever becomes of it.
import { GatewayError, UsageError } from "../errors.ts";
import type { AbortSignalLike } from "../ports/abort-signal.ts";
import type { Clock } from "../ports/clock.ts";

export interface WaitOptions {
  /** Gives up: what was sent already may be published all the same. */
  readonly signal?: AbortSignalLike;
  /** Milliseconds after which it is given up. */
  readonly timeoutMs?: number;
}

/** What an aborted publish rejects with. */
export function abortedError(method: string): UsageError {
  return new UsageError("usage.aborted", `${method}: aborted by its signal; what was sent already may be published`);
}

/** @throws {UsageError} `usage.bad-argument` */
export function expectTimeout(method: string, timeoutMs: number): void {
  if (timeoutMs > 0) return;
  throw new UsageError("usage.bad-argument", `${method}: timeoutMs: expected more than 0, got ${timeoutMs}`);
}

/** What `start()` resolves with, unless the wait ends first: then `usage.aborted` or `gateway.outcome-unknown`. */
export async function waitFor<Value>(
  start: () => Promise<Value>,
  { signal, timeoutMs }: WaitOptions,
  clock: Pick<Clock, "setTimer" | "clearTimer">,
  method: string,
): Promise<Value> {
  if (signal?.aborted === true) throw abortedError(method);
  if (timeoutMs !== undefined) expectTimeout(method, timeoutMs);
  if (signal === undefined && timeoutMs === undefined) return start();
  return new Promise((resolve, reject) => {
    const settle =
      <Result>(how: (result: Result) => void) =>
      (result: Result): void => {
        if (timer !== null) clock.clearTimer(timer);
        signal?.removeEventListener("abort", onAbort);
        how(result);
      };
    const onAbort = (): void => settle(reject)(abortedError(method));
    const onTime = (): void =>
      settle(reject)(
        new GatewayError(
          "gateway.outcome-unknown",
          `${method}: no answer within ${timeoutMs} ms; it may be published: repeat it with the same id`,
        ),
      );
    const timer = timeoutMs === undefined ? null : clock.setTimer(onTime, timeoutMs);
    signal?.addEventListener("abort", onAbort);
    start().then(settle(resolve), settle(reject));
  });
}
