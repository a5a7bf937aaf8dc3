// The streams that one connection is being sent: joins them, leaves them, and knows how far they are.
import type { Logger } from "@trunkline/core/ports";
import { type RecordedFrame, type StreamPosition, type Verdict, maxRewind } from "@trunkline/core/wire";
import { streamName } from "./auth/principal.ts";
import type { Feed, Reader } from "./hub/feed.ts";
import type { Hub } from "./hub/hub.ts";
import type { StreamStart } from "./session-streams.ts";

export interface SessionFeedsOptions {
  readonly hub: Hub;
  readonly reader: Reader;
  readonly account: string;
}

/** Streams whose positions one ping may carry (PROTOCOL §4.2). */
const positionsPerPing = 64;
/** Events of one page of history: when nothing is said, and at most. */
const defaultPage = 100;
const maxPage = 1000;

export class SessionFeeds {
  readonly #options: SessionFeedsOptions;
  readonly #feeds = new Map<string, Feed>();
  /** Which feed the next ping begins with, when there are more than it can tell of. */
  #turn = 0;

  constructor(options: SessionFeedsOptions) {
    this.#options = options;
  }

  /** Whether some of what was accepted for it is not on its way yet. */
  get behind(): boolean {
    for (const { stage } of this.#feeds.values()) if (stage !== "live") return true;
    return false;
  }

  /** Joins streams without sending anything. Rejects when they can't be read. @returns what `begin` takes */
  async prepare(streams: readonly StreamStart[]): Promise<readonly Feed[]> {
    const { hub } = this.#options;
    const feeds = streams.map((stream) => this.#add(stream));
    await Promise.all(feeds.map((feed) => hub.prepare(feed)));
    return feeds;
  }

  /** The verdicts of those that were not left meanwhile. What they promise comes with `run`, which must follow in the same tick. */
  begin(feeds: readonly Feed[]): readonly Verdict[] {
    return feeds.filter(({ stage }) => stage === "opening").map((feed) => this.#options.hub.begin(feed));
  }

  /** Lets all that was begun flow. */
  run(): void {
    for (const feed of this.#feeds.values()) this.#options.hub.run(feed);
  }

  /** Joins one stream, and tells its verdict. */
  async join(stream: StreamStart): Promise<void> {
    const { hub, reader } = this.#options;
    const feed = this.#add(stream);
    try {
      await hub.prepare(feed);
    } catch (cause) {
      // A channel that was left meanwhile is nobody's trouble.
      return feed.stage === "closed" ? undefined : reader.fail(cause);
    }
    if (feed.stage !== "opening") return;
    reader.tell(hub.begin(feed));
    hub.run(feed);
  }

  leave(channel: string): void {
    const feed = this.#feeds.get(channel);
    if (feed === undefined) return;
    this.#feeds.delete(channel);
    this.#options.hub.leave(feed);
  }

  leaveAll(): void {
    for (const feed of this.#feeds.values()) this.#options.hub.leave(feed);
    this.#feeds.clear();
  }

  /** Where those streams are that nothing was sent of since `since`, by the hub's clock; of very many, some each time. */
  quiet(since: number): readonly StreamPosition[] {
    let feeds = [...this.#feeds.values()];
    if (feeds.length > positionsPerPing) {
      const from = this.#turn % feeds.length;
      this.#turn = from + positionsPerPing;
      feeds = [...feeds, ...feeds].slice(from, from + positionsPerPing);
    }
    return this.#options.hub.positions(feeds, since);
  }

  /** PROTOCOL §14. Never rejects. */
  async past(
    channel: string,
    { before = Infinity, limit = defaultPage }: { readonly before?: number; readonly limit?: number },
    logger: Logger,
  ): Promise<Pick<RecordedFrame, "events" | "more" | "error">> {
    const feed = this.#feeds.get(channel);
    if (feed === undefined || feed.stage === "opening") return { error: notOn };
    try {
      const page = await this.#options.hub.past(feed, before, Math.min(limit, maxPage));
      // It may have been taken off meanwhile.
      return this.#feeds.has(channel) ? page : { error: notOn };
    } catch (cause) {
      logger.warn("a stream's history can't be read", { channel, cause });
      return { error: unreadable };
    }
  }

  #add({ channel, position, rewind }: StreamStart): Feed {
    const { hub, reader, account } = this.#options;
    // Where a dialect has no positions it is always from now on.
    const back = rewind === undefined ? null : Math.min(rewind, maxRewind);
    const feed = hub.join(reader, streamName(account, channel), channel, position ?? null, back);
    const before = this.#feeds.get(channel);
    this.#feeds.set(channel, feed);
    // After the new one has joined, so that the last listener of a stream can ask again without leaving it.
    if (before !== undefined) hub.leave(before);
    return feed;
  }
}

const notOn = { code: "gateway.forbidden", message: "this connection is not on this channel: subscribe first" };
const unreadable = { code: "gateway.unavailable", message: "the history can't be read now; ask again shortly" };
