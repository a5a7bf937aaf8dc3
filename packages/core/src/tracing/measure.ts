import { MessageType } from "../wire/codes.ts";
import { byteLength } from "../wire/limits.ts";

/** Opcode and bytes of a message: all that a span may say of it. */
export function measure(data: string | Uint8Array): { readonly opcode: MessageType; readonly bytes: number } {
  return typeof data === "string"
    ? { opcode: MessageType.text, bytes: byteLength(data) }
    : { opcode: MessageType.binary, bytes: data.length };
}
