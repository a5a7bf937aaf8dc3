// What a Redis broker can be told, checked once at the door.
import { type RedisAccess, type RedisAccessOptions, redisAccessDefaults, resolveAccess } from "./access-options.ts";
import { OptionCheck } from "./option-check.ts";

export interface RedisBrokerOptions extends RedisAccessOptions {
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
  /** Appends waiting or in flight; one more fails at once with `gateway.unavailable`. @defaultValue 10_000 */
  readonly maxPending?: number;
  /**
   * Takes plain `PUBLISH <prefix><account>/<channel> TEXT` from any process as `volatile` events: TEXT is `{"event","data"}` as
   * JSON, or any other text, which becomes the data of an event "message". @defaultValue none is taken
   */
  readonly foreign?: { readonly prefix: string };
}

export const redisBrokerDefaults = {
  prefix: "trunkline",
  history: { count: 1000, ageMs: 300_000 },
  state: { maxKeys: 10_000 },
  dedupe: { windowMs: 120_000 },
  headTtlMs: 7 * 24 * 3_600_000,
  durable: false,
  ...redisAccessDefaults,
  maxPending: 10_000,
} as const;

export interface RedisBrokerSettings extends RedisAccess {
  readonly prefix: string;
  readonly historyCount: number;
  readonly historyAgeMs: number;
  readonly maxKeys: number;
  readonly windowMs: number;
  readonly headTtlMs: number;
  readonly durable: boolean;
  readonly maxPending: number;
  readonly foreignPrefix: string | null;
}

/** @throws {UsageError} `usage.bad-option` naming every wrong option, and never the password */
export function resolveRedisOptions(options: RedisBrokerOptions): RedisBrokerSettings {
  const check = new OptionCheck();
  const defaults = redisBrokerDefaults;
  const historyAgeMs = check.whole("history.ageMs", options.history?.ageMs, defaults.history.ageMs, 0);
  const windowMs = check.whole("dedupe.windowMs", options.dedupe?.windowMs, defaults.dedupe.windowMs, 1);
  const access = resolveAccess(options, check);
  const settings = {
    prefix: check.prefix(options.prefix, defaults.prefix),
    historyCount: check.whole("history.count", options.history?.count, defaults.history.count, 0),
    historyAgeMs,
    maxKeys: check.whole("state.maxKeys", options.state?.maxKeys, defaults.state.maxKeys, 1),
    windowMs,
    // A stream forgotten earlier would leave events and publish ids of an epoch that is over.
    headTtlMs: check.whole("headTtlMs", options.headTtlMs, defaults.headTtlMs, Math.max(historyAgeMs, windowMs, 1)),
    durable: options.durable ?? defaults.durable,
    maxPending: check.whole("maxPending", options.maxPending, defaults.maxPending, 1),
    foreignPrefix: options.foreign?.prefix ?? null,
  };
  if (settings.foreignPrefix !== null) {
    const foreign = settings.foreignPrefix;
    // The two must not meet: a foreign process could forge events of the broker.
    if (foreign === "" || foreign.startsWith("{"))
      check.problems.push(
        `foreign.prefix: expected a text that is not empty and does not begin with "{", such as "events/"`,
      );
  }
  if (access === null || check.problems.length > 0) throw check.error("redisBroker");
  return { ...settings, ...access };
}
