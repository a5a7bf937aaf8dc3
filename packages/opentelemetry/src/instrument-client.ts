// A consumer's span around each event listener, in the trace of the event's publisher; and what a client counts.
import {
  type Attributes,
  type Meter,
  ROOT_CONTEXT,
  SpanKind,
  type TextMapPropagator,
  type Tracer,
} from "@opentelemetry/api";
import {
  type Client,
  type Contract,
  type EventMeta,
  findLine,
  type Listener,
  type ListenOptions,
  shareLine,
} from "@trunkline/core";
import { reservedEventNames } from "@trunkline/core/wire";
import { metricsOf } from "./client-metrics.ts";
import { Decorated, expectMethods } from "./decorate.ts";
import { destinationOf } from "./destination.ts";
import { type InstrumentOptions, resolveTelemetry } from "./options.ts";
import { contextOf } from "./trace-context.ts";
import { system, traced } from "./traced.ts";

type EventListener = Listener<[data: unknown, meta: EventMeta]>;

/** A client whose names and arguments are not tied together. */
interface AnyClient {
  on(name: string, listener: EventListener, options?: ListenOptions): () => void;
  off(name: string, listener: EventListener): void;
  once(name: string, listener?: EventListener | ListenOptions, options?: ListenOptions): unknown;
}

const instrumented = new Decorated();

/**
 * `client` with a span around each listener of events, child of the span that published the event. Lifecycle listeners have
 * none. Counts connections, events, lag, reconnects and gaps. Outboxes and syncs stand on it as on `client`.
 * @returns `client` itself when no provider is registered
 * @throws {UsageError} `usage.bad-argument`, `usage.bad-option`
 */
export function instrumentClient<C extends Contract = Contract>(
  client: Client<C>,
  options: InstrumentOptions = {},
): Client<C> {
  expectMethods("instrumentClient", "client", client, ["on", "off", "once", "health"]);
  const { tracer, meter, propagator } = resolveTelemetry("instrumentClient", options);
  if (tracer === null && meter === null) return client;
  const line = findLine(client);
  const decorator = instrumented.once(client, () => {
    if (meter !== null) count(client as unknown as Client, meter);
    return tracer === null
      ? null
      : listening(client as unknown as AnyClient, connectionOf(client, line), tracer, propagator);
  });
  if (decorator !== client && line !== null) shareLine(decorator, line);
  return decorator;
}

/** The id of the client's connection. `health()` tells it, but costs as much as there are streams: asked once per link. */
function connectionOf(client: Pick<Client, "health">, line: { readonly link: number } | null): () => string | null {
  let known: string | null = null;
  let ofLink = 0;
  return () => {
    if (line === null || line.link !== ofLink) known = client.health().connection;
    ofLink = line?.link ?? 0;
    return known;
  };
}

function listening(
  client: AnyClient,
  connectionId: () => string | null,
  tracer: Tracer,
  propagator: TextMapPropagator,
): AnyClient {
  // By listener, so that `off` finds what it was registered as.
  const registered = new WeakMap<EventListener, EventListener>();

  const spanned =
    (listener: EventListener): EventListener =>
    (data, meta) => {
      // Not what is active: that is whatever opened the socket.
      const base = contextOf(meta.meta, ROOT_CONTEXT, propagator);
      const attributes = attributesOf(meta);
      const span = tracer.startSpan(`process ${meta.event}`, { kind: SpanKind.CONSUMER, attributes }, base);
      const connection = span.isRecording() ? connectionId() : null;
      if (connection !== null) span.setAttribute("trunkline.connection.id", connection);
      return traced(span, base, () => listener(data, meta));
    };

  const registrationOf = (name: string, listener: EventListener): EventListener => {
    if (typeof listener !== "function" || (name !== "*" && reservedEventNames.includes(name))) return listener;
    const known = registered.get(listener) ?? spanned(listener);
    registered.set(listener, known);
    return known;
  };

  return {
    on: (name, listener, options) => client.on(name, registrationOf(name, listener), options),
    off: (name, listener) => client.off(name, registrationOf(name, listener)),
    once: (name, listener, options) =>
      typeof listener === "function"
        ? client.once(name, registrationOf(name, listener), options)
        : client.once(name, listener),
  };
}

function attributesOf({ event, channel, offset, revision, id, time }: EventMeta): Attributes {
  return {
    ...system,
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": destinationOf(channel),
    "trunkline.event": event,
    ...(offset !== undefined && { "trunkline.offset": offset }),
    ...(revision !== undefined && { "trunkline.revision": revision }),
    ...(id !== undefined && { "messaging.message.id": id }),
    ...(time !== undefined && { "trunkline.lag_ms": lagMsOf(time) }),
  };
}

/** Two clocks are compared, which need not agree. */
function lagMsOf(time: number): number {
  return Math.max(0, Date.now() - time);
}

function count(client: Client, meter: Meter): void {
  const metrics = metricsOf(meter);
  const gaps = meter.createCounter("trunkline.client.gaps", { description: "Gaps that were told.", unit: "{gap}" });
  if (client.status === "connected") metrics.connected(1);
  client.on("status", (status, previous) => {
    if (status === "connected") metrics.connected(1);
    if (previous !== "connected") return;
    metrics.connected(0);
    if (status === "reconnecting") metrics.reconnect();
  });
  client.on("gap", ({ reason }) => gaps.add(1, { "trunkline.gap.reason": reason }));
  client.on("*", (_, { time }) => metrics.event(time === undefined ? undefined : lagMsOf(time)));
}
