// A member of a channel, as streams hold it: `MEMBER@GATEWAY` on `~members/CHANNEL`, `GATEWAY` on `~count/CHANNEL` (PROTOCOL §13). Pure.
import type { StreamName } from "@trunkline/core/ports";
import { companion, companionOf } from "@trunkline/core/wire";
import { channelOf, streamName } from "../auth/principal.ts";

/** Who is on a channel. */
export interface Member {
  /** Names the client: the same on every channel and gateway, and over all its connections. Says nothing of who it is. */
  readonly member: string;
  /** Of a user: its id inside the account. */
  readonly id?: string;
  /** What it said of itself. */
  readonly data?: unknown;
  /** Since when, in ms since 1970, by the clock of its gateway. */
  readonly since: number;
}

/** Keys of one stream: the members of many gateways, and those who left a while ago. Far beyond the bound of the streams of apps. */
export const maxKeys = 1_000_000;

export function accountOf(stream: StreamName): string {
  return stream.slice(0, stream.indexOf("/"));
}

export function membersStream(account: string, channel: string): StreamName {
  return streamName(account, companion("members", channel));
}

export function countStream(account: string, channel: string): StreamName {
  return streamName(account, companion("count", channel));
}

export function memberKey(member: string, gateway: string): string {
  return `${member}@${gateway}`;
}

/** The gateway that a key of either stream belongs to. */
export function gatewayOf(key: string): string {
  return key.slice(key.lastIndexOf("@") + 1);
}

/** @param data JSON text */
export function memberBody(
  key: string,
  { id, data, since }: { readonly id?: string | undefined; readonly data: string | undefined; readonly since: number },
): string {
  const said = data === undefined ? "" : `"data":${data},`;
  const named = id === undefined ? "" : `"id":${JSON.stringify(id)},`;
  return `{"event":"member","data":{${named}${said}"since":${since}},"key":${JSON.stringify(key)}}`;
}

export function countBody(gateway: string, count: number): string {
  return JSON.stringify({ event: "count", data: count, key: gateway });
}

/** What is said of a key that is gone. */
export function goneBody(stream: StreamName, key: string): string {
  const event = companionOf(channelOf(stream))?.kind === "count" ? "count" : "member";
  return JSON.stringify({ event, data: null, key });
}

/**
 * The members that the keys of one stream stand for: one that several gateways hold is what the newest of its keys says, and has been there since
 * the oldest.
 * @param bodies by the age of the last change
 */
export function membersOf(bodies: Iterable<string>): readonly Member[] {
  const members = new Map<string, Member>();
  for (const body of bodies) {
    const { key, data } = JSON.parse(body) as { readonly key: string; readonly data: Omit<Member, "member"> };
    const member = key.slice(0, key.lastIndexOf("@"));
    const before = members.get(member);
    members.delete(member);
    members.set(member, { member, ...data, since: Math.min(data.since, before?.since ?? Infinity) });
  }
  return [...members.values()];
}
