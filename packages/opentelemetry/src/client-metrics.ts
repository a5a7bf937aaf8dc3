import type { Counter, Histogram, Meter, UpDownCounter } from "@opentelemetry/api";
import type { ClientMetrics } from "@trunkline/core/ports";
import { type InstrumentOptions, resolveTelemetry } from "./options.ts";

/**
 * The `metrics` option of one client, for whoever wants its figures and no spans: `createClient({ …, metrics: clientMetrics() })`.
 * `instrumentClient` counts the same by itself, so it is one or the other.
 * @throws {UsageError} `usage.bad-option`
 */
export function clientMetrics(options: Pick<InstrumentOptions, "meterProvider"> = {}): ClientMetrics {
  const { meter } = resolveTelemetry("clientMetrics", options);
  return meter === null ? silent : metricsOf(meter);
}

const silent: ClientMetrics = { connected() {}, event() {}, reconnect() {} };

/** Of one client; several in one process add up. */
export function metricsOf(meter: Meter): ClientMetrics {
  const connections: UpDownCounter = meter.createUpDownCounter("trunkline.client.connections", {
    description: "Clients that are connected.",
    unit: "{connection}",
  });
  const events: Counter = meter.createCounter("trunkline.client.events", {
    description: "Events that reached the client.",
    unit: "{event}",
  });
  const lag: Histogram = meter.createHistogram("trunkline.client.lag", {
    description: "From the gateway's acceptance of an event to the client, by both their clocks.",
    unit: "s",
    advice: { explicitBucketBoundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60] },
  });
  const reconnects: Counter = meter.createCounter("trunkline.client.reconnects", {
    description: "Links that were lost and another attempt followed.",
    unit: "{reconnect}",
  });
  let was = 0;
  return {
    connected: (value) => {
      connections.add(value - was);
      was = value;
    },
    event: (lagMs) => {
      events.add(1);
      if (lagMs !== undefined) lag.record(lagMs / 1000);
    },
    reconnect: () => reconnects.add(1),
  };
}
