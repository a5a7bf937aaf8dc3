// Whose a page is: a random key of the visitor's browser, in a cookie that only this secret could have signed.
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { HmacKey } from "./page-keys.ts";

/** The name of the cookie. */
const sessionCookie = "tl_key";

/** The value: the key, and its HMAC-SHA256 as base64url. */
const valueShape = /^([0-9a-f]{64})\.([A-Za-z0-9_-]{43})$/;

export interface SessionKey {
  /** 64 hex digits. */
  readonly key: string;
  /** It was made just now: the visitor is to get a cookie. */
  readonly isNew: boolean;
}

/** 32 random bytes as 64 hex digits. */
export function newSessionKey(): string {
  return randomBytes(32).toString("hex");
}

/**
 * The visitor's key out of a `Cookie` header, and out of nothing else: what stands in a query or a body may be somebody else's. The first
 * cookie of the name that is signed with `signingKey` counts; null without one.
 */
export function readSessionKey(cookieHeader: string | undefined, signingKey: HmacKey): string | null {
  for (const pair of (cookieHeader ?? "").split(";")) {
    const [name, value] = nameAndValue(pair);
    const [, key, signature] = (name === sessionCookie && valueShape.exec(value)) || [];
    if (key !== undefined && isSigned(key, signature ?? "", signingKey)) return key;
  }
  return null;
}

/** The visitor's key, or a new one where there is none that is signed with `signingKey`. */
export function sessionKeyOf(cookieHeader: string | undefined, signingKey: HmacKey): SessionKey {
  const key = readSessionKey(cookieHeader, signingKey);
  return key === null ? { key: newSessionKey(), isNew: true } : { key, isNew: false };
}

/**
 * A `Set-Cookie` for the visitor's key, until the browser is closed. Scripts can't read it, and other sites' requests come without it, but for
 * links to the page.
 */
export function setCookieText(
  key: string,
  { signingKey, secure }: { readonly signingKey: HmacKey; readonly secure: boolean },
): string {
  return `${sessionCookie}=${key}.${sign(key, signingKey)}; Path=/; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;
}

function sign(key: string, signingKey: HmacKey): string {
  return createHmac("sha256", signingKey).update(key).digest("base64url");
}

function isSigned(key: string, signature: string, signingKey: HmacKey): boolean {
  return timingSafeEqual(Buffer.from(signature), Buffer.from(sign(key, signingKey)));
}

function nameAndValue(pair: string): readonly [name: string, value: string] {
  const end = pair.indexOf("=");
  return [pair.slice(0, Math.max(0, end)).trim(), pair.slice(end + 1).trim()];
}
