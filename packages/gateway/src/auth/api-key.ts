// API keys: which ones exist, and whose they are.
import { hash } from "node:crypto";
import { UsageError } from "@trunkline/core/errors";
import { channelProblem } from "@trunkline/core/wire";
import { type Principal, accountChannel, accountProblem, defaultAccount } from "./principal.ts";

export interface SecretKey {
  /** Visible ASCII characters without spaces. */
  readonly key: string;
  /** @defaultValue "default" */
  readonly account?: string;
}

export interface PublicKey {
  /** Visible ASCII characters without spaces. */
  readonly key: string;
  /** The one channel that its holders may listen to. */
  readonly channel: string;
  /** @defaultValue the account of the secret keys when they share one, else `<id>` of a channel `account.<id>` */
  readonly account?: string;
}

export interface KeyringOptions {
  readonly secretKeys?: readonly SecretKey[];
  readonly publicKeys?: readonly PublicKey[];
}

/** Whose a key is; null when it is none of the gateway's. */
export type Keyring = (key: string) => Principal | null;

/**
 * Checks the keys and takes them in by digest.
 * @throws {UsageError} `usage.bad-option` listing every problem; keys are named by index, never by value.
 */
export function keyring(options: KeyringOptions): Keyring {
  const { secretKeys = [], publicKeys = [] } = options;
  const problems: string[] = [];
  const principals = new Map<string, Principal>();
  const places = new Map<string, string>();

  const add = (place: string, key: unknown, principalOf: (keyId: string) => Principal | null): void => {
    const problem = keyProblem(key);
    if (problem !== null) problems.push(`${place}.key: ${problem}`);
    const digest = problem === null ? digestOf(key as string) : "";
    const principal = principalOf(digest.slice(0, 8));
    if (problem !== null || principal === null) return;
    const earlier = places.get(digest);
    if (earlier !== undefined) problems.push(`${place}.key: expected a key of its own, got the same as ${earlier}.key`);
    places.set(digest, place);
    principals.set(digest, principal);
  };

  for (const [index, { key, account = defaultAccount }] of secretKeys.entries()) {
    const place = `secretKeys[${index}]`;
    add(place, key, (keyId) => {
      const problem = accountProblem(account);
      if (problem !== null) problems.push(`${place}.account: ${problem}`);
      return problem === null ? { kind: "secret", account, keyId } : null;
    });
  }
  const secretAccounts = new Set(secretKeys.map(({ account = defaultAccount }) => account));
  for (const [index, { key, channel, account: given }] of publicKeys.entries()) {
    const place = `publicKeys[${index}]`;
    add(place, key, (keyId) => {
      const badChannel = channelProblem(channel);
      if (badChannel !== null) problems.push(`${place}.channel: ${badChannel}`);
      const account = given ?? (badChannel === null ? accountOfPublicKey(channel, secretAccounts) : undefined);
      const badAccount = account === null ? accountWanted : account === undefined ? null : accountProblem(account);
      if (badAccount !== null) problems.push(`${place}.account: ${badAccount}`);
      if (account === null || account === undefined || badChannel !== null || badAccount !== null) return null;
      return { kind: "public", account, channel, keyId };
    });
  }
  if (problems.length > 0) throw new UsageError("usage.bad-option", `keys: ${problems.join("; ")}`);

  // Looked up by digest: how long that takes says nothing about how much of a key was right.
  return (key) => principals.get(digestOf(key)) ?? null;
}

const accountWanted =
  "expected one, because the secret keys do not share a single account; write the account that the channel belongs to, " +
  "or use the channel account.<id>";

/** The account meant by a public key that names none, or null when that can't be known. */
function accountOfPublicKey(channel: string, secretAccounts: ReadonlySet<string>): string | null {
  // An account's own channel says whose it is, whoever else has keys.
  const prefix = accountChannel("");
  const id = channel.startsWith(prefix) ? channel.slice(prefix.length) : "";
  if (accountProblem(id) === null) return id;
  const [only] = secretAccounts;
  return secretAccounts.size === 1 && only !== undefined ? only : null;
}

function keyProblem(key: unknown): string | null {
  if (typeof key !== "string") return `expected a string, got ${key === null ? "null" : typeof key}`;
  if (key === "") return "expected a non-empty string, got an empty one";
  return /^[\x21-\x7e]+$/.test(key) ? null : "expected visible ASCII characters without spaces, got others";
}

function digestOf(key: string): string {
  return hash("sha256", key, "hex");
}
