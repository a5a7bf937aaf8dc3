// Spans and metrics in memory.
import type { MeterProvider, TracerProvider } from "@opentelemetry/api";
import { MeterProvider as SdkMeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { recordSpans } from "./spans.ts";

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

/** Providers that are registered nowhere. */
export function recordTelemetry(): Telemetry {
  const { provider, spans } = recordSpans();
  const reader = new Reader();
  const collect = async () => {
    const { resourceMetrics } = await reader.collect();
    return resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
  };
  return {
    tracerProvider: provider,
    meterProvider: new SdkMeterProvider({ readers: [reader] }),
    spans: (name) => spans.filter((span) => name === undefined || span.name === name),
    metric: async (name) =>
      (await collect())
        .filter(({ descriptor }) => descriptor.name === name)
        .flatMap(({ dataPoints }) => dataPoints.map(({ value }) => value)),
    metrics: async () => (await collect()).map(({ descriptor }) => descriptor.name),
  };
}
