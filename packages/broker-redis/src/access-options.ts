// Where Redis is, as whom to come, and what to do while it is away: what the broker and the registry are both told.
import type { ConnectionOptions } from "node:tls";
import { systemClock } from "@trunkline/core/clock";
import type { Clock, Logger } from "@trunkline/core/ports";
import { type RedisClient, placeOfClient } from "./client-place.ts";
import type { OptionCheck } from "./option-check.ts";
import { type RedisNode, type RedisPlace, placeOf, readRedisUrl } from "./redis-url.ts";

export interface RedisAccessOptions {
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
  /** A client of ioredis (no Cluster). Only its options are read: connections are made anew, and the client is left alone. */
  readonly client?: RedisClient;
  readonly username?: string;
  readonly password?: string;
  /** For Sentinels that ask for one. */
  readonly sentinelPassword?: string;
  /** `true`, or what `node:tls` takes. @defaultValue as the URL says */
  readonly tls?: boolean | ConnectionOptions;
  /** What a call does while Redis is away: fail at once, or wait up to `waitMs`. @defaultValue "reject" */
  readonly whenAway?: "reject" | "wait";
  /** Milliseconds to wait, for Redis or for the outcome of a call whose connection was lost. @defaultValue 5000 */
  readonly waitMs?: number;
  /** @defaultValue silent */
  readonly logger?: Logger;
  /** @defaultValue the system's */
  readonly clock?: Clock;
}

export const redisAccessDefaults = { whenAway: "reject", waitMs: 5000 } as const;

export interface RedisAccess {
  readonly place: RedisPlace;
  readonly whenAway: "reject" | "wait";
  readonly waitMs: number;
  readonly logger: Logger | undefined;
  readonly clock: Clock;
}

/** @returns null when the place could not be read, which is noted */
export function resolveAccess(options: RedisAccessOptions, check: OptionCheck): RedisAccess | null {
  const whenAway = options.whenAway ?? redisAccessDefaults.whenAway;
  if (whenAway !== "reject" && whenAway !== "wait")
    check.problems.push(`whenAway: expected "reject" or "wait", got ${JSON.stringify(whenAway)}`);
  const waitMs = check.whole("waitMs", options.waitMs, redisAccessDefaults.waitMs, 0);
  const place = resolvePlace(options, check.problems);
  if (place === null) return null;
  return { place, whenAway, waitMs, logger: options.logger, clock: options.clock ?? systemClock };
}

function resolvePlace(options: RedisAccessOptions, problems: string[]): RedisPlace | null {
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
