import { ROOT_CONTEXT, SpanStatusCode } from "@opentelemetry/api";
import { describe, expect, it } from "vitest";
import { recordSpans } from "../../../test/support/spans.ts";
import { traced } from "./traced.ts";

function setUp() {
  const { provider, spans } = recordSpans();
  const tracer = provider.getTracer("test");
  return { spans, run: <Result>(work: () => Result) => traced(tracer.startSpan("work"), ROOT_CONTEXT, work) };
}

describe("a span around work", () => {
  it("ends with what work returns, whatever it is", async () => {
    const { spans, run } = setUp();
    for (const value of [undefined, null, 0, "text"]) expect(run(() => value)).toBe(value);
    expect(spans).toHaveLength(4);
    expect(await run(() => Promise.resolve(7))).toBe(7);
    expect(spans).toHaveLength(5);
  });

  it("handles no rejection in the place of whoever called", async () => {
    const { spans, run } = setUp();
    const error = new Error("failed");
    const inner = Promise.reject(error);
    const outer = run(() => inner);
    expect(outer).not.toBe(inner);
    await expect(outer).rejects.toBe(error);
    expect(spans[0]?.status).toEqual({ code: SpanStatusCode.ERROR, message: "failed" });
  });

  it("tells of what was thrown and is no Error, without showing it", () => {
    const { spans, run } = setUp();
    const aborted = AbortSignal.abort("s3cret");
    expect(() => run(() => aborted.throwIfAborted())).toThrow("s3cret");
    expect(spans[0]?.attributes).toEqual({ "error.type": "_OTHER" });
    expect(JSON.stringify([spans[0]?.events, spans[0]?.status])).not.toContain("s3cret");
  });
});
