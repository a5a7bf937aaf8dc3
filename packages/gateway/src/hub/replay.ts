// Reading history for one feed until it has caught up with the live line: a resume, a repair (PROTOCOL §5.6) and a slow
// reader (§9.1) are the same thing from different starts. At most one page and one budget of bytes are in memory for it.
import type { Broker, Page } from "@trunkline/core/ports";
import type { Position, Verdict } from "@trunkline/core/wire";
import { decideVerdict } from "../verdict.ts";
import { Outgoing } from "./event-text.ts";
import { type Segment, type SegmentLimits, type Tally, segments } from "./fan-out.ts";
import type { Feed } from "./feed.ts";

/** Events per read. */
export const pageEntries = 128;

/** Longest segment of a replay, in bytes: small against the budget, so that the budget is filled evenly. */
const replaySegmentBytes = 64 * 1024;

export interface ReplayOptions {
  readonly broker: Broker;
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
    if (feed.page === null && link.unread > options.unreadBytes / 2) {
      await link.drained();
      continue;
    }
    const cursor = feed.cursor as Position;
    const page = feed.page ?? (await options.broker.read(channel.name, cursor.offset, pageEntries));
    feed.page = null;
    if (!isReplaying(feed)) return;
    const verdict = honest(decideVerdict(channel.label, cursor, page), page, cursor);
    if (verdict.verdict === "gap") {
      if (reader.dialect === "plain") return reader.resync();
      // Events of this life of the stream that will not come; what an older life still held, nobody can count.
      options.tally.dropped += verdict.reason === "skipped" ? verdict.to - verdict.from + 1 : 0;
      feed.cursor = verdict.position;
      reader.tell(verdict);
    } else {
      sendWithinBudget(feed, page, options);
    }
    if ((feed.cursor as Position).offset >= page.head.offset) {
      const joined = line.joinLive(feed);
      if (joined === "live" || joined === "ahead") return;
      // The live line may move on during a read. If it is beyond the history time and again, one of them is wrong.
      fruitless = page.head.offset === cursor.offset ? fruitless + 1 : 0;
      if (joined === "doubt" || fruitless > 1) await line.check(feed);
    } else if (link.unread > 0) await link.drained();
  }
}

function isReplaying(feed: Feed): boolean {
  return feed.stage === "replaying";
}

/**
 * A feed that was promised the history, or had been live, did not lose its place by itself: it was too slow for the
 * retention, and is told so. So is one whose page is short of what it says it holds.
 */
function honest(verdict: Verdict, page: Page, cursor: Position): Verdict {
  const { channel } = verdict;
  if (verdict.verdict === "gap") return verdict.reason === "retention" ? { ...verdict, reason: "skipped" } : verdict;
  const { head, entries } = page;
  const whole = head.offset === cursor.offset || entries[0]?.offset === cursor.offset + 1;
  if (whole) return verdict;
  return { channel, verdict: "gap", position: head, from: cursor.offset + 1, to: head.offset, reason: "skipped" };
}

/** Sends of `page` what the socket may hold; the rest is read again later. */
function sendWithinBudget(feed: Feed, page: Page, options: ReplayOptions): void {
  const { link, channel, reader } = feed;
  const limits: SegmentLimits = { frameBytes: options.frameBytes, segmentBytes: replaySegmentBytes };
  const items = page.entries.map((entry) => Outgoing.logged(channel.label, entry));
  for (const segment of segments(items, reader.dialect, feed.cursor as Position, limits)) {
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
