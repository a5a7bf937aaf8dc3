// A gateway in production that was given no broker may be one of several that know nothing of each other.
import type { Broker, Logger } from "@trunkline/core/ports";

/** @param broker what the gateway was given; one in memory that was given is meant */
export function warnOfMemory(broker: Broker | undefined, logger: Logger): void {
  if (broker !== undefined || process.env["NODE_ENV"] !== "production") return;
  logger.warn(
    "streams are kept in the memory of this process only: other gateways don't share them, and a restart loses them. " +
      "Give a `broker` such as redisBroker({ url }); where one process is all there is, give memoryBroker()",
  );
}
