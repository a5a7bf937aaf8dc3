// Between a session and its link: what each is to the other, whatever the link is made of.
import type { FeedLink } from "./hub/feed.ts";

/** What a session needs of its link. */
export interface SessionLink extends FeedLink {
  /** The session is connected: of a link that waits for that to be opened. */
  open?(): void;
  /** Says goodbye after everything written; the peer gets a while to take it. */
  close(code: number, reason: string): void;
  /** Drops the connection at once. */
  terminate(): void;
}

/** What a link tells its owner: messages, then the end, once. */
export interface LinkOwner {
  onText(text: string): void;
  onBinary(): void;
  /** A ping of the link itself was answered. */
  onPong(): void;
  /** @param code 1006 when the peer did not say */
  onEnd(code: number): void;
  /** A write failed; `onEnd` follows. */
  onFailure(): void;
}
