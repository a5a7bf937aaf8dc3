// A gateway in production that keeps things in memory may be one of several that know nothing of each other.
import type { Logger } from "@trunkline/core/ports";
import type { GatewayOptions } from "./options.ts";

/** What was given is meant, also where it is in memory. */
export function warnOfMemory({ broker, pages }: Pick<GatewayOptions, "broker" | "pages">, logger: Logger): void {
  if (process.env["NODE_ENV"] !== "production") return;
  if (broker === undefined) logger.warn(streamsInMemory);
  else if (pages !== undefined && pages.registry === undefined) logger.warn(pagesInMemory);
}

const streamsInMemory =
  "streams are kept in the memory of this process only: other gateways don't share them, and a restart loses them. " +
  "Give a `broker` such as redisBroker({ url }); where one process is all there is, give memoryBroker()";
const pagesInMemory =
  "what pages are subscribed to is kept in the memory of this process only: a page whose socket comes to another gateway hears nothing. " +
  "Give a `pages.registry` such as redisRegistry({ url }); where one process is all there is, give memoryRegistry()";
