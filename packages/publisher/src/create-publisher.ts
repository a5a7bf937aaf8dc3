// The publisher: the verbs, over a broker or over HTTP.
import { systemClock } from "@trunkline/core/clock";
import { UsageError } from "@trunkline/core/errors";
import type { Broker } from "@trunkline/core/ports";
import { type Publishes, brokerSend, createPublishing, createVerbs, defaultAccount } from "@trunkline/core/publish";
import type { PublishReceipt } from "@trunkline/core/wire";
import { httpPlace } from "./http-place.ts";
import type { PublishFetch } from "./http-request.ts";
import { HttpRoute } from "./http-route.ts";
import {
  type BrokerPublisherOptions,
  type HttpPublisherOptions,
  type PublisherOptions,
  type RedisPublisherOptions,
  formOf,
  httpBatch,
  httpTimes,
} from "./options.ts";
import { redisRoute } from "./redis-route.ts";
import type { Route } from "./route.ts";

export interface Publisher extends Publishes {
  /** Takes no more, waits for what is under way, and closes what it opened itself. Idempotent. */
  close(): Promise<void>;
}

/**
 * `createPublisher({ url, key })` publishes over HTTP, `createPublisher({ broker, account })` and `createPublisher({ redis })`
 * straight to the broker, `createPublisher()` to where the environment says. It never throws later and leaves no rejection
 * unhandled of its own: a publish that fails rejects.
 * @throws {UsageError} `usage.bad-option`, `usage.bad-argument`
 */
export function createPublisher(options: PublisherOptions = {}): Publisher {
  const { clock = systemClock, logger } = options;
  const route = routeOf(options);
  const underWay = new Set<Promise<PublishReceipt>>();
  let closing: Promise<void> | null = null;

  const verbs = createVerbs({
    clock,
    logger,
    send: (request, wait) => {
      if (closing !== null) {
        const message = "publisher.publish: expected an open publisher, got a closed one; create another";
        return Promise.reject(new UsageError("usage.closed", message));
      }
      const sent = route.send(request, wait).finally(() => underWay.delete(sent));
      underWay.add(sent);
      return sent;
    },
  });
  return {
    ...verbs,
    close: () => {
      closing ??= Promise.allSettled(underWay).then(() => route.close());
      return closing;
    },
  };
}

function routeOf(options: PublisherOptions): Route {
  switch (formOf(options)) {
    case "broker": {
      const { broker } = options as BrokerPublisherOptions;
      return { send: sendOver(options as BrokerPublisherOptions)(broker), close: async () => {} };
    }
    case "redis": {
      const { redis, namespace, logger } = options as RedisPublisherOptions;
      return redisRoute(redis, { namespace, logger }, sendOver(options as RedisPublisherOptions));
    }
    case "url": {
      const http = options as HttpPublisherOptions;
      const { fetch = globalThis.fetch as PublishFetch, clock = systemClock, logger } = http;
      return new HttpRoute({
        place: httpPlace(http),
        fetch,
        clock,
        logger,
        batch: httpBatch(http),
        ...httpTimes(http),
      });
    }
  }
}

function sendOver(options: Omit<BrokerPublisherOptions, "broker">): (broker: Broker) => Route["send"] {
  const { account = defaultAccount, contract, clock = systemClock, logger } = options;
  return (broker) =>
    brokerSend(createPublishing({ broker, contract, clock, logger }), account, "publisher.publish", clock);
}
