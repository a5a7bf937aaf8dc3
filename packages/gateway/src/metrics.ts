// What a gateway counts. Counting is adding to plain numbers; prom-client is loaded by the first scrape and reads them.
import type { PublishObserver } from "@trunkline/core/publish";
import type { Delivery } from "@trunkline/core/wire";
import type { Dialect } from "./dialect.ts";

/**
 * The counters of one gateway. Whoever does a thing counts it; nobody but `metricsPage` and `statsSnapshot` reads them.
 * Those in brackets go up and down, the others only up.
 */
export interface GatewayStats {
  /** [Open connections that were greeted.] */
  readonly connections: Record<Dialect, number>;
  /** [Channels with at least one connection.] */
  channels: number;
  /** [Streams subscribed on the broker.] */
  brokerSubscriptions: number;
  /** [Members of channels that are connected here, once for each channel.] */
  members: number;
  /** Events accepted here, duplicates left out. */
  readonly published: Record<Delivery, number>;
  /** Events sent to connections: one event to ten connections is ten. */
  delivered: number;
  /** Bytes of frames given to sockets. */
  bytes: number;
  /** Events a connection will not get: `volatile` ones for slow readers, and those told as a gap. */
  dropped: number;
  /** Times that a connection fell behind its streams. */
  lagging: number;
  /** Refused upgrades, hellos, subscribes and publishes, and what was unreadable on the broker, by error code. Codes are constants, so this stays small. */
  readonly refused: Map<string, number>;
  /** Failures of listeners, hooks and sockets. */
  errors: number;
  draining: boolean;
  readonly publishDuration: PublishDuration;
}

interface PublishDuration {
  /** Publishes that took at most `publishBucketsMs[index]` and more than the bucket before; the last is the rest. */
  readonly buckets: number[];
  sumMs: number;
}

/** A moment of the counters, as `gateway.stats()` returns it. */
export interface StatsSnapshot {
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

const publishBucketsMs = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1000, 5000] as const;

export function createStats(): GatewayStats {
  return {
    connections: { v1: 0, plain: 0, raw: 0 },
    channels: 0,
    brokerSubscriptions: 0,
    members: 0,
    published: { log: 0, state: 0, volatile: 0 },
    delivered: 0,
    bytes: 0,
    dropped: 0,
    lagging: 0,
    refused: new Map(),
    errors: 0,
    draining: false,
    publishDuration: { buckets: Array.from({ length: publishBucketsMs.length + 1 }, () => 0), sumMs: 0 },
  };
}

export function countRefused(stats: GatewayStats, code: string): void {
  stats.refused.set(code, (stats.refused.get(code) ?? 0) + 1);
}

/** Counts publishes in `stats`. `saw` hears of each event that is accepted. */
export function publishObserver(stats: GatewayStats, saw?: PublishObserver["saw"]): PublishObserver {
  const { publishDuration, published } = stats;
  return {
    refused: (code) => countRefused(stats, code),
    accepted: (delivery, duplicate, durationMs) => {
      if (!duplicate) published[delivery] += 1;
      const found = publishBucketsMs.findIndex((boundMs) => durationMs <= boundMs);
      const bucket = found === -1 ? publishBucketsMs.length : found;
      publishDuration.buckets[bucket] = (publishDuration.buckets[bucket] ?? 0) + 1;
      publishDuration.sumMs += durationMs;
    },
    saw,
  };
}

export function statsSnapshot(stats: GatewayStats): StatsSnapshot {
  const { channels, brokerSubscriptions, members, delivered, bytes, dropped, lagging, errors, draining } = stats;
  const connections = sum(Object.values(stats.connections));
  const published = sum(Object.values(stats.published));
  const refused = sum([...stats.refused.values()]);
  return {
    connections,
    channels,
    brokerSubscriptions,
    members,
    published,
    delivered,
    bytes,
    dropped,
    lagging,
    refused,
    errors,
    draining,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

export interface MetricsPage {
  /** @example "text/plain; version=0.0.4; charset=utf-8" */
  readonly contentType: string;
  readonly text: string;
}

/** Renders `stats` for Prometheus. Each gateway has a registry of its own: two of them in one process do not mix. */
export function metricsPage(stats: GatewayStats): () => Promise<MetricsPage> {
  let registry: ReturnType<typeof register> | undefined;
  return async () => {
    // Loaded here, so that a gateway nobody scrapes does not pay for it at start.
    registry ??= register(stats);
    const { contentType, metrics } = await registry;
    return { contentType, text: await metrics() };
  };
}

async function register(stats: GatewayStats): Promise<{ contentType: string; metrics: () => Promise<string> }> {
  const { Counter, Gauge, Registry } = await import("prom-client");
  const registry = new Registry();
  const registers = [registry];

  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  const counter = (name: string, help: string, read: () => number): void => {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  };
  const labelled = (
    kind: typeof Counter | typeof Gauge,
    name: string,
    help: string,
    label: string,
    read: () => Iterable<readonly [string, number]>,
  ): void => {
    new kind<string>({
      name,
      help,
      registers,
      labelNames: [label],
      collect() {
        this.reset();
        for (const [value, number] of read()) this.inc({ [label]: value }, number);
      },
    });
  };

  labelled(Gauge, "trunkline_connections", "Open connections.", "dialect", () => Object.entries(stats.connections));
  gauge("trunkline_channels", "Channels with at least one connection.", () => stats.channels);
  gauge("trunkline_broker_subscriptions", "Streams subscribed on the broker.", () => stats.brokerSubscriptions);
  gauge("trunkline_members", "Members of channels that are connected here, once per channel.", () => stats.members);
  gauge("trunkline_draining", "1 while the gateway drains.", () => (stats.draining ? 1 : 0));
  labelled(Counter, "trunkline_events_published_total", "Events accepted.", "delivery", () =>
    Object.entries(stats.published),
  );
  counter("trunkline_messages_delivered_total", "Events sent to connections.", () => stats.delivered);
  counter("trunkline_sent_bytes_total", "Bytes of frames given to sockets.", () => stats.bytes);
  counter("trunkline_messages_dropped_total", "Events that a connection will not get.", () => stats.dropped);
  counter("trunkline_connections_lagging_total", "Times a connection fell behind its streams.", () => stats.lagging);
  labelled(Counter, "trunkline_refused_total", "Refused requests.", "reason", () => stats.refused);
  counter("trunkline_errors_total", "Failures of listeners, hooks and sockets.", () => stats.errors);

  return { contentType: registry.contentType, metrics: async () => (await registry.metrics()) + durationText(stats) };
}

/** Written by hand: prom-client's histogram would have to be told of every publish, and could not be given totals. */
function durationText({ publishDuration: { buckets, sumMs } }: GatewayStats): string {
  const name = "trunkline_publish_duration_seconds";
  const lines = [`# HELP ${name} From a publish request to the broker's answer.`, `# TYPE ${name} histogram`];
  let count = 0;
  for (const [index, inBucket] of buckets.entries()) {
    count += inBucket;
    const boundMs = publishBucketsMs[index];
    lines.push(`${name}_bucket{le="${boundMs === undefined ? "+Inf" : boundMs / 1000}"} ${count}`);
  }
  return `\n${[...lines, `${name}_sum ${sumMs / 1000}`, `${name}_count ${count}`].join("\n")}\n`;
}
