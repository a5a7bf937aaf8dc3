/** Turns messages into frame text and back. A dialect is a codec plus how a client introduces itself. */
export interface Codec {
  /** One frame's text. */
  encode(message: object): string;
  /**
   * What a text frame holds: one message, or an array of them.
   * @throws anything when the text can't be read; the caller reports it once and keeps the link.
   */
  decode(text: string): unknown;
}

/** PROTOCOL §3.1. */
export const jsonCodec: Codec = { encode: JSON.stringify, decode: JSON.parse };
