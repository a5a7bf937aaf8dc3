// Every JavaScript runtime has it; pages that are not a secure context lack `randomUUID`.
declare const crypto: { randomUUID?(): string; getRandomValues(bytes: Uint8Array): Uint8Array };

/** A random UUID, version 4. */
export function sessionId(): string {
  if (crypto.randomUUID !== undefined) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte, index) =>
    // The version and the variant of RFC 9562.
    (index === 6 ? (byte & 0x0f) | 0x40 : index === 8 ? (byte & 0x3f) | 0x80 : byte).toString(16).padStart(2, "0"),
  ).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
