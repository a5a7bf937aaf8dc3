// Who is at the other end, and how accounts name their streams.
import type { StreamName } from "@trunkline/core/ports";

/**
 * Who was let in. `keyId` is a fingerprint of the key (8 hex digits), fit for logs; the key itself is never kept.
 * Account ids match `[A-Za-z0-9_-]{1,64}`.
 */
export type Principal =
  /** A server: publishes and listens inside its account. */
  | { readonly kind: "secret"; readonly account: string; readonly keyId: string }
  /** A page: listens to one channel. */
  | { readonly kind: "public"; readonly account: string; readonly channel: string; readonly keyId: string }
  /** Let in without a key, because the operator said so. */
  | { readonly kind: "anonymous"; readonly account: "default" };

/** The account of keys that name none, and of anonymous connections. */
export const defaultAccount = "default";

/** Why `account` can't be an account id, or null. */
export function accountProblem(account: unknown): string | null {
  if (typeof account === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(account)) return null;
  return `expected 1–64 letters, digits, "_" or "-", got ${typeof account === "string" ? JSON.stringify(account) : typeof account}`;
}

/** Whether `principal` may publish without anybody being asked; it never may outside its account. */
export function mayPublish(principal: Principal): boolean {
  return principal.kind === "secret";
}

/** The channel every connection of a secret key is on by itself, and where it publishes by default. */
export function accountChannel(account: string): string {
  return `account.${account}`;
}

/** The channel a connection is on by itself. */
export function ownChannel(principal: Principal): string {
  return principal.kind === "public" ? principal.channel : accountChannel(principal.account);
}

/** Channel names are per account on the broker: `<account>/<channel>`. */
export function streamName(account: string, channel: string): StreamName {
  return `${account}/${channel}` as StreamName;
}

/** The channel of a stream, as its account knows it. An account id holds no "/", so the first one parts the two. */
export function channelOf(stream: StreamName): string {
  return stream.slice(stream.indexOf("/") + 1);
}
