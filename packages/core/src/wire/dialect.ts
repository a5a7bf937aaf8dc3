import { type Codec, jsonCodec } from "./codec.ts";
import { subprotocol } from "./version.ts";
import { socketUrl } from "./socket-url.ts";

/** How a client and a gateway talk. The machine is the same for all: a codec maps to the messages of `trunkline.v1`. */
export interface Dialect {
  /** Subprotocols to offer, best first. */
  readonly protocols: readonly string[];
  readonly codec: Codec;
  /** Whether the client says hello, names streams and may ping. Otherwise it only answers pings. */
  readonly enveloped: boolean;
  /** The URL to open. `credential` goes into it only where a dialect has no other place. */
  url(base: string, credential: string | undefined): string;
}

/** `trunkline.v1`, the default. */
export const envelopes: Dialect = { protocols: [subprotocol], codec: jsonCodec, enveloped: true, url: socketUrl };
