// Spans of what a gateway asks of its broker, and of what the broker delivers to it. Bodies stay as they are: repetitions are
// compared by them.
import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  SpanKind,
  type TextMapPropagator,
  type Tracer,
} from "@opentelemetry/api";
import type { Broker, BrokerListener, Entry, StreamName } from "@trunkline/core/ports";
import { Decorated, expectMethods } from "./decorate.ts";
import { destinationOf } from "./destination.ts";
import { type InstrumentOptions, resolveTelemetry } from "./options.ts";
import { contextOf } from "./trace-context.ts";
import { system, traced } from "./traced.ts";

const instrumented = new Decorated();

/**
 * `broker` with spans: `append` and `broadcast` in the trace of the event, `read` and `heads` in that which is active, and `deliver`
 * for each event that comes with a trace. `createGateway({ broker: instrumentBroker(redisBroker(…)) })`
 * @returns `broker` itself when no tracer provider is registered
 * @throws {UsageError} `usage.bad-argument`, `usage.bad-option`
 */
export function instrumentBroker<B extends Broker>(broker: B, options: InstrumentOptions = {}): B {
  expectMethods("instrumentBroker", "broker", broker, ["open", "append", "broadcast", "read", "heads"]);
  const { tracer, propagator } = resolveTelemetry("instrumentBroker", options);
  if (tracer === null) return broker;
  return instrumented.once(broker, () => methods(broker, new BrokerSpans(broker.name, tracer, propagator)));
}

function methods(broker: Broker, spans: BrokerSpans): Omit<Broker, "name" | "close"> {
  return {
    open: (listener) => broker.open(delivering(listener, spans)),
    append: (stream, append) =>
      spans.send(
        "append",
        stream,
        append.body,
        () => broker.append(stream, append),
        (appended) => ({
          "trunkline.append.outcome": appended.kind,
          ...("position" in appended && { "trunkline.offset": appended.position.offset }),
        }),
      ),
    broadcast: (stream, body) => spans.send("broadcast", stream, body, () => broker.broadcast(stream, body)),
    read: (stream, from, limit) =>
      spans.ask("read", { ...streamAttributes(stream), "trunkline.offset": from.offset }, () =>
        broker.read(stream, from, limit),
      ),
    heads: (streams) => spans.ask("heads", { "trunkline.streams": streams.length }, () => broker.heads(streams)),
  };
}

/** Required: what the port gains must not be lost here. */
function delivering(listener: BrokerListener, spans: BrokerSpans): Required<BrokerListener> {
  return {
    onEntry: (stream, entry) => spans.deliver(stream, entry.body, entry, () => listener.onEntry(stream, entry)),
    onVolatile: (stream, body, time) =>
      spans.deliver(stream, body, null, () => listener.onVolatile(stream, body, time)),
    onUnreadable: (stream) => listener.onUnreadable?.(stream),
    onDoubt: (stream) => listener.onDoubt(stream),
    onPrefixDoubt: (prefix) => listener.onPrefixDoubt?.(prefix),
    onAvailable: (available) => listener.onAvailable(available),
  };
}

class BrokerSpans {
  readonly #broker: string;
  readonly #tracer: Tracer;
  readonly #propagator: TextMapPropagator;
  /** What a body with trace context holds as text. */
  readonly #marks: readonly string[];

  constructor(broker: string, tracer: Tracer, propagator: TextMapPropagator) {
    this.#broker = broker;
    this.#tracer = tracer;
    this.#propagator = propagator;
    this.#marks = propagator.fields().map((field) => JSON.stringify(field));
  }

  send<Result>(
    operation: "append" | "broadcast",
    stream: StreamName,
    body: string,
    work: () => Promise<Result>,
    describe?: (result: Result) => Attributes,
  ): Promise<Result> {
    if (isPrivate(stream)) return work();
    const base = this.#contextOf(body, context.active());
    const told = { ...streamAttributes(stream), "messaging.operation.type": "send" };
    return this.#event(operation, SpanKind.PRODUCER, body, base, told, work, describe);
  }

  /** An event without a trace costs a look at its text. */
  deliver(stream: StreamName, body: string, entry: Entry | null, work: () => void): void {
    const base = this.#contextOf(body, ROOT_CONTEXT);
    if (base === ROOT_CONTEXT || isPrivate(stream)) return work();
    const place = entry === null ? {} : { "trunkline.offset": entry.offset };
    const told = { ...streamAttributes(stream), ...place, "messaging.operation.type": "process" };
    this.#event("deliver", SpanKind.CONSUMER, body, base, told, work);
  }

  ask<Result>(operation: "read" | "heads", attributes: Attributes, work: () => Promise<Result>): Promise<Result> {
    return this.#run(`trunkline.broker.${operation}`, SpanKind.CLIENT, context.active(), attributes, work);
  }

  #event<Result>(
    operation: string,
    kind: SpanKind,
    body: string,
    base: Context,
    told: Attributes,
    work: () => Result,
    describe?: (result: Awaited<Result>) => Attributes,
  ): Result {
    // Gateways write an event's name first, seldom with escapes.
    const event = /^\{"event":"([^"\\]*)"/.exec(body)?.[1];
    const name = event === undefined ? operation : `${operation} ${event}`;
    const attributes = { ...told, "messaging.operation.name": operation, "trunkline.event": event };
    return this.#run(name, kind, base, attributes, work, describe);
  }

  #run<Result>(
    name: string,
    kind: SpanKind,
    base: Context,
    told: Attributes,
    work: () => Result,
    describe?: (result: Awaited<Result>) => Attributes,
  ): Result {
    const attributes = { ...system, "trunkline.broker": this.#broker, ...told };
    return traced(this.#tracer.startSpan(name, { kind, attributes }, base), base, work, describe);
  }

  #contextOf(body: string, base: Context): Context {
    if (!this.#marks.some((mark) => body.includes(mark))) return base;
    try {
      return contextOf((JSON.parse(body) as { readonly meta?: unknown } | null)?.meta, base, this.#propagator);
    } catch {
      // A foreign body, which the gateway judges.
      return base;
    }
  }
}

/** What gateways tell each other; no account begins like that. */
function isPrivate(stream: StreamName): boolean {
  return stream.startsWith("~");
}

/** Full names are `<account>/<channel>`. */
function streamAttributes(stream: StreamName): Attributes {
  const slash = stream.indexOf("/");
  return {
    "messaging.destination.name": destinationOf(stream.slice(slash + 1)),
    "trunkline.account": stream.slice(0, Math.max(0, slash)),
  };
}
