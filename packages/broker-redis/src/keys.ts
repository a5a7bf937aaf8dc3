// Names in Redis. All that belongs to one stream shares a hash tag, so that one script may touch it in a Cluster.
import type { StreamName } from "@trunkline/core/ports";

export interface StreamKeys {
  /** Redis Stream of the log, ids `<offset>-<tag>`; also the name of the pub/sub channel. */
  readonly log: string;
  /** Hash: heads, birth, times. */
  readonly meta: string;
  /** Hash: state key → packed latest value. */
  readonly values: string;
  /** Sorted set: state key by revision. */
  readonly order: string;
  /** Sorted set: deleted state key by revision. */
  readonly graves: string;
}

/** A hash tag ends at the first "}", so a name holds none: "}" and "%" are written as in a URL. */
function hashTag(prefix: string, stream: StreamName): string {
  return `{${prefix}:${written(stream)}}`;
}

function written(stream: StreamName): string {
  return stream.replace(/[%}]/g, (sign) => (sign === "%" ? "%25" : "%7D"));
}

const logSuffix = "}:log";

/** What PSUBSCRIBE takes for the logs of all streams whose names begin with `start`. */
export function logPattern(prefix: string, start: StreamName): string {
  return `${literally(`{${prefix}:${written(start)}`)}*${logSuffix}`;
}

/** The stream whose log has this key. */
export function streamOfLog(prefix: string, log: string): StreamName {
  const name = log.slice(prefix.length + 2, -logSuffix.length);
  return name.replace(/%(25|7D)/g, (_, code) => (code === "25" ? "%" : "}")) as StreamName;
}

/** `text` as a pattern of Redis that matches nothing else. */
export function literally(text: string): string {
  return text.replace(/[\\*?[\]]/g, String.raw`\$&`);
}

export function streamKeys(prefix: string, stream: StreamName): StreamKeys {
  const tag = hashTag(prefix, stream);
  return {
    log: `${tag}:log`,
    meta: `${tag}:meta`,
    values: `${tag}:values`,
    order: `${tag}:order`,
    graves: `${tag}:graves`,
  };
}

export function dedupeKeyOf(prefix: string, stream: StreamName, dedupeKey: string): string {
  return `${hashTag(prefix, stream)}:id:${dedupeKey}`;
}

/** The Cluster slot of everything that belongs to `stream`. */
export function slotOf(prefix: string, stream: StreamName): number {
  return slotOfKey(hashTag(prefix, stream));
}

/** The Cluster slot of a Redis key: of its hash tag, where it has one. */
export function slotOfKey(key: string): number {
  return crc16(Buffer.from(/^[^{]*\{([^}]+)\}/.exec(key)?.[1] ?? key)) % 16_384;
}

/** CRC-16/XMODEM, as the Redis Cluster specification says. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ ((crc & 0x8000) === 0 ? 0 : 0x1021)) & 0xffff;
  }
  return crc;
}
