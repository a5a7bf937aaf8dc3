// What a fresh token changes for a connection that is on some channels already. Pure.
import type { Principal } from "./principal.ts";

export interface ChangedGrants {
  /** To be taken off. */
  readonly off: readonly string[];
  /** To be put on. */
  readonly on: readonly string[];
}

/** @param channels those that the connection is on. What neither token grants was given by somebody else, and stays. */
export function changedGrants(previous: Principal, next: Principal, channels: readonly string[]): ChangedGrants {
  const before = grantsOf(previous);
  const after = grantsOf(next);
  return {
    off: channels.filter((channel) => before.some(covers(channel)) && !after.some(covers(channel))),
    on: (next.kind === "user" ? (next.channels ?? []) : []).filter((channel) => !channels.includes(channel)),
  };
}

/** Names, and patterns with `*` at the end. */
function grantsOf(principal: Principal): readonly string[] {
  return principal.kind === "user" ? [...(principal.channels ?? []), ...(principal.mayListen ?? [])] : [];
}

function covers(channel: string): (grant: string) => boolean {
  return (grant) => (grant.endsWith("*") ? channel.startsWith(grant.slice(0, -1)) : channel === grant);
}
