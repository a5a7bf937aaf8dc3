// Spans in memory.
import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { afterEach, beforeEach } from "vitest";

export interface SpanRecorder {
  readonly provider: TracerProvider;
  /** Every span that has ended, in that order. */
  readonly spans: readonly ReadableSpan[];
  /** Names of those that have not. */
  readonly open: () => readonly string[];
  /** The spans of one name. */
  readonly of: (name: string) => ReadableSpan[];
  /** The name of a span's parent; null for the first span of a trace. */
  readonly parentOf: (span: ReadableSpan | undefined) => string | null;
}

export function recordSpans(): SpanRecorder {
  const exporter = new InMemorySpanExporter();
  const open = new Set<string>();
  const begins: SpanProcessor = {
    onStart: (span) => void open.add(`${span.name} ${span.spanContext().spanId}`),
    onEnd: (span) => void open.delete(`${span.name} ${span.spanContext().spanId}`),
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  };
  const provider = new TracerProvider({ spanProcessors: [begins, new SimpleSpanProcessor({ exporter })] });
  // The exporter's own array, which grows.
  const spans = exporter.getFinishedSpans();
  return {
    provider,
    spans,
    open: () => Array.from(open, (name) => name.split(" ", 1)[0] ?? ""),
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
