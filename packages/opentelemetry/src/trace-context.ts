// Trace context in the `meta` of an event: PROTOCOL leaves `meta` to the publisher, so what is there already stays.
import {
  type Context,
  createTraceState,
  isSpanContextValid,
  type TextMapGetter,
  type TextMapPropagator,
  trace,
} from "@opentelemetry/api";
import { byteLength, maxMetaBytes } from "@trunkline/core/wire";

type Fields = Readonly<Record<string, unknown>>;

const traceparentPattern = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;

/** W3C Trace Context, level 1: `traceparent` and `tracestate`. */
export const traceContext: TextMapPropagator = {
  fields: () => ["traceparent", "tracestate"],
  inject(context, carrier, setter) {
    const span = trace.getSpanContext(context);
    if (span === undefined || !isSpanContextValid(span)) return;
    const flags = span.traceFlags.toString(16).padStart(2, "0");
    setter.set(carrier, "traceparent", `00-${span.traceId}-${span.spanId}-${flags}`);
    const state = span.traceState?.serialize() ?? "";
    if (state !== "") setter.set(carrier, "tracestate", state);
  },
  extract(context, carrier, getter) {
    const [, version, traceId = "", spanId = "", flags = "", rest] =
      traceparentPattern.exec(String(getter.get(carrier, "traceparent"))) ?? [];
    // Later versions may go on behind the fields of the first.
    if (version === undefined || version === "ff" || (version === "00" && rest !== undefined)) return context;
    const state = getter.get(carrier, "tracestate");
    const traceState = typeof state === "string" ? createTraceState(state) : undefined;
    const span = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
    if (!isSpanContextValid(span)) return context;
    return trace.setSpanContext(context, traceState === undefined ? span : { ...span, traceState });
  },
};

const getter: TextMapGetter<Fields> = {
  keys: (fields) => Object.keys(fields),
  get: (fields, name) => {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return typeof value === "string" ? value : undefined;
  },
};

/** `base` as the trace that `meta` belongs to goes on in it, or as it is. */
export function contextOf(meta: unknown, base: Context, propagator: TextMapPropagator): Context {
  if (!isObject(meta)) return base;
  try {
    return propagator.extract(base, meta, getter);
  } catch {
    // `meta` is the publisher's: what a propagator can't read must not keep the event from whoever listens.
    return base;
  }
}

/** Whether `meta` says which trace its event belongs to. */
export function isTraced(meta: unknown, propagator: TextMapPropagator): boolean {
  return isObject(meta) && propagator.fields().some((field) => Object.hasOwn(meta, field));
}

/** `meta` with the trace context of `context`; as it is when it has one, has no room for one, or is no object to hold one. */
export function withTraceContext(meta: unknown, context: Context, propagator: TextMapPropagator): unknown {
  if ((meta !== undefined && !isObject(meta)) || isTraced(meta, propagator)) return meta;
  // A date, say, is no object once it is written.
  if (typeof meta?.["toJSON"] === "function") return meta;
  const carrier: Record<string, string> = {};
  try {
    propagator.inject(context, carrier, { set: (fields, name, value) => void (fields[name] = value) });
  } catch {
    // The event goes out without a trace.
    return meta;
  }
  if (Object.keys(carrier).length === 0) return meta;
  const filled = { ...meta, ...carrier };
  return fits(filled) ? filled : meta;
}

function fits(meta: Fields): boolean {
  try {
    return byteLength(JSON.stringify(meta)) <= maxMetaBytes;
  } catch {
    // Whoever publishes it is told.
    return false;
  }
}

function isObject(meta: unknown): meta is Fields {
  return typeof meta === "object" && meta !== null && !Array.isArray(meta);
}
