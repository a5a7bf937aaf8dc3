// A producer's span around each publish, and its trace context in the event's `meta`.
import { type Attributes, context, SpanKind, type TextMapPropagator, trace, type Tracer } from "@opentelemetry/api";
import { type VerbsOptions, verbsAround } from "@trunkline/core/publish";
import type { PublishReceipt, PublishRequest } from "@trunkline/core/wire";
import { Decorated, expectMethods } from "./decorate.ts";
import { type InstrumentOptions, resolveTelemetry } from "./options.ts";
import { contextOf, isTraced, withTraceContext } from "./trace-context.ts";
import { system, traced } from "./traced.ts";

/** What publishes: `publish(event, data, { channel, id, meta })`, as an outbox, or `publish({ event, … })`, as all others. */
export interface InstrumentablePublisher {
  publish(...args: never): unknown;
}

type Publish = (...args: unknown[]) => unknown;

const instrumented = new Decorated();

/**
 * `target` with a span around each publish, `pub`, `push` and resources included. Its trace context goes along in `meta` (`traceparent`, `tracestate`), beside what is
 * there. `const outbox = instrumentPublisher(createOutbox(client)); const publisher = instrumentPublisher(createPublisher());`
 * @returns `target` itself when no tracer provider is registered
 * @throws {UsageError} `usage.bad-argument`, `usage.bad-option`
 */
export function instrumentPublisher<Target extends InstrumentablePublisher>(
  target: Target,
  options: InstrumentOptions = {},
): Target {
  expectMethods("instrumentPublisher", "target", target, ["publish"]);
  const { tracer, propagator } = resolveTelemetry("instrumentPublisher", options);
  if (tracer === null) return target;
  return instrumented.once(target, () => {
    const verbs = verbsAround(target, (send) => {
      // As wide as `tracedPublish` takes it; what it returns is what it was given.
      return tracedPublish({ publish: send }, tracer, propagator) as VerbsOptions["send"];
    });
    return verbs ?? { publish: tracedPublish(target, tracer, propagator) };
  });
}

/** `target.publish` with spans. */
export function tracedPublish(target: InstrumentablePublisher, tracer: Tracer, propagator: TextMapPropagator): Publish {
  // What an outbox answers may be left alone, and need not be handled when it is closed.
  const leavable = "pending" in target;
  const publish: Publish = (...args) => (target.publish as Publish)(...args);
  return (...args) => {
    const [first, data, settings] = args;
    if (typeof first === "string") {
      const given = (settings ?? {}) as Omit<PublishRequest, "event">;
      return traceOne({ ...given, event: first }, (meta) =>
        meta === given.meta ? publish(...args) : publish(first, data, { ...given, meta }, ...args.slice(3)),
      );
    }
    // Whatever is no request is refused by `target`, in its own words.
    if (typeof first !== "object" || first === null || Array.isArray(first)) return publish(...args);
    const given = first as PublishRequest;
    return traceOne(given, (meta) =>
      meta === given.meta ? publish(...args) : publish({ ...given, meta }, ...args.slice(1)),
    );
  };

  function traceOne(request: PublishRequest, send: (meta: unknown) => unknown): unknown {
    const { event, channel, id, meta } = request;
    const active = context.active();
    // One that was begun elsewhere, such as by a row of an outbox table, goes on.
    const base = isTraced(meta, propagator) ? contextOf(meta, active, propagator) : active;
    const attributes: Attributes = {
      ...system,
      "messaging.operation.name": "publish",
      "messaging.operation.type": "send",
      "trunkline.event": String(event),
      ...(channel !== undefined && { "messaging.destination.name": channel }),
      ...(id !== undefined && { "messaging.message.id": id }),
    };
    const span = tracer.startSpan(`publish ${String(event)}`, { kind: SpanKind.PRODUCER, attributes }, base);
    const filled = withTraceContext(meta, trace.setSpan(base, span), propagator);
    const result = traced(
      span,
      base,
      () => send(filled),
      (receipt) => receiptAttributes(receipt),
    );
    if (leavable && result instanceof Promise) result.catch(() => {});
    return result;
  }
}

function receiptAttributes(value: unknown): Attributes {
  const { stream, offset, epoch } = (value ?? {}) as Partial<PublishReceipt>;
  return {
    ...(stream !== undefined && { "messaging.destination.name": stream, "trunkline.stream": stream }),
    ...(offset !== undefined && { "trunkline.offset": offset }),
    ...(epoch !== undefined && epoch !== "" && { "trunkline.epoch": epoch }),
  };
}
