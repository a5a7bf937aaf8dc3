// A gateway's figures as metrics, and spans of what is published through it and of who comes and goes.
import { type Attributes, context, ROOT_CONTEXT, type SpanContext, SpanKind, type Tracer } from "@opentelemetry/api";
import type { Publishes } from "@trunkline/core/publish";
import type { PublishReceipt, PublishRequest } from "@trunkline/core/wire";
import { Decorated, expectMethods } from "./decorate.ts";
import { type GatewayFigures, observeGateway } from "./gateway-metrics.ts";
import { instrumentPublisher, tracedPublish } from "./instrument-publisher.ts";
import { type InstrumentOptions, resolveTelemetry } from "./options.ts";
import { system } from "./traced.ts";

/** What a decorator has to know of a connection. */
interface Connected {
  readonly id: string;
  readonly dialect: string;
  readonly principal: { readonly kind: string; readonly account: string };
}

/** What a decorator has to know of a gateway: `createGateway` of `@trunkline/gateway` makes such ones. */
export interface InstrumentableGateway {
  publish(request: PublishRequest, options?: { readonly account?: string }): Promise<PublishReceipt>;
  publisher(account?: string): Publishes;
  on(name: "connection", listener: (connection: Connected) => void): () => void;
  on(name: "disconnection", listener: (connection: Connected, code: number) => void): () => void;
  stats(): GatewayFigures;
}

const instrumented = new Decorated();

/**
 * `gateway` with its figures as metrics, a span around each publish of its own and of its publishers, and one each time that a
 * connection comes (`trunkline.connect`) and goes (`trunkline.disconnect`).
 * @returns `gateway` itself when no provider is registered
 * @throws {UsageError} `usage.bad-argument`, `usage.bad-option`
 */
export function instrumentGateway<G extends InstrumentableGateway>(gateway: G, options: InstrumentOptions = {}): G {
  expectMethods("instrumentGateway", "gateway", gateway, ["publish", "publisher", "on", "stats"]);
  const { tracer, meter, propagator } = resolveTelemetry("instrumentGateway", options);
  if (tracer === null && meter === null) return gateway;
  return instrumented.once(gateway, () => {
    if (tracer !== null) watchConnections(gateway, tracer);
    if (meter !== null) observeGateway(meter, () => gateway.stats());
    if (tracer === null) return null;
    return {
      publish: tracedPublish(gateway, tracer, propagator),
      publisher: (account?: string) => instrumentPublisher(gateway.publisher(account), options),
    };
  });
}

/** Coming and going are spans of no length: one over a whole connection would not be told of for days. */
function watchConnections(gateway: InstrumentableGateway, tracer: Tracer): void {
  const arrivals = new WeakMap<Connected, SpanContext>();
  gateway.on("connection", (connection) => {
    const attributes = connectionAttributes(connection);
    const span = tracer.startSpan("trunkline.connect", { kind: SpanKind.SERVER, attributes }, context.active());
    arrivals.set(connection, span.spanContext());
    span.end();
  });
  gateway.on("disconnection", (connection, code) => {
    const attributes = { ...connectionAttributes(connection), "trunkline.close.code": code };
    const arrival = arrivals.get(connection);
    const links = arrival === undefined ? [] : [{ context: arrival }];
    tracer.startSpan("trunkline.disconnect", { kind: SpanKind.SERVER, attributes, links }, ROOT_CONTEXT).end();
  });
}

/** The id is that of `connected` and of the gateway's log lines. */
function connectionAttributes({ id, dialect, principal }: Connected): Attributes {
  return {
    ...system,
    "trunkline.connection.id": id,
    "trunkline.dialect": dialect,
    "trunkline.account": principal.account,
    "trunkline.principal": principal.kind,
  };
}
