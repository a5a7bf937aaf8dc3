// One secret, a key for each purpose: what was made for one can't pass for another.
import { type KeyObject, createSecretKey, hkdfSync } from "node:crypto";
import { UsageError } from "@trunkline/core/errors";

/** A key of an HMAC. A `KeyObject` prints without its bytes. */
export type HmacKey = string | Uint8Array | KeyObject;

export interface PageKeys {
  /** Signs the visitor's key in its cookie. */
  readonly session: KeyObject;
  /** Signs connection ids in pages. */
  readonly connectionId: KeyObject;
  /** Makes connection keys. */
  readonly connection: KeyObject;
}

const minSecretLength = 32;

/**
 * HKDF-SHA256 of the secret (as UTF-8) without a salt: 32 bytes for each of the labels below.
 * @param secret at least 32 characters (or bytes), the same on every gateway: random ones, such as of `openssl rand -base64 48`
 * @throws {UsageError} `usage.bad-option`
 */
export function pageKeys(secret: string | Uint8Array): PageKeys {
  const isSecret = typeof secret === "string" || secret instanceof Uint8Array;
  if (!isSecret || secret.length < minSecretLength) {
    const came = isSecret ? `${secret.length}` : secret === null ? "null" : typeof secret;
    throw new UsageError(
      "usage.bad-option",
      `pages.secret: expected at least ${minSecretLength} characters, got ${came}; make one with \`openssl rand -base64 48\``,
    );
  }
  const derived = (label: string): KeyObject =>
    createSecretKey(new Uint8Array(hkdfSync("sha256", secret, "", `trunkline ${label}`, 32)));
  return {
    session: derived("session key"),
    connectionId: derived("connection id"),
    connection: derived("connection key"),
  };
}
