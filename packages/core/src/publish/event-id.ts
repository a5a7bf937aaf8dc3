// Every JavaScript runtime has it.
declare const crypto: { getRandomValues(bytes: Uint8Array): Uint8Array };

/** 128 random bits as 32 hex digits: the id of one event, however often it is sent. */
export function newEventId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
