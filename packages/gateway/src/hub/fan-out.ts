// From what waits on a channel to bytes on sockets. One segment is one buffer that all subscribers of a form share and
// one write per socket: the kernel charges per write, hardly per byte.
import type { Position } from "@trunkline/core/wire";
import type { Form } from "../form.ts";
import type { Feed } from "./feed.ts";
import type { Outgoing } from "./event-text.ts";

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
  form: Form,
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
    let end = place;
    let events = 0;
    let volatiles = 0;
    let index = from;
    for (; index < items.length; index++) {
      const item = items[index] as Outgoing;
      const after = item.advance(end);
      const text = form.text(item, after);
      // A `volatile` event that can't be serialized: it has no place that would be missed.
      if (text === null) continue;
      const size = Buffer.byteLength(text);
      if (index > from && bytes + textBytes + size > limits.segmentBytes) break;
      // Two brackets, and one comma per message but the first.
      const joins = form.batches && textBytes + size + texts.length + 2 <= limits.frameBytes;
      if (texts.length > 0 && !joins) {
        bytes += closeFrame(form, texts, textBytes, frames, sizes);
        texts = [];
        textBytes = 0;
      }
      texts.push(text);
      textBytes += size;
      end = after;
      if (item.lineBreak === null && !item.isUnserializable(form.dialect)) events += 1;
      if (item.line === null && item.lineBreak === null) volatiles += 1;
    }
    if (texts.length > 0) bytes += closeFrame(form, texts, textBytes, frames, sizes);
    if (frames.length > 0) yield { buffer: join(form, frames, sizes, bytes), start: place, end, events, volatiles };
    place = end;
    from = index;
  }
}

/** Ends one frame; returns its size, all included. */
function closeFrame(
  form: Form,
  texts: readonly string[],
  textBytes: number,
  frames: string[],
  sizes: number[],
): number {
  const size = texts.length === 1 ? textBytes : textBytes + texts.length + 1;
  frames.push(texts.length === 1 ? (texts[0] as string) : `[${texts.join(",")}]`);
  sizes.push(size);
  return form.overhead(size) + size;
}

function join(form: Form, frames: readonly string[], sizes: readonly number[], bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (let index = 0; index < frames.length; index++)
    at = form.write(buffer, at, frames[index] as string, sizes[index] as number);
  return buffer;
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
