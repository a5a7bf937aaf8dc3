import { type Attributes, type Context, context, type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import { redactText } from "@trunkline/core/tracing";

/** What every span of ours has (OpenTelemetry's conventions for messaging); our own attributes begin with `trunkline.`. */
export const system = { "messaging.system": "trunkline" } as const;

/**
 * Runs `work` with `span` active in `base`, and ends the span when it is done, a promise it returns included.
 * @param describe tells what is known only then
 * @returns what `work` does, or a promise of the same; throws what it throws
 */
export function traced<Result>(
  span: Span,
  base: Context,
  work: () => Result,
  describe?: (result: Awaited<Result>) => Attributes,
): Result {
  const succeeded = (result: Awaited<Result>): Awaited<Result> => {
    if (describe !== undefined && span.isRecording()) span.setAttributes(describe(result));
    span.end();
    return result;
  };
  const failed = (error: unknown): never => {
    endFailed(span, error);
    throw error;
  };
  let result: Result;
  try {
    result = context.with(trace.setSpan(base, span), work);
  } catch (error) {
    return failed(error);
  }
  const { then } = (result ?? {}) as { readonly then?: unknown };
  // Not the promise itself, which would be handled here: a rejection that nobody waits for must stay one.
  if (typeof then === "function") return (result as PromiseLike<Awaited<Result>>).then(succeeded, failed) as Result;
  return succeeded(result as Awaited<Result>) as Result;
}

function endFailed(span: Span, error: unknown): void {
  const { name, code, message, stack } = shownError(error);
  span.recordException({ name, message, ...(stack !== undefined && { stack }) });
  span.setAttribute("error.type", code ?? name);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  span.end();
}

function shownError(error: unknown): { name: string; code?: string; message: string; stack?: string } {
  if (!(error instanceof Error)) return { name: "_OTHER", message: "something was thrown that is no Error" };
  const { code } = error as { readonly code?: unknown };
  return {
    name: error.name,
    ...(typeof code === "string" && { code }),
    message: redactText(error.message),
    ...(error.stack !== undefined && { stack: redactText(error.stack) }),
  };
}
