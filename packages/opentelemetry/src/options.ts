// Which providers a decorator works with, and whether there are any.
import {
  createNoopMeter,
  type Meter,
  type MeterProvider,
  metrics,
  type TextMapPropagator,
  trace,
  type Tracer,
  type TracerDelegator,
  type TracerProvider,
} from "@opentelemetry/api";
import { UsageError } from "@trunkline/core/errors";
import { version } from "@trunkline/core/wire";
import { traceContext } from "./trace-context.ts";

export interface InstrumentOptions {
  /** @defaultValue the one registered with the OpenTelemetry API when the decorator is called */
  readonly tracerProvider?: TracerProvider;
  /** @defaultValue the one registered with the OpenTelemetry API when the decorator is called */
  readonly meterProvider?: MeterProvider;
  /**
   * Writes trace context to an event's `meta` and reads it there.
   * @defaultValue W3C Trace Context alone, whatever is registered: every listener sees `meta`, which is no place for baggage
   */
  readonly propagator?: TextMapPropagator;
}

/** null: nobody would hear of it. */
export interface Telemetry {
  readonly tracer: Tracer | null;
  readonly meter: Meter | null;
  readonly propagator: TextMapPropagator;
}

const scope = "@trunkline/opentelemetry";

/** @throws {UsageError} `usage.bad-option` */
export function resolveTelemetry(decorator: string, given: InstrumentOptions): Telemetry {
  const { tracerProvider = trace.getTracerProvider(), meterProvider = metrics.getMeterProvider() } = given;
  const { propagator = traceContext } = given;
  const problem =
    lacking("tracerProvider", tracerProvider, ["getTracer"]) ??
    lacking("meterProvider", meterProvider, ["getMeter"]) ??
    lacking("propagator", propagator, ["inject", "extract", "fields"]);
  if (problem !== null) throw new UsageError("usage.bad-option", `${decorator}: ${problem}`);
  const meter = meterProvider.getMeter(scope, version);
  return {
    tracer: delegates(tracerProvider) ? tracerProvider.getTracer(scope, version) : null,
    meter: meter === createNoopMeter() ? null : meter,
    propagator,
  };
}

/** False for the API's own provider while nothing is registered behind it. */
function delegates(provider: TracerProvider & Partial<TracerDelegator>): boolean {
  return provider.getDelegateTracer === undefined || provider.getDelegateTracer(scope, version) !== undefined;
}

/** Why `value` is not something with these methods, or null. */
export function lacking(name: string, value: unknown, methods: readonly string[]): string | null {
  const fields = (value ?? {}) as Readonly<Record<string, unknown>>;
  const missing = methods.filter((method) => typeof fields[method] !== "function");
  if (missing.length === 0) return null;
  const got = value === null ? "null" : typeof value === "object" ? `an object without ${missing[0]}()` : typeof value;
  return `${name}: expected an object with ${methods.map((method) => `${method}()`).join(", ")}, got ${got}`;
}
