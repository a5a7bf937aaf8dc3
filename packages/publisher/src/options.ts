// What a publisher can be told, checked once at the door.
import { UsageError } from "@trunkline/core/errors";
import type { Broker, Clock, Logger } from "@trunkline/core/ports";
import type { Contract } from "@trunkline/core/wire";
import type { PublishFetch } from "./http-request.ts";
import type { RedisTarget } from "./redis-route.ts";

interface CommonOptions {
  /** @defaultValue silent */
  readonly logger?: Logger;
  /** @defaultValue the system's */
  readonly clock?: Clock;
}

interface OverBroker extends CommonOptions {
  /** Inside which account. @defaultValue "default" */
  readonly account?: string;
  /** Says which events are `state` or `volatile`; give the gateways' own. @defaultValue all are `log` */
  readonly contract?: Contract;
}

/** Over a broker that is there: `{ broker: redisBroker({ url }), account: "acme" }`. Whoever made it closes it. */
export interface BrokerPublisherOptions extends OverBroker {
  readonly broker: Broker;
}

/** Over Redis, through `@trunkline/broker-redis`, which must be installed: `{ redis: "redis://localhost:6379" }`. */
export interface RedisPublisherOptions extends OverBroker {
  /** A URL, options of `redisBroker`, or a client of ioredis, of which only the options are read. */
  readonly redis: RedisTarget;
  /** What keys and channels in Redis begin with: the gateways' `prefix`. @defaultValue "trunkline" */
  readonly namespace?: string;
}

/** Over HTTP, through a gateway, which knows account and contract: `{ url: "https://app.example.com", key }`. */
export interface HttpPublisherOptions extends CommonOptions {
  /** The gateway's. @defaultValue the environment's `TRUNKLINE_URL`, or http://127.0.0.1:7777 */
  readonly url?: string;
  /** A secret key. @defaultValue the environment's `TRUNKLINE_API_KEY`, or none */
  readonly key?: string;
  /** @defaultValue the platform's */
  readonly fetch?: PublishFetch;
  /** Milliseconds for a publish with all its attempts, where it does not say. @defaultValue 30_000 */
  readonly timeoutMs?: number;
  /** Milliseconds for one attempt. @defaultValue 10_000 */
  readonly attemptTimeoutMs?: number;
  /** What goes along in one request. */
  readonly batch?: {
    /** Most events, up to 1000. @defaultValue 1000 */
    readonly max?: number;
    /** Milliseconds that a request waits for more, unless it is full. @defaultValue 0: what is called in the same turn */
    readonly flushMs?: number;
  };
}

export type PublisherOptions = BrokerPublisherOptions | RedisPublisherOptions | HttpPublisherOptions;

/** `batch.max`: PROTOCOL §8.3. */
export const httpDefaults = {
  timeoutMs: 30_000,
  attemptTimeoutMs: 10_000,
  batch: { max: 1000, flushMs: 0 },
} as const;

const forms = {
  broker: ["broker", "account", "contract"],
  redis: ["redis", "namespace", "account", "contract"],
  url: ["url", "key", "fetch", "timeoutMs", "attemptTimeoutMs", "batch"],
} as const;

/**
 * By which of its forms `options` was given.
 * @throws {UsageError} `usage.bad-option` naming what does not go together
 */
export function formOf(options: PublisherOptions): "broker" | "redis" | "url" {
  const given = Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name]) => name);
  const form = given.includes("broker") ? "broker" : given.includes("redis") ? "redis" : "url";
  const known: readonly string[] = [...forms[form], "logger", "clock"];
  const strangers = given.filter((name) => !known.includes(name));
  const { broker, redis } = options as { readonly broker?: Partial<Broker>; readonly redis?: unknown };
  if (form === "broker" && typeof broker?.append !== "function")
    throw bad(`broker: expected one, such as redisBroker({ url }), got ${broker === null ? "null" : typeof broker}`);
  if (form === "redis" && typeof redis !== "string" && (typeof redis !== "object" || redis === null))
    throw bad(`redis: expected a URL, options of redisBroker or a client of ioredis, got ${typeof redis}`);
  if (strangers.length === 0) return form;
  throw bad(
    `expected ${known.join(", ")} ${form === "url" ? "over HTTP" : `with ${form}`}, got ${strangers.join(", ")}`,
  );
}

/** @throws {UsageError} `usage.bad-option` */
export function httpTimes(options: HttpPublisherOptions): {
  readonly timeoutMs: number;
  readonly attemptTimeoutMs: number;
} {
  const { timeoutMs = httpDefaults.timeoutMs, attemptTimeoutMs = httpDefaults.attemptTimeoutMs } = options;
  for (const [name, value] of Object.entries({ timeoutMs, attemptTimeoutMs })) {
    if (!(value > 0)) throw bad(`${name}: expected more than 0, got ${String(value)}`);
  }
  return { timeoutMs, attemptTimeoutMs };
}

/** @throws {UsageError} `usage.bad-option` */
export function httpBatch({ batch = {} }: HttpPublisherOptions): { readonly max: number; readonly flushMs: number } {
  const { max = httpDefaults.batch.max, flushMs = httpDefaults.batch.flushMs, ...others } = batch;
  const [stranger] = Object.keys(others);
  if (stranger !== undefined) throw bad(`batch: expected max and flushMs, got ${stranger}`);
  if (!Number.isInteger(max) || max < 1 || max > httpDefaults.batch.max)
    throw bad(`batch.max: expected an integer from 1 to ${httpDefaults.batch.max}, got ${String(max)}`);
  if (!(flushMs >= 0 && flushMs < Infinity)) throw bad(`batch.flushMs: expected 0 or more, got ${String(flushMs)}`);
  return { max, flushMs };
}

function bad(problem: string): UsageError {
  return new UsageError("usage.bad-option", `createPublisher: ${problem}`);
}
