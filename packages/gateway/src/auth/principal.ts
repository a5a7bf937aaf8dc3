// Who is at the other end, and how accounts name their streams.
import { hash } from "node:crypto";
import type { StreamName } from "@trunkline/core/ports";
import { accountChannel } from "@trunkline/core/publish";

export { accountChannel, accountProblem, defaultAccount, streamName } from "@trunkline/core/publish";

/**
 * Who was let in. `keyId` is a fingerprint of the key (8 hex digits), fit for logs; the key itself is never kept.
 * Account ids match `[A-Za-z0-9_-]{1,64}`.
 */
export type Principal =
  /** A server: publishes and listens inside its account. */
  | { readonly kind: "secret"; readonly account: string; readonly keyId: string }
  /** A page: listens to one channel. */
  | { readonly kind: "public"; readonly account: string; readonly channel: string; readonly keyId: string }
  /** A person or a device: what its authenticator says of it. */
  | UserPrincipal
  /** Let in without a key, because the operator said so. */
  | { readonly kind: "anonymous"; readonly account: "default" };

export interface UserPrincipal {
  readonly kind: "user";
  readonly account: string;
  /** Whose it is, inside the account: 1–256 bytes. */
  readonly id: string;
  /** Channels it is on by itself. @defaultValue none */
  readonly channels?: readonly string[];
  /** Channels it may subscribe to; `*` at the end of one stands for any rest. @defaultValue none */
  readonly mayListen?: readonly string[];
  /** Channels it may publish to, in the same form. @defaultValue none */
  readonly mayPublish?: readonly string[];
  /** What part of the account it belongs to, such as `organization.1234`. */
  readonly scope?: string;
  /** When it ends, in ms since 1970. @defaultValue never */
  readonly expiresAt?: number;
  /** What else its token says. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** Tells principals of an account apart, fit for logs and without ":": no two of them share dedupe keys or instances. */
export function principalKey(principal: Principal): string {
  switch (principal.kind) {
    case "user":
      return `user-${hash("sha256", principal.id, "base64url").slice(0, 22)}`;
    case "anonymous":
      return "anonymous";
    case "public":
    case "secret":
      return principal.keyId;
  }
}

/** Whether `principal` may publish without anybody being asked; it never may outside its account. */
export function mayPublish(principal: Principal): boolean {
  return principal.kind === "secret";
}

/** The channel a connection is on by itself. */
export function ownChannel(principal: Principal): string {
  return principal.kind === "public" ? principal.channel : accountChannel(principal.account);
}

/** The channel of a stream, as its account knows it. An account id holds no "/", so the first one parts the two. */
export function channelOf(stream: StreamName): string {
  return stream.slice(stream.indexOf("/") + 1);
}
