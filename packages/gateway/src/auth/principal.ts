// Who is at the other end, and how accounts name their streams.
import { hash } from "node:crypto";
import type { StreamName } from "@trunkline/core/ports";
import { accountChannel, accountProblem, defaultAccount } from "@trunkline/core/publish";
import { byteLength, channelProblem } from "@trunkline/core/wire";

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
  | AnonymousPrincipal;

/** What somebody may who is asked nothing more; `*` at the end of a channel stands for any rest. */
export interface PrincipalRights {
  /** Channels it may subscribe to. @defaultValue none */
  readonly mayListen?: readonly string[];
  /** Channels it may publish to. @defaultValue none */
  readonly mayPublish?: readonly string[];
  /** Channels that it may be a member of, and see the members of when it may listen to them. @defaultValue none */
  readonly mayAttend?: readonly string[];
}

export interface AnonymousPrincipal extends PrincipalRights {
  readonly kind: "anonymous";
  readonly account: "default";
}

export interface UserPrincipal extends PrincipalRights {
  readonly kind: "user";
  readonly account: string;
  /** Whose it is, inside the account: 1–256 bytes. */
  readonly id: string;
  /** Channels it is on by itself. @defaultValue none */
  readonly channels?: readonly string[];
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

/** Somebody who was let in without a word about who it is. */
export const anonymous: AnonymousPrincipal = { kind: "anonymous", account: defaultAccount };

/** Whether `principal` may publish to `channel` of its account without anybody being asked. */
export function mayPublish(principal: Principal, channel: string): boolean {
  return principal.kind === "secret" || isAmong(rightsOf(principal).mayPublish, channel);
}

/** Whether `principal` may subscribe to `channel` of its account without anybody being asked. */
export function mayListen(principal: Principal, channel: string): boolean {
  return isAmong(rightsOf(principal).mayListen, channel);
}

/** Whether `principal` may be a member of `channel` of its account without anybody being asked, and see its members where it may listen. */
export function mayAttend(principal: Principal, channel: string): boolean {
  return principal.kind === "secret" || isAmong(rightsOf(principal).mayAttend, channel);
}

function rightsOf(principal: Principal): PrincipalRights {
  return principal.kind === "user" || principal.kind === "anonymous" ? principal : {};
}

function isAmong(patterns: readonly string[] = [], channel: string): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith("*") ? channel.startsWith(pattern.slice(0, -1)) : channel === pattern,
  );
}

/**
 * Whether `principal` may give its event this id. By `push:` clients take events of several channels for one and show the first (PROTOCOL §8.7): whoever
 * used the id of somebody else's could keep that from being shown.
 */
export function mayUseId(principal: Principal, id: unknown): boolean {
  return principal.kind === "secret" || typeof id !== "string" || !id.startsWith("push:");
}

/** What is said to whoever may not. */
export const idForbidden = 'id: expected one that does not begin with "push:", which secret keys alone may use';

/** The channels a connection is on by itself. */
export function ownChannels(principal: Principal): readonly string[] {
  switch (principal.kind) {
    case "user":
      return principal.channels ?? [];
    case "public":
      return [principal.channel];
    case "secret":
    case "anonymous":
      return [accountChannel(principal.account)];
  }
}

/** Why `value` can't be a principal, or null. Accounts and channels end up in the names of streams, so each is looked at. */
export function principalProblem(value: unknown): string | null {
  if (typeof value !== "object" || value === null)
    return `expected a principal or null, got ${value === null ? "null" : typeof value}`;
  const principal = value as Principal;
  const account = accountProblem(principal.account);
  if (account !== null) return `account: ${account}`;
  switch (principal.kind) {
    case "user":
      return userProblem(principal);
    case "secret":
      return keyIdProblem(principal.keyId);
    case "public": {
      const problem = channelProblem(principal.channel);
      return problem === null ? keyIdProblem(principal.keyId) : `channel: ${problem}`;
    }
    case "anonymous":
      return principal.account === defaultAccount
        ? rightsProblem(principal)
        : `account: expected "default" of an anonymous one`;
    default:
      return 'kind: expected "user", "secret", "public" or "anonymous", got another';
  }
}

function userProblem(user: UserPrincipal): string | null {
  const { id, scope, expiresAt } = user;
  // Half characters would make two ids one wherever bytes are counted, hashed or sent.
  if (typeof id !== "string" || id === "" || byteLength(id) > 256 || /\p{Cs}/u.test(id))
    return "id: expected 1–256 bytes of text, got others";
  if (scope !== undefined && typeof scope !== "string") return `scope: expected a string, got ${typeof scope}`;
  if (expiresAt !== undefined && !Number.isFinite(expiresAt))
    return `expiresAt: expected ms since 1970, got ${typeof expiresAt}`;
  return listProblem("channels", user.channels, channelProblem) ?? rightsProblem(user);
}

/** Why `rights` can't be what somebody may, or null. */
export function rightsProblem(rights: PrincipalRights): string | null {
  for (const name of ["mayListen", "mayPublish", "mayAttend"] as const) {
    const problem = listProblem(name, rights[name], patternProblem);
    if (problem !== null) return problem;
  }
  return null;
}

function listProblem(name: string, list: unknown = [], problemOf: (item: unknown) => string | null): string | null {
  if (!Array.isArray(list)) return `${name}: expected a list of channels, got ${list === null ? "null" : typeof list}`;
  for (const [index, item] of list.entries()) {
    const problem = problemOf(item);
    if (problem !== null) return `${name}[${index}]: ${problem}`;
  }
  return null;
}

function patternProblem(pattern: unknown): string | null {
  if (pattern === "*") return null;
  return channelProblem(typeof pattern === "string" && pattern.endsWith("*") ? pattern.slice(0, -1) : pattern);
}

function keyIdProblem(keyId: unknown): string | null {
  // No key may share the dedupe keys of users, of those without a name, or of the gateway's own code.
  const fits = typeof keyId === "string" && /^(?!user-|anonymous$|gateway$)[\w-]{1,64}$/.test(keyId);
  return fits ? null : 'keyId: expected 1–64 letters, digits, "_" or "-", got others';
}

/** The channel of a stream, as its account knows it. An account id holds no "/", so the first one parts the two. */
export function channelOf(stream: StreamName): string {
  return stream.slice(stream.indexOf("/") + 1);
}
