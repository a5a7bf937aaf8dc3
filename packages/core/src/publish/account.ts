// How accounts name their streams.
import type { StreamName } from "../ports/broker.ts";

/** The account of keys that name none, and of anonymous connections. */
export const defaultAccount = "default";

/** The channel of an account that everybody in it is on: where events without a scope go. */
export const allChannel = "all";

/** Why `account` can't be an account id, or null. */
export function accountProblem(account: unknown): string | null {
  if (typeof account === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(account)) return null;
  return `expected 1–64 letters, digits, "_" or "-", got ${typeof account === "string" ? JSON.stringify(account) : typeof account}`;
}

/** The channel every connection of a secret key is on by itself, and where it publishes by default. */
export function accountChannel(account: string): string {
  return `account.${account}`;
}

/** Channel names are per account on the broker: `<account>/<channel>`. */
export function streamName(account: string, channel: string): StreamName {
  return `${account}/${channel}` as StreamName;
}
