// Under which key a page's subscriptions are registered: nobody who has only the cookie or only the page can know it.
import { createHash, createHmac } from "node:crypto";
import type { HmacKey } from "./page-keys.ts";

/**
 * 64 hex digits: HMAC-SHA256 of `N:SESSION ID` without the space, in UTF-8, where N is the number of bytes of the session key in decimal: no other
 * pair of session key and connection id gives the same text.
 */
export function connectionKey(key: HmacKey, sessionKey: string, connectionId: string): string {
  return createHmac("sha256", key)
    .update(`${Buffer.byteLength(sessionKey)}:${sessionKey}${connectionId}`)
    .digest("hex");
}

/** 40 hex digits: what pakyow-realtime registered a page under. To find such entries, not to make new ones: SHA-1 without a secret. */
export function legacyDigest(sessionKey: string, connectionId: string): string {
  return createHash("sha1").update(`--${sessionKey}--${connectionId}--`).digest("hex");
}
