// Where @opentelemetry/api keeps what was registered, and how it marks the span of a context: looked up by the names that
// every 1.x of it shares, instead of imported.
import type { SpanLike, TraceContextLike, TracerLike, TracerProviderLike } from "../ports/tracer.ts";
import { version } from "../wire/version.ts";

interface Registered {
  readonly trace?: TracerProviderLike;
  readonly context?: { active(): TraceContextLike };
}

const spanKey = Symbol.for("OpenTelemetry Context Key SPAN");

/** A tracer of the given provider, or of the one registered globally at this moment; null without either. */
export function findTracer(name: string, provider?: TracerProviderLike): TracerLike | null {
  return (provider ?? registered().trace)?.getTracer(name, version) ?? null;
}

/** What is active, with `parent`, where there is one, as its span. */
export function contextOf(parent?: SpanLike): TraceContextLike {
  const active = registered().context?.active() ?? contextWith(new Map());
  return parent === undefined ? active : active.setValue(spanKey, parent);
}

function registered(): Registered {
  const globals = globalThis as unknown as Readonly<Record<symbol, Registered | undefined>>;
  return globals[Symbol.for("opentelemetry.js.api.1")] ?? {};
}

/** A context of our own, for when no context manager is registered, where nothing is ever active. */
function contextWith(values: ReadonlyMap<symbol, unknown>): TraceContextLike {
  return {
    getValue: (key) => values.get(key),
    setValue: (key, value) => contextWith(new Map([...values, [key, value]])),
    deleteValue: (key) => contextWith(new Map([...values].filter(([name]) => name !== key))),
  };
}
