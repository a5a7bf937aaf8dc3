// One connection on one stream: how far it has got, and how it gets further.
import type { Position, Verdict } from "@trunkline/core/wire";
import type { Form } from "../form.ts";
import type { Reading } from "./history.ts";
import type { HubChannel } from "./hub-channel.ts";

/** What the hub needs of a socket. */
export interface FeedLink {
  /** Bytes written that the kernel has not taken. */
  readonly unread: number;
  /** Writes whole frames. Never throws; a link that can't be written to is dropped. */
  write(frames: Buffer): void;
  /** Holds back writes until `uncork`, so that they reach the kernel together. */
  cork(): void;
  uncork(): void;
  /** Resolves when the kernel took everything, or the link ended. */
  drained(): Promise<void>;
}

/** What the hub needs of a connection. */
export interface Reader {
  readonly form: Form;
  readonly link: FeedLink;
  /** Sends one verdict, behind everything written so far. */
  tell(verdict: Verdict): void;
  /** A form that tells no gaps: the connection ends with 4410. */
  resync(): void;
  /** The stream can't be read now: the connection ends with 1013, and its client comes back with its positions. */
  fail(cause: unknown): void;
}

/**
 * - `opening`: waits for its verdict.
 * - `replaying`: history is read for it: a resume, a repair or a slow reader, all the same.
 * - `ahead`: it has read more than this gateway has been handed live; live events up to there are not for it.
 * - `live`: gets every segment; how far it is, its channel knows.
 * - `closed`: left.
 */
export type FeedStage = "opening" | "replaying" | "ahead" | "live" | "closed";

export class Feed {
  readonly reader: Reader;
  /** The reader's, kept here for the fan-out loop. */
  readonly link: FeedLink;
  readonly channel: HubChannel;
  stage: FeedStage = "opening";
  /** How far it has got, while not `live`; null: from now on. */
  cursor: Position | null;
  /** Without a cursor: how many of the newest events it begins with; null: none, and no state either. */
  readonly rewind: number | null;
  /** What its verdict was decided on, until it is sent. */
  reading: Reading | null = null;
  /** The whole state line is being sent to it. */
  snapshot = false;
  /** Index in the channel's list of live feeds, while `live`. */
  index = -1;

  constructor(reader: Reader, channel: HubChannel, cursor: Position | null, rewind: number | null = null) {
    this.reader = reader;
    this.link = reader.link;
    this.channel = channel;
    this.cursor = cursor;
    this.rewind = rewind;
  }
}
