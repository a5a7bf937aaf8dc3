// Reading history for one feed until it has caught up with the live line: a resume, a repair (PROTOCOL §5.6) and a slow
// reader (§9.1) are the same thing from different starts. At most one page and one budget of bytes are in memory for it.
import type { Position } from "@trunkline/core/wire";
import { isSnapshot, reaches } from "../verdict.ts";
import { type Outgoing, tellsGap } from "./event-text.ts";
import { type Segment, type SegmentLimits, type Tally, segments } from "./fan-out.ts";
import type { Feed } from "./feed.ts";
import type { History, Reading } from "./history.ts";

/** Longest segment of a replay, in bytes: small against the budget, so that the budget is filled evenly. */
const replaySegmentBytes = 64 * 1024;

export interface ReplayOptions {
  readonly history: History;
  readonly frameBytes: number;
  readonly unreadBytes: number;
  readonly tally: Tally;
}

/** What joining the live line came to; `doubt`: the gateway's own idea of the head has to be checked first. */
export type Joined = "live" | "ahead" | "behind" | "doubt";

export interface LiveLine {
  /** Lets `feed`, which has everything up to its cursor, into the live line if that is where it ends. Synchronous. */
  joinLive(feed: Feed): Joined;
  /** Compares the channel's head with the broker's. Rejects when the broker can't be read. */
  check(feed: Feed): Promise<void>;
}

/** Runs until `feed` is live, ahead or closed. Rejects when the broker can't be read. */
export async function replay(feed: Feed, line: LiveLine, options: ReplayOptions): Promise<void> {
  const { channel, reader, link } = feed;
  let fruitless = 0;
  while (isReplaying(feed)) {
    // Nothing is read for a socket that could not take it.
    if (feed.reading === null && link.unread > options.unreadBytes / 2) {
      await link.drained();
      continue;
    }
    const cursor = feed.cursor as Position;
    const promised = feed.reading;
    const reading = promised ?? honest(await options.history.read(channel, cursor, feed.snapshot), cursor);
    feed.reading = null;
    if (!isReplaying(feed)) return;
    const { verdict } = reading;
    // The first reading's verdict was told already.
    if (promised === null && verdict.verdict !== "recovered") {
      if (!reader.form.tellsGaps) return reader.resync();
      // Events of this life of the stream that will not come; what an older life still held, nobody can count.
      if (verdict.verdict === "gap" && verdict.reason === "skipped")
        options.tally.dropped += verdict.to - verdict.from + 1;
      reader.tell(verdict);
    }
    if (!reader.form.tellsGaps && reading.items.some((item) => tellsGap(item, reader.form))) return reader.resync();
    follow(feed, reading);
    sendWithinBudget(feed, reading.items, options);
    const head = verdict.position;
    if (reaches(feed.cursor as Position, head)) {
      feed.snapshot = false;
      const joined = line.joinLive(feed);
      if (joined === "live" || joined === "ahead") return;
      // The live line may move on during a read. If it is beyond the history time and again, one of them is wrong.
      fruitless = reading.items.length === 0 ? fruitless + 1 : 0;
      if (joined === "doubt" || fruitless > 1) await line.check(feed);
    } else if (link.unread > 0) await link.drained();
  }
}

function isReplaying(feed: Feed): boolean {
  return feed.stage === "replaying";
}

/** The reader was told the verdict of a reading: it stands at its start. */
export function follow(feed: Feed, { verdict, start }: Reading): void {
  feed.cursor = start;
  if (isSnapshot(verdict)) feed.snapshot = true;
}

/**
 * A feed that was promised the history, or had been live, did not lose its place by itself: it was too slow for the
 * retention, and is told so. So is one whose page is short of what it says it holds.
 */
function honest(reading: Reading, cursor: Position): Reading {
  const { verdict, items } = reading;
  const skipped = { channel: verdict.channel, verdict: "gap", reason: "skipped" } as const;
  if (verdict.verdict === "gap")
    return verdict.reason === "retention" ? { ...reading, verdict: { ...verdict, reason: "skipped" } } : reading;
  const { position, count, changes = 0 } = verdict;
  const first = items.find(({ line }) => line === "log");
  if (count === 0 || first?.offset === cursor.offset + 1) return reading;
  const state = { ...(changes > 0 && { changes }), ...(verdict.verdict === "snapshot" && { snapshot: true }) };
  return {
    verdict: { ...skipped, position, from: cursor.offset + 1, to: position.offset, ...state },
    start: { ...reading.start, offset: position.offset, tag: position.tag },
    items: items.filter(({ line }) => line === "state"),
  };
}

/** Sends of `items` what the socket may hold; the rest is read again later. */
function sendWithinBudget(feed: Feed, items: readonly Outgoing[], options: ReplayOptions): void {
  const { link, reader } = feed;
  const limits: SegmentLimits = { frameBytes: options.frameBytes, segmentBytes: replaySegmentBytes };
  for (const segment of segments(items, reader.form, feed.cursor as Position, limits)) {
    if (link.unread !== 0 && link.unread + segment.buffer.length > options.unreadBytes) return;
    sendSegment(feed, segment, options.tally);
  }
}

/** Sends one segment to one feed, which has everything up to its end then. */
export function sendSegment(feed: Feed, segment: Segment, tally: Tally): void {
  feed.link.write(segment.buffer);
  feed.cursor = segment.end;
  tally.delivered += segment.events;
  tally.bytes += segment.buffer.length;
}
