import type { Meter, Observable } from "@opentelemetry/api";

/** What `gateway.stats()` tells. */
export interface GatewayFigures {
  readonly connections: number;
  readonly channels: number;
  readonly brokerSubscriptions: number;
  readonly members: number;
  readonly published: number;
  readonly delivered: number;
  readonly bytes: number;
  readonly dropped: number;
  readonly lagging: number;
  readonly refused: number;
  readonly errors: number;
  readonly draining: boolean;
}

interface Instrument {
  /** A counter only increases; a level goes up and down. */
  readonly kind: "counter" | "level";
  readonly name: string;
  readonly unit: string;
  readonly description: string;
}

const instruments: Readonly<Record<keyof GatewayFigures, Instrument>> = {
  connections: level("connections", "{connection}", "Open connections."),
  channels: level("channels", "{channel}", "Channels with at least one connection."),
  brokerSubscriptions: level("broker.subscriptions", "{subscription}", "Streams subscribed on the broker."),
  members: level("members", "{member}", "Members of channels that are connected here, once per channel."),
  published: counter("events.published", "{event}", "Events accepted."),
  delivered: counter("messages.delivered", "{message}", "Events sent to connections."),
  bytes: counter("sent", "By", "Bytes of frames given to sockets."),
  dropped: counter("messages.dropped", "{message}", "Events that a connection will not get."),
  lagging: counter("connections.lagging", "{occurrence}", "Times a connection fell behind its streams."),
  refused: counter("refused", "{request}", "Refused upgrades, hellos, subscribes and publishes."),
  errors: counter("errors", "{error}", "Failures of listeners, hooks and sockets."),
  draining: level("draining", "1", "1 while the gateway drains."),
};

/**
 * Reads `stats` once per collection, also when the gateway is closed: an SDK goes on showing what an instrument that fell silent
 * last told, such as connections that are long gone.
 */
export function observeGateway(meter: Meter, stats: () => GatewayFigures): void {
  const observed = Object.entries(instruments).map(([field, { kind, name, ...options }]) => {
    const instrument: Observable =
      kind === "counter"
        ? meter.createObservableCounter(name, options)
        : meter.createObservableUpDownCounter(name, options);
    return [field as keyof GatewayFigures, instrument] as const;
  });
  meter.addBatchObservableCallback(
    (result) => {
      const figures = stats();
      for (const [field, instrument] of observed) result.observe(instrument, Number(figures[field]));
    },
    observed.map(([, instrument]) => instrument),
  );
}

function counter(name: string, unit: string, description: string): Instrument {
  return { kind: "counter", name: `trunkline.gateway.${name}`, unit, description };
}

function level(name: string, unit: string, description: string): Instrument {
  return { kind: "level", name: `trunkline.gateway.${name}`, unit, description };
}
