// Server frames of RFC 6455 §5.2, built by hand so that one buffer can be shared by all sockets that get the same bytes.
// Unmasked, never fragmented, never compressed.

const finalText = 0x81;

/** A ping frame with nothing in it (§5.5.2). */
export const emptyPing = Buffer.from([0x89, 0]);

/** Bytes of the header in front of `payloadBytes` bytes. */
export function headerBytes(payloadBytes: number): number {
  if (payloadBytes < 126) return 2;
  return payloadBytes < 65_536 ? 4 : 10;
}

/** Writes the header of one text frame at `at`; returns where its payload goes. */
function writeHeader(target: Buffer, at: number, payloadBytes: number): number {
  target[at] = finalText;
  if (payloadBytes < 126) {
    target[at + 1] = payloadBytes;
    return at + 2;
  }
  if (payloadBytes < 65_536) {
    target[at + 1] = 126;
    target.writeUInt16BE(payloadBytes, at + 2);
    return at + 4;
  }
  target[at + 1] = 127;
  // Sizes stay far below 2^32: the upper half is 0.
  target.writeUInt32BE(0, at + 2);
  target.writeUInt32BE(payloadBytes, at + 6);
  return at + 10;
}

/** Writes one whole text frame at `at`; returns its end. */
export function writeFrame(target: Buffer, at: number, text: string, textBytes: number): number {
  const start = writeHeader(target, at, textBytes);
  target.write(text, start);
  return start + textBytes;
}
