// OpenTelemetry's own SDK, keeping in memory what it is told.
import { context, type MeterProvider, type TracerProvider } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { MeterProvider as SdkMeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider as SdkTracerProvider,
} from "@opentelemetry/sdk-trace";
import { onTestFinished } from "vitest";

export interface Telemetry {
  readonly tracerProvider: TracerProvider;
  readonly meterProvider: MeterProvider;
  /** Those that ended, oldest first; of that name when it is given. */
  spans(name?: string): readonly ReadableSpan[];
  /** What each data point of this metric holds now: a number, or count and sum of a histogram. */
  metric(name: string): Promise<readonly unknown[]>;
  /** Names of all metrics that have data. */
  metrics(): Promise<readonly string[]>;
}

class Reader extends MetricReader {
  protected async onForceFlush(): Promise<void> {}
  protected async onShutdown(): Promise<void> {}
}

/** Providers that are registered nowhere; the active context follows promises while the test runs. */
export function recordTelemetry(): Telemetry {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  onTestFinished(() => context.disable());
  const exporter = new InMemorySpanExporter();
  const reader = new Reader();
  const collect = async () => {
    const { resourceMetrics } = await reader.collect();
    return resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
  };
  return {
    tracerProvider: new SdkTracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
    meterProvider: new SdkMeterProvider({ readers: [reader] }),
    spans: (name) => exporter.getFinishedSpans().filter((span) => name === undefined || span.name === name),
    metric: async (name) =>
      (await collect())
        .filter(({ descriptor }) => descriptor.name === name)
        .flatMap(({ dataPoints }) => dataPoints.map(({ value }) => value)),
    metrics: async () => (await collect()).map(({ descriptor }) => descriptor.name),
  };
}
