// What all gateways of a broker hear of channels that they may have: pushes by pattern (PROTOCOL §8.8).
import type { Broker } from "@trunkline/core/ports";
import { type PatternPush, patternPushStream, readPatternPush } from "@trunkline/core/publish";
import type { Hub } from "./hub/hub.ts";
import { VolatileLine } from "./volatile-line.ts";

/** @param onPush hears each as well */
export function pushLine(
  broker: Broker,
  hub: Pick<Hub, "onPush" | "onUnreadable">,
  onPush: (push: PatternPush, time: number) => void,
): VolatileLine {
  const onTold = (body: string, time: number): void => {
    const push = readPatternPush(body);
    if (push === null) return hub.onUnreadable();
    hub.onPush(push, time);
    onPush(push, time);
  };
  return new VolatileLine({ broker, stream: patternPushStream, onTold });
}
