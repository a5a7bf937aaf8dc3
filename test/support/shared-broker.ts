// One broker for several gateways of a test, of each kind.
import { redisBroker } from "@trunkline/broker-redis";
import type { Broker } from "@trunkline/core/ports";
import { memoryBroker } from "@trunkline/gateway";

let opened = 0;

/** For `describe.each`. `shared()` begins a broker that is nobody else's; what it returns makes each gateway's way to it. */
export function sharedBrokers(
  redisUrl: () => string,
): readonly (readonly [name: string, shared: () => () => Broker])[] {
  return [
    [
      "one memory",
      () => {
        const broker = memoryBroker();
        return () => broker;
      },
    ],
    [
      "one Redis",
      () => {
        const prefix = `shared${opened++}`;
        return () => redisBroker({ url: redisUrl(), prefix });
      },
    ],
  ];
}
