// RFC 6455 §5.2 frames, written by hand so that ws is not tested against itself.
import { Mailbox } from "./rfc6455-mailbox.ts";

export const Opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface Frame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly masked: boolean;
  /** Unmasked. */
  readonly payload: Buffer;
}

export interface FrameOptions {
  /** @defaultValue true */
  readonly fin?: boolean;
  /** @defaultValue what the sender's side must do: clients mask, servers don't */
  readonly masked?: boolean;
}

const maskKey = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

/** One frame's bytes; nothing is checked, so that odd ones can be written too. */
export function encodeFrame(opcode: number, payload: string | Uint8Array, options: Required<FrameOptions>): Buffer {
  const body = Buffer.from(payload as Uint8Array);
  const first = (options.fin ? 0x80 : 0) | opcode;
  const maskBit = options.masked ? 0x80 : 0;
  let head: Buffer;
  if (body.length < 126) head = Buffer.from([first, maskBit | body.length]);
  else if (body.length < 65_536) head = Buffer.from([first, maskBit | 126, body.length >> 8, body.length & 0xff]);
  else {
    head = Buffer.alloc(10);
    head[0] = first;
    head[1] = maskBit | 127;
    head.writeBigUInt64BE(BigInt(body.length), 2);
  }
  return options.masked ? Buffer.concat([head, maskKey, mask(body, maskKey)]) : Buffer.concat([head, body]);
}

/** A close frame's payload. */
export function closePayload(code: number, reason = ""): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return payload;
}

/** What a close frame says; 1005 when it says nothing. */
export function readClose(frame: Frame): { readonly code: number; readonly reason: string } {
  if (frame.payload.length < 2) return { code: 1005, reason: "" };
  return { code: frame.payload.readUInt16BE(), reason: frame.payload.subarray(2).toString() };
}

function mask(body: Buffer, key: Buffer): Buffer {
  return body.map((byte, index) => byte ^ (key[index % 4] as number)) as Buffer;
}

/** Cuts incoming bytes into frames. */
export class FrameReader {
  readonly #frames = new Mailbox<Frame | null>();
  #bytes = Buffer.alloc(0);

  feed(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    for (let frame = this.#cut(); frame !== null; frame = this.#cut()) this.#frames.put(frame);
  }

  /** No more bytes will come. */
  end(): void {
    this.#frames.put(null);
  }

  /** The next frame, or null when the connection has ended. */
  async next(): Promise<Frame | null> {
    const frame = await this.#frames.take();
    if (frame === null) this.#frames.put(null);
    return frame;
  }

  #cut(): Frame | null {
    const bytes = this.#bytes;
    if (bytes.length < 2) return null;
    const [first, second] = [bytes.readUInt8(0), bytes.readUInt8(1)];
    const short = second & 0x7f;
    const masked = (second & 0x80) !== 0;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const start = 2 + lengthBytes + (masked ? 4 : 0);
    if (bytes.length < start) return null;
    const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    if (bytes.length < start + length) return null;
    const body = bytes.subarray(start, start + length);
    this.#bytes = bytes.subarray(start + length);
    return {
      opcode: first & 0x0f,
      fin: (first & 0x80) !== 0,
      masked,
      payload: masked ? mask(body, bytes.subarray(start - 4, start)) : Buffer.from(body),
    };
  }
}
