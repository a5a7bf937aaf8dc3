// What a fresh token changes for a connection that is on some channels already. Pure.
import { type Principal, mayListen, ownChannels } from "./principal.ts";

export interface ChangedGrants {
  /** To be taken off. */
  readonly off: readonly string[];
  /** To be put on. */
  readonly on: readonly string[];
}

/** @param channels those that the connection is on. What neither token grants was given by somebody else, and stays. */
export function changedGrants(previous: Principal, next: Principal, channels: readonly string[]): ChangedGrants {
  const own = ownChannels(next);
  const kept = (channel: string): boolean => own.includes(channel) || mayListen(next, channel);
  const had = (channel: string): boolean => ownChannels(previous).includes(channel) || mayListen(previous, channel);
  return {
    off: channels.filter((channel) => had(channel) && !kept(channel)),
    on: own.filter((channel) => !channels.includes(channel)),
  };
}
