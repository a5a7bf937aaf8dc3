import { type Attributes, type Context, context, type Span, SpanStatusCode, trace } from "@opentelemetry/api";
import { redactText } from "@trunkline/core/tracing";

/** What every span of ours has (OpenTelemetry's conventions for messaging); our own attributes begin with `trunkline.`. */
export const system = { "messaging.system": "trunkline" } as const;

/**
 * Runs `work` with `span` active in `base`, and ends the span when it is done, a promise it returns included.
 * @param describe tells what is known only then
 * @returns what `work` does; throws what it throws
 */
export function traced<Result>(
  span: Span,
  base: Context,
  work: () => Result,
  describe?: (result: Awaited<Result>) => Attributes,
): Result {
  const succeeded = (result: Awaited<Result>): void => {
    if (describe !== undefined && span.isRecording()) span.setAttributes(describe(result));
    span.end();
  };
  let result: Result;
  try {
    result = context.with(trace.setSpan(base, span), work);
  } catch (error) {
    endFailed(span, error);
    throw error;
  }
  const { then } = (result ?? {}) as { readonly then?: unknown };
  // The very promise is returned: who watches it for rejections must go on seeing them.
  if (typeof then === "function")
    void (result as PromiseLike<Awaited<Result>>).then(succeeded, (error: unknown) => endFailed(span, error));
  else succeeded(result as Awaited<Result>);
  return result;
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
