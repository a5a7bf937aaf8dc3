// Spans in memory.
import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { afterEach, beforeEach } from "vitest";

export interface SpanRecorder {
  readonly provider: TracerProvider;
  /** Every span that has ended, in that order. */
  readonly spans: readonly ReadableSpan[];
  /** The spans of one name. */
  readonly of: (name: string) => ReadableSpan[];
  /** The name of a span's parent; null for the first span of a trace. */
  readonly parentOf: (span: ReadableSpan | undefined) => string | null;
}

export function recordSpans(): SpanRecorder {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  // The exporter's own array, which grows.
  const spans = exporter.getFinishedSpans();
  return {
    provider,
    spans,
    of: (name) => spans.filter((span) => span.name === name),
    parentOf: (span) => {
      const id = span?.parentSpanContext?.spanId;
      if (id === undefined) return null;
      return spans.find((other) => other.spanContext().spanId === id)?.name ?? "a span that has not ended";
    },
  };
}

/** In each test of a file: what is active stays so after an await, as an SDK sets it up. */
export function withActiveSpans(): void {
  beforeEach(() => void context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()));
  afterEach(() => context.disable());
}
