// What stands in a page: which page it is, signed, so that nobody can make one up.
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { UsageError } from "@trunkline/core/errors";
import type { HmacKey } from "./page-keys.ts";

/** Of an id, in UTF-8. */
const maxIdBytes = 256;
/** Of a signed id: base64 of the id, the sign, base64 of 32 bytes. */
const maxSignedLength = 4 * Math.ceil(maxIdBytes / 3) + 1 + 44;

const ids = new WeakMap<object, string>();

/** 32 random bytes as 64 hex digits. */
export function newConnectionId(): string {
  return randomBytes(32).toString("hex");
}

/** The connection id of the page that a request is answered with: the same however often it is asked for. */
export function connectionIdOf(request: object): string {
  let id = ids.get(request);
  if (id === undefined) ids.set(request, (id = newConnectionId()));
  return id;
}

/**
 * `b64url(id)~b64url(hmac_sha256(key, id))`, with padding.
 * @param id 1 to 256 bytes of UTF-8
 * @throws {UsageError} `usage.bad-argument`
 */
export function signConnectionId(id: string, key: HmacKey): string {
  const bytes = Buffer.from(id);
  if (bytes.length === 0 || bytes.length > maxIdBytes)
    throw new UsageError(
      "usage.bad-argument",
      `signConnectionId: expected an id of 1 to ${maxIdBytes} bytes, got ${bytes.length}`,
    );
  return `${base64url(bytes)}~${base64url(createHmac("sha256", key).update(bytes).digest())}`;
}

/** The id that was signed with this key; null for any other text, however long it is. */
export function verifyConnectionId(text: string, key: HmacKey): string | null {
  const end = text.length > maxSignedLength ? -1 : text.indexOf("~");
  const id = end === -1 ? "" : Buffer.from(text.slice(0, end), "base64url").toString();
  if (id === "" || Buffer.byteLength(id) > maxIdBytes) return null;
  // Signed anew and compared as a whole: base64 has several spellings of the same bytes, and only one of them is ours.
  const expected = Buffer.from(signConnectionId(id, key));
  const given = Buffer.from(text);
  return given.length === expected.length && timingSafeEqual(given, expected) ? id : null;
}

function base64url(bytes: Buffer): string {
  return bytes.toString("base64").replace(/\+/g, "-").replace(/\//g, "_");
}
