// What a Redis broker can be told, checked once at the door.
import type { ConnectionOptions } from "node:tls";
import { systemClock } from "@trunkline/core/clock";
import { UsageError } from "@trunkline/core/errors";
import type { Clock, Logger } from "@trunkline/core/ports";
import { type RedisClient, placeOfClient } from "./client-place.ts";
import { type RedisNode, type RedisPlace, placeOf, readRedisUrl } from "./redis-url.ts";

export interface RedisBrokerOptions {
  /**
   * `redis://[user:password@]host[:port][/db]`, `rediss://…` for TLS, `redis://host:port,host:port` for a Cluster,
   * `redis+sentinel://host:port,host:port/NAME` for the primary that Sentinels call NAME. Give this, `nodes`, `sentinels` or `client`.
   */
  readonly url?: string;
  /** Some nodes of a Cluster; the others are found through them. */
  readonly nodes?: readonly RedisNode[];
  /** Sentinels, which say where the primary `name` is. */
  readonly sentinels?: readonly RedisNode[];
  readonly name?: string;
  /** A client of ioredis (no Cluster). Only its options are read: the broker connects by itself, and leaves the client alone. */
  readonly client?: RedisClient;
  readonly username?: string;
  readonly password?: string;
  /** For Sentinels that ask for one. */
  readonly sentinelPassword?: string;
  /** `true`, or what `node:tls` takes. @defaultValue as the URL says */
  readonly tls?: boolean | ConnectionOptions;
  /** What every key and channel begins with: letters, digits and `_ . : -`. @defaultValue "trunkline" */
  readonly prefix?: string;
  /** How much of each stream is kept: both bounds hold. All brokers on one Redis and prefix must agree. */
  readonly history?: {
    /** Events per stream; 0 keeps none. @defaultValue 1000 */
    readonly count?: number;
    /** Age of the oldest event, in milliseconds. @defaultValue 300_000 */
    readonly ageMs?: number;
  };
  readonly state?: {
    /** Keys per stream, deleted ones that are remembered included; a new one beyond it is refused. @defaultValue 10_000 */
    readonly maxKeys?: number;
  };
  readonly dedupe?: {
    /** How long a publish id is remembered, in milliseconds. @defaultValue 120_000 */
    readonly windowMs?: number;
  };
  /** Idle time after which a stream is forgotten, in milliseconds. @defaultValue 7 days */
  readonly headTtlMs?: number;
  /**
   * Whether this Redis never loses an acknowledged write, so that positions stay good when it restarts. Say it only of a single
   * Redis with `appendonly yes` and `appendfsync always`. @defaultValue false: another Redis process is another epoch
   */
  readonly durable?: boolean;
  /** What a call does while Redis is away: fail at once, or wait up to `waitMs`. @defaultValue "reject" */
  readonly whenAway?: "reject" | "wait";
  /** Milliseconds to wait, for Redis or for the outcome of an append whose connection was lost. @defaultValue 5000 */
  readonly waitMs?: number;
  /** Appends waiting or in flight; one more fails at once with `gateway.unavailable`. @defaultValue 10_000 */
  readonly maxPending?: number;
  /**
   * Takes plain `PUBLISH <prefix><account>/<channel> TEXT` from any process as `volatile` events: TEXT is `{"event","data"}` as
   * JSON, or any other text, which becomes the data of an event "message". @defaultValue none is taken
   */
  readonly foreign?: { readonly prefix: string };
  /** @defaultValue silent */
  readonly logger?: Logger;
  /** @defaultValue the system's */
  readonly clock?: Clock;
}

export const redisBrokerDefaults = {
  prefix: "trunkline",
  history: { count: 1000, ageMs: 300_000 },
  state: { maxKeys: 10_000 },
  dedupe: { windowMs: 120_000 },
  headTtlMs: 7 * 24 * 3_600_000,
  durable: false,
  whenAway: "reject",
  waitMs: 5000,
  maxPending: 10_000,
} as const;

export interface RedisBrokerSettings {
  readonly place: RedisPlace;
  readonly prefix: string;
  readonly historyCount: number;
  readonly historyAgeMs: number;
  readonly maxKeys: number;
  readonly windowMs: number;
  readonly headTtlMs: number;
  readonly durable: boolean;
  readonly whenAway: "reject" | "wait";
  readonly waitMs: number;
  readonly maxPending: number;
  readonly foreignPrefix: string | null;
  readonly logger: Logger | undefined;
  readonly clock: Clock;
}

/** @throws {UsageError} `usage.bad-option` naming every wrong option, and never the password */
export function resolveRedisOptions(options: RedisBrokerOptions): RedisBrokerSettings {
  const problems: string[] = [];
  const whole = (name: string, given: number | undefined, byDefault: number, least: number): number => {
    const value = given ?? byDefault;
    if (!Number.isSafeInteger(value) || value < least)
      problems.push(`${name}: expected an integer ≥ ${least}, got ${value}`);
    return value;
  };
  const defaults = redisBrokerDefaults;
  const historyAgeMs = whole("history.ageMs", options.history?.ageMs, defaults.history.ageMs, 0);
  const windowMs = whole("dedupe.windowMs", options.dedupe?.windowMs, defaults.dedupe.windowMs, 1);
  const settings = {
    prefix: options.prefix ?? defaults.prefix,
    historyCount: whole("history.count", options.history?.count, defaults.history.count, 0),
    historyAgeMs,
    maxKeys: whole("state.maxKeys", options.state?.maxKeys, defaults.state.maxKeys, 1),
    windowMs,
    // A stream forgotten earlier would leave events and publish ids of an epoch that is over.
    headTtlMs: whole("headTtlMs", options.headTtlMs, defaults.headTtlMs, Math.max(historyAgeMs, windowMs, 1)),
    durable: options.durable ?? defaults.durable,
    whenAway: options.whenAway ?? defaults.whenAway,
    waitMs: whole("waitMs", options.waitMs, defaults.waitMs, 0),
    maxPending: whole("maxPending", options.maxPending, defaults.maxPending, 1),
    foreignPrefix: options.foreign?.prefix ?? null,
    logger: options.logger,
    clock: options.clock ?? systemClock,
  };
  if (!/^[\w.:-]{1,64}$/.test(settings.prefix))
    problems.push(
      `prefix: expected 1–64 letters, digits, "_", ".", ":" or "-", got ${JSON.stringify(settings.prefix)}`,
    );
  if (settings.whenAway !== "reject" && settings.whenAway !== "wait")
    problems.push(`whenAway: expected "reject" or "wait", got ${JSON.stringify(settings.whenAway)}`);
  if (settings.foreignPrefix !== null) {
    const foreign = settings.foreignPrefix;
    // The two must not meet: a foreign process could forge events of the broker.
    if (foreign === "" || foreign.startsWith("{"))
      problems.push(`foreign.prefix: expected a text that is not empty and does not begin with "{", such as "events/"`);
  }
  const place = resolvePlace(options, problems);
  if (place === null || problems.length > 0)
    throw new UsageError("usage.bad-option", `redisBroker: ${problems.join("; ")}`);
  return { ...settings, place };
}

function resolvePlace(options: RedisBrokerOptions, problems: string[]): RedisPlace | null {
  const { url, nodes, sentinels, name, client } = options;
  const given = [url, nodes, sentinels, client].filter((each) => each !== undefined);
  if (given.length !== 1) {
    problems.push(`expected one of url, nodes, sentinels and client, got ${given.length === 0 ? "none" : "more"}`);
    return null;
  }
  if (sentinels !== undefined && (name === undefined || name === ""))
    problems.push("name: expected the name that the Sentinels give to the primary");
  const read =
    client !== undefined
      ? placeOfClient(client)
      : url === undefined
        ? placeOf({ nodes, sentinels, name })
        : readRedisUrl(url);
  if (typeof read === "string") {
    problems.push(read);
    return null;
  }
  const { username, password, sentinelPassword, tls } = options;
  return {
    ...read,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...(tls !== undefined && { tls: tls === true ? {} : tls === false ? null : tls }),
  };
}
