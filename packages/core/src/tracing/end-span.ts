// How a span ends: `Ok`, or `Error` with what went wrong.
import type { SpanLike } from "../ports/tracer.ts";
import { messageOf } from "./message-of.ts";
import { redactText } from "./redact-text.ts";

export function succeed(span: SpanLike): void {
  span.setStatus({ code: 1 });
  span.end();
}

export function fail(span: SpanLike, error: unknown): void {
  const message = redactText(messageOf(error));
  if (error instanceof Error) span.recordException({ name: error.name, message, stack: redactText(error.stack ?? "") });
  else span.recordException(message);
  span.setStatus({ code: 2, message });
  span.end();
}

/** Does `work`, and ends `span` when it has returned or, if it gave a promise, settled. */
export function during<Result>(span: SpanLike, work: () => Result): Result {
  let result: Result;
  try {
    result = work();
  } catch (error) {
    fail(span, error);
    throw error;
  }
  if (!isThenable(result)) {
    succeed(span);
    return result;
  }
  return result.then(
    (value) => {
      succeed(span);
      return value;
    },
    (error: unknown) => {
      fail(span, error);
      throw error;
    },
  ) as Result;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === "function";
}
