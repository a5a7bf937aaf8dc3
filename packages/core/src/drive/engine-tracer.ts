// What an engine tells a tracer, so that the rest of it need not ask whether there is one.
import type { SpanLike, TracerLike, TracerProviderLike } from "../ports/tracer.ts";
import { fail, succeed } from "../tracing/end-span.ts";
import { engineAttributes } from "../tracing/engine-attributes.ts";
import { contextOf, findTracer } from "../tracing/open-telemetry.ts";

/** Something the engine does, as far as a trace is concerned. */
export interface EngineSpan {
  /** For hooks; undefined without a tracer. */
  readonly span: SpanLike | undefined;
  set(attributes: Readonly<Record<string, unknown>>): void;
  event(name: "connection_closed" | "exit" | "worker_exit"): void;
  /** Makes it end as failed; the first error counts. */
  fail(error: unknown): void;
  /** May be called twice. */
  end(): void;
}

interface SpanPlace {
  /** Whose part it is. @defaultValue what is active */
  readonly parent?: EngineSpan;
  /** Begins a trace of its own, linked to this one. A connection may live for days, a trace should not. */
  readonly follows?: EngineSpan;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

type SpanName = "start" | "stop" | "background.start" | "background.run" | "background.shutdown" | "background.restart";

export interface EngineTracer {
  /** Does `work` in a new span, active meanwhile, which is ended by hand. */
  open<Result>(name: SpanName, place: SpanPlace, work: (span: EngineSpan) => Result): Result;
  /** Does `work` in a new span, active meanwhile, which ends as `work` does. */
  during<Result>(name: SpanName, place: SpanPlace, work: (span: EngineSpan) => Promise<Result>): Promise<Result>;
}

/** A tracer of the provider, or of the one registered globally by now; one that does nothing without either. */
export function engineTracer(provider?: TracerProviderLike): EngineTracer {
  const tracer = findTracer("trunkline.engine", provider);
  return tracer === null ? untraced : traced(tracer);
}

export const noSpan: EngineSpan = {
  span: undefined,
  set: () => {},
  event: () => {},
  fail: () => {},
  end: () => {},
};

const untraced: EngineTracer = {
  open: (_name, _place, work) => work(noSpan),
  during: (_name, _place, work) => work(noSpan),
};

function traced(tracer: TracerLike): EngineTracer {
  const open: EngineTracer["open"] = (name, { parent, follows, attributes = {} }, work) => {
    const links = follows?.span ? [{ context: follows.span.spanContext() }] : [];
    const options = { root: follows !== undefined, links, attributes: engineAttributes(attributes) };
    return tracer.startActiveSpan(`trunkline.engine.${name}`, options, contextOf(parent?.span), (span) =>
      work(new OpenSpan(span)),
    );
  };
  return {
    open,
    during: (name, place, work) =>
      open(name, place, async (span) => {
        try {
          return await work(span);
        } catch (error) {
          span.fail(error);
          throw error;
        } finally {
          span.end();
        }
      }),
  };
}

class OpenSpan implements EngineSpan {
  readonly span: SpanLike;
  #error: { readonly cause: unknown } | null = null;
  #ended = false;

  constructor(span: SpanLike) {
    this.span = span;
  }

  set(attributes: Readonly<Record<string, unknown>>): void {
    this.span.setAttributes(engineAttributes(attributes));
  }

  event(name: string): void {
    this.span.addEvent(`trunkline.engine.${name}`);
  }

  fail(cause: unknown): void {
    this.#error ??= { cause };
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#error) fail(this.span, this.#error.cause);
    else succeed(this.span);
  }
}
