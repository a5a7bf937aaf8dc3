// A broker that the publisher opens by itself, loaded only by those who ask for it.
import type { RedisBrokerOptions, RedisClient } from "@trunkline/broker-redis";
import { UsageError } from "@trunkline/core/errors";
import type { Broker, Logger } from "@trunkline/core/ports";
import type { Route } from "./route.ts";

/** A URL, options of `redisBroker`, or a client of ioredis, whose options say where Redis is; it is not used itself. */
export type RedisTarget = string | RedisBrokerOptions | RedisClient;

/**
 * Starts to connect at once. What can't be is told by each publish.
 * @param over makes a route of the broker
 */
export function redisRoute(
  redis: RedisTarget,
  options: { readonly namespace: string | undefined; readonly logger: Logger | undefined },
  over: (broker: Broker) => Route["send"],
): Route {
  const opening = open(redis, options).then((broker) => ({ broker, send: over(broker) }));
  // Each publish hears of it.
  opening.catch(() => {});
  return {
    send: async (request, wait) => (await opening).send(request, wait),
    close: () =>
      opening.then(
        ({ broker }) => broker.close(),
        () => {},
      ),
  };
}

async function open(
  redis: RedisTarget,
  { namespace, logger }: { readonly namespace: string | undefined; readonly logger: Logger | undefined },
): Promise<Broker> {
  let redisBroker: (options: RedisBrokerOptions) => Broker;
  try {
    ({ redisBroker } = await import("@trunkline/broker-redis"));
  } catch (cause) {
    const message =
      "createPublisher: redis: expected @trunkline/broker-redis to be installed; install it, or give `url`";
    throw new UsageError("usage.unsupported", message, { cause });
  }
  const given = typeof redis === "string" ? { url: redis } : "options" in redis ? { client: redis } : redis;
  return redisBroker({
    ...(logger !== undefined && { logger }),
    ...given,
    ...(namespace !== undefined && { prefix: namespace }),
  });
}
