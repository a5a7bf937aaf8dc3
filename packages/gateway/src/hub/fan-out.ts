// From what waits on a channel to bytes on sockets. One segment is one buffer that all subscribers of a dialect share and
// one write per socket: the kernel charges per write, hardly per byte.
import type { Position } from "@trunkline/core/wire";
import type { Dialect } from "../dialect.ts";
import { headerBytes, writeHeader } from "../doors/ws-frame.ts";
import type { Feed } from "./feed.ts";
import type { Outgoing } from "./event-text.ts";
import { startOf } from "../verdict.ts";

/** Whole frames, ready for a socket. */
export interface Segment {
  readonly buffer: Buffer;
  /** What a reader has before and after these frames. */
  readonly start: Position;
  readonly end: Position;
  readonly events: number;
  /** How many of `events` are `volatile`. */
  readonly volatiles: number;
}

export interface SegmentLimits {
  /** Longest array frame, in bytes; a longer message travels alone (PROTOCOL §3.1). */
  readonly frameBytes: number;
  /** Longest segment, in bytes, unless its only message is longer. */
  readonly segmentBytes: number;
}

/** Cuts `items` into segments, lazily: a reader that can't take more costs nothing more. `start` is the place before them. */
export function* segments(
  items: readonly Outgoing[],
  dialect: Dialect,
  start: Position,
  limits: SegmentLimits,
): Generator<Segment, void, undefined> {
  let from = 0;
  let place = start;
  while (from < items.length) {
    const frames: string[] = [];
    const sizes: number[] = [];
    let bytes = 0;
    let texts: string[] = [];
    let textBytes = 0;
    let index = from;
    for (; index < items.length; index++) {
      const text = (items[index] as Outgoing).text(dialect);
      const size = Buffer.byteLength(text);
      if (index > from && bytes + textBytes + size > limits.segmentBytes) break;
      // Two brackets, and one comma per message but the first.
      const joins = dialect === "v1" && textBytes + size + texts.length + 2 <= limits.frameBytes;
      if (texts.length > 0 && !joins) {
        bytes += closeFrame(texts, textBytes, frames, sizes);
        texts = [];
        textBytes = 0;
      }
      texts.push(text);
      textBytes += size;
    }
    bytes += closeFrame(texts, textBytes, frames, sizes);
    const segment = segmentOf(items, from, index, place, join(frames, sizes, bytes));
    yield segment;
    place = segment.end;
    from = index;
  }
}

/** Ends one frame; returns its size with header. */
function closeFrame(texts: readonly string[], textBytes: number, frames: string[], sizes: number[]): number {
  const payload = texts.length === 1 ? textBytes : textBytes + texts.length + 1;
  frames.push(texts.length === 1 ? (texts[0] as string) : `[${texts.join(",")}]`);
  sizes.push(payload);
  return headerBytes(payload) + payload;
}

function join(frames: readonly string[], sizes: readonly number[], bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (let index = 0; index < frames.length; index++) {
    const size = sizes[index] as number;
    at = writeHeader(buffer, at, size);
    buffer.write(frames[index] as string, at);
    at += size;
  }
  return buffer;
}

function segmentOf(items: readonly Outgoing[], from: number, to: number, start: Position, buffer: Buffer): Segment {
  let end = start;
  let events = 0;
  let volatiles = 0;
  for (let index = from; index < to; index++) {
    const item = items[index] as Outgoing;
    if (item.lineBreak !== null) {
      end = startOf(item.lineBreak, end);
      continue;
    }
    events += 1;
    if (item.line === null) volatiles += 1;
    else end = item.advance(end);
  }
  return { buffer, start, end, events, volatiles };
}

/** How many events got through and how many did not. */
export interface Tally {
  delivered: number;
  bytes: number;
  dropped: number;
}

/**
 * Writes one segment to every feed of `live`. A feed whose socket holds `unreadBytes` already is handed to `fallBehind`,
 * which takes it off `live`; that is why this walks backwards. One socket's failure is its own.
 */
export function writeToAll(
  live: readonly Feed[],
  segment: Segment,
  unreadBytes: number,
  tally: Tally,
  fallBehind: (feed: Feed, at: Position) => void,
): void {
  const { buffer, events, volatiles } = segment;
  const moves = segment.end !== segment.start;
  const bytes = buffer.length;
  let written = 0;
  for (let index = live.length - 1; index >= 0; index--) {
    const feed = live[index] as Feed;
    const { link } = feed;
    const { unread } = link;
    if (unread !== 0 && unread + bytes > unreadBytes) {
      tally.dropped += volatiles;
      // Only volatile events: there is nothing to read again, so it stays where it is.
      if (moves) fallBehind(feed, segment.start);
    } else {
      link.write(buffer);
      written += 1;
    }
  }
  tally.delivered += written * events;
  tally.bytes += written * bytes;
}
