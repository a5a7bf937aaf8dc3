// What every door needs to find out who is there.
import type { Clock } from "@trunkline/core/ports";
import type { GatewayOptions, ResolvedOptions } from "../options.ts";
import { type Entrance, createEntrance } from "./entrance.ts";
import { ReadRequest, type RequestSource } from "./request-info.ts";
import { type FarEnd, farEnd } from "./trusted-proxies.ts";
import { WaitingRoom } from "./waiting-room.ts";

export interface Reception {
  readonly entrance: Entrance;
  readonly waitingRoom: WaitingRoom;
  readRequest(source: RequestSource): ReadRequest;
}

export interface ReceptionHost {
  readonly clock: Pick<Clock, "setTimer" | "clearTimer">;
  /** Links that it is not known of who they are. */
  readonly greeting: () => number;
  readonly onGreeting: (change: 1 | -1) => void;
  /** An authenticator failed. */
  readonly onFailure: (cause: unknown) => void;
}

/** @throws {UsageError} `usage.bad-option` saying what is wrong; also when nobody could come in */
export function createReception(
  options: GatewayOptions,
  { limits, greetTimeoutMs, trustedProxies, proxyHeader }: ResolvedOptions,
  { clock, greeting, onGreeting, onFailure }: ReceptionHost,
): Reception {
  const find: FarEnd | undefined = trustedProxies.length === 0 ? undefined : farEnd(trustedProxies, proxyHeader);
  return {
    entrance: createEntrance(options, onFailure),
    waitingRoom: new WaitingRoom({
      clock,
      withinMs: greetTimeoutMs,
      hasRoom: () => greeting() < limits.greetings,
      onWaiting: onGreeting,
    }),
    readRequest: (source) => new ReadRequest(source, find),
  };
}
