// All streams of one gateway: broker subscriptions by reference count, and one flush per tick for everything that waits.
import type { Broker, BrokerListener, BrokerSession, Clock, Entry, StreamName } from "@trunkline/core/ports";
import { type PatternPush, channelMatcher, streamName } from "@trunkline/core/publish";
import type { Position, StreamPosition, Verdict } from "@trunkline/core/wire";
import { type Form, allForms } from "../form.ts";
import { type GatewayStats, countRefused } from "../metrics.ts";
import { reaches } from "../verdict.ts";
import { CommandChains } from "./command-chains.ts";
import { Outgoing, tellsGap } from "./event-text.ts";
import { type SegmentLimits, segments, writeToAll } from "./fan-out.ts";
import { Feed, type FeedLink, type Reader } from "./feed.ts";
import { checkHeads } from "./head-check.ts";
import { History } from "./history.ts";
import { type HistoryPage, readHistoryPage } from "./history-page.ts";
import { HubChannel } from "./hub-channel.ts";
import { type RepairOptions, doubt, findHead } from "./repair.ts";
import type { Serializer } from "./serializer.ts";
import { type Joined, type LiveLine, type ReplayOptions, follow, replay, sendSegment } from "./replay.ts";

/** Longest segment of the live line, in bytes: far above what a busy tick holds, and small against memory. */
const liveSegmentBytes = 256 * 1024;

export interface HubOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly stats: GatewayStats;
  readonly frameBytes: number;
  readonly unreadBytes: number;
  /** Hears of failures that no connection can be told of. Must not throw. */
  readonly onError: (error: unknown) => void;
  readonly onAvailable: (available: boolean) => void;
  /** Somebody joins a stream that nobody was on here. @defaultValue nobody hears of it */
  readonly onOpen?: ((stream: StreamName) => void) | undefined;
  /** What writes the events of a channel. @defaultValue none: they go out as they were published */
  readonly serializerOf?: ((channel: string) => Serializer | null) | undefined;
}

export class Hub implements BrokerListener, LiveLine {
  readonly #options: HubOptions;
  readonly #history: History;
  readonly #replay: ReplayOptions;
  readonly #repair: RepairOptions;
  readonly #limits: SegmentLimits;
  readonly #session: BrokerSession;
  readonly #channels = new Map<StreamName, HubChannel>();
  readonly #commands = new CommandChains();
  #checkedAt = 0;
  #waiting: HubChannel[] = [];
  #flushing: NodeJS.Immediate | null = null;
  #closed = false;

  constructor(options: HubOptions) {
    const { broker, clock, frameBytes, unreadBytes, stats, onError } = options;
    this.#options = options;
    this.#history = new History(broker);
    this.#replay = { history: this.#history, frameBytes, unreadBytes, tally: stats };
    this.#repair = { broker, clock, onError, onPending: (channel) => this.#wait(channel) };
    this.#limits = { frameBytes, segmentBytes: Math.min(liveSegmentBytes, unreadBytes) };
    this.#session = broker.open(this);
  }

  /**
   * Adds `reader` to a stream. Nothing is sent to it before `begin` and `run`. `cursor` null: from `rewind` events back, or when that is null too from
   * now on.
   */
  join(reader: Reader, name: StreamName, label: string, cursor: Position | null, rewind: number | null = null): Feed {
    let channel = this.#channels.get(name);
    if (channel === undefined) {
      channel = new HubChannel(name, label, this.#options.serializerOf?.(label));
      this.#channels.set(name, channel);
      this.#options.stats.channels += 1;
      channel.opened = this.#open(channel);
      // Each feed awaits it and hears of the failure; a channel whose feeds have all left does so without anyone.
      channel.opened.catch(() => {});
      this.#options.onOpen?.(name);
    }
    const feed = new Feed(reader, channel, cursor, rewind);
    channel.behind.add(feed);
    return feed;
  }

  /** Streams that somebody is on. */
  get streams(): Iterable<StreamName> {
    return this.#channels.keys();
  }

  /** Gets ready to say a feed's verdict. Rejects when the broker can't be used. */
  async prepare(feed: Feed): Promise<void> {
    await feed.channel.opened;
    if (feed.stage !== "opening") return;
    const { channel, cursor, rewind } = feed;
    if (cursor !== null) feed.reading = await this.#history.read(channel, cursor, false);
    else if (rewind !== null) feed.reading = await this.#history.rewind(channel, rewind);
  }

  /** The verdict of a prepared feed. What it promises is sent by `run`, which must follow in the same tick. */
  begin(feed: Feed): Verdict {
    const { channel, reading } = feed;
    if (reading !== null) {
      follow(feed, reading);
      return reading.verdict;
    }
    const position = this.#headOf(channel);
    feed.cursor = position;
    return { channel: channel.label, verdict: "fresh", position };
  }

  /** Sends what the verdict promised, then the live line. */
  run(feed: Feed): void {
    if (feed.stage !== "opening") return;
    feed.stage = "replaying";
    // Most readers are at the head: they need no history and no promise.
    if (feed.reading?.items.length === 0 && reaches(feed.cursor as Position, feed.reading.verdict.position))
      feed.reading = null;
    const joined = feed.reading === null ? this.joinLive(feed) : "behind";
    if (joined === "live" || joined === "ahead") return;
    this.#startReplay(feed);
  }

  /** Events of a feed's log before offset `before`, the newest `limit` of them: see `HistoryPage`. @throws what the broker's `read` throws */
  past({ channel }: Feed, before: number, limit: number): Promise<HistoryPage> {
    return readHistoryPage(this.#options.broker, channel, { before, limit, maxBytes: this.#options.frameBytes });
  }

  leave(feed: Feed): void {
    const { channel } = feed;
    if (feed.stage === "closed") return;
    channel.remove(feed);
    if (channel.empty) this.#drop(channel);
  }

  /** Sends everything that waits, now. */
  flush(): void {
    if (this.#flushing !== null) clearImmediate(this.#flushing);
    this.#flushing = null;
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const channel of waiting) channel.waiting = false;
    // One channel: one write per socket as it is. Several may meet on one socket: its writes are held together.
    if (waiting.length === 1) return this.#flushChannel(waiting[0] as HubChannel, null);
    const corked = new Set<FeedLink>();
    for (const channel of waiting) this.#flushChannel(channel, corked);
    for (const link of corked) link.uncork();
  }

  async close(): Promise<void> {
    this.flush();
    this.#closed = true;
    for (const channel of this.#channels.values()) this.#drop(channel);
    await this.#commands.idle();
    await this.#session.close();
  }

  onEntry(stream: StreamName, entry: Entry): void {
    const channel = this.#channels.get(stream);
    if (channel === undefined) return;
    const accepted = channel.accept(entry);
    if (accepted === "next") this.#wait(channel);
    else if (accepted === "doubt") doubt(channel, this.#repair);
  }

  onVolatile(stream: StreamName, body: string, time: number): void {
    const channel = this.#channels.get(stream);
    if (channel === undefined) return;
    for (const { stage } of channel.behind) if (stage !== "opening") this.#options.stats.dropped += 1;
    channel.pending.push(Outgoing.volatile(channel, body, time));
    this.#wait(channel);
  }

  /** A push by pattern: to all channels of its account that match and that somebody here is on. */
  onPush({ account, pattern, body }: PatternPush, time: number): void {
    const matches = channelMatcher(pattern);
    const own = streamName(account, "");
    // What goes along with a channel is none.
    for (const { name, label } of this.#channels.values())
      if (name.startsWith(own) && !label.startsWith("~") && matches(label)) this.onVolatile(name, body, time);
  }

  onUnreadable(): void {
    countRefused(this.#options.stats, "peer.bad-frame");
  }

  onDoubt(stream: StreamName): void {
    const channel = this.#channels.get(stream);
    if (channel !== undefined) doubt(channel, this.#repair);
  }

  onAvailable(available: boolean): void {
    this.#options.onAvailable(available);
  }

  joinLive(feed: Feed): Joined {
    const { channel } = feed;
    const cursor = feed.cursor as Position;
    this.#flushChannel(channel, null);
    const { sent } = channel;
    if (cursor.epoch !== sent.epoch) return "doubt";
    if (!reaches(cursor, sent)) return "behind";
    if (!reaches(sent, cursor)) {
      feed.stage = "ahead";
      return "ahead";
    }
    feed.snapshot = false;
    channel.goLive(feed);
    return "live";
  }

  /** Compares every stream's head with the broker's (PROTOCOL §4.2), and tidies those quiet since the last time. Never rejects. */
  checkHeads(isGivenUp: () => boolean = () => false): Promise<void> {
    const { broker, clock, onError } = this.#options;
    const known = [...this.#channels.values()].filter(({ held }) => held === null);
    for (const channel of known) if (channel.sentAt <= this.#checkedAt) channel.cool();
    this.#checkedAt = clock.now();
    const isOver = (): boolean => this.#closed || isGivenUp();
    return checkHeads(known, { broker, clock, isOver, onDoubt: (channel) => doubt(channel, this.#repair) }).catch(
      (error: unknown) => (isOver() ? undefined : onError(error)),
    );
  }

  /** PROTOCOL §4.2: where `feeds` are whose streams were quiet since `since`, by the hub's clock. */
  positions(feeds: Iterable<Feed>, since: number): readonly StreamPosition[] {
    this.flush();
    const positions: StreamPosition[] = [];
    for (const { stage, channel } of feeds) {
      const { offset, tag, state } = channel.sent;
      if (stage === "live" && channel.sentAt <= since)
        positions.push({ channel: channel.label, offset, tag, ...(state !== undefined && { state }) });
    }
    return positions;
  }

  async check({ channel }: Feed): Promise<void> {
    doubt(channel, this.#repair);
    await channel.repair;
  }

  #headOf(channel: HubChannel): Position {
    this.#flushChannel(channel, null);
    return channel.sent;
  }

  async #open(channel: HubChannel): Promise<void> {
    try {
      await this.#commands.run(channel.name, async () => {
        if (channel.closed) return;
        await this.#session.subscribe(channel.name);
        this.#options.stats.brokerSubscriptions += 1;
        channel.subscribed = true;
      });
      await findHead(channel, this.#repair);
    } catch (error) {
      // The next one to join starts over.
      this.#drop(channel);
      throw error;
    }
  }

  #drop(channel: HubChannel): void {
    if (channel.closed) return;
    channel.closed = true;
    this.#options.stats.channels -= 1;
    if (this.#channels.get(channel.name) === channel) this.#channels.delete(channel.name);
    this.#commands
      .run(channel.name, async () => {
        if (!channel.subscribed) return;
        channel.subscribed = false;
        this.#options.stats.brokerSubscriptions -= 1;
        await this.#session.unsubscribe(channel.name);
      })
      .catch((error: unknown) => this.#options.onError(error));
  }

  #wait(channel: HubChannel): void {
    if (!channel.waiting) this.#waiting.push(channel);
    channel.waiting = true;
    this.#flushing ??= setImmediate(() => {
      this.#flushing = null;
      this.flush();
    });
  }

  #flushChannel(channel: HubChannel, corked: Set<FeedLink> | null): void {
    const items = channel.pending;
    if (items.length === 0) return;
    channel.pending = [];
    const { live, sent } = channel;
    channel.sent = channel.head;
    channel.sentAt = this.#options.clock.now();
    try {
      for (const form of allForms) {
        const feeds = live[form.name];
        if (feeds.length > 0) this.#flushTo(feeds, form, items, sent, corked);
      }
      if (channel.behind.size > 0) this.#flushAhead(channel, items);
    } catch (error) {
      this.#options.onError(error);
    }
  }

  #flushTo(
    live: readonly Feed[],
    form: Form,
    items: readonly Outgoing[],
    sent: Position,
    corked: Set<FeedLink> | null,
  ): void {
    if (!form.tellsGaps && items.some((item) => tellsGap(item, form))) {
      // Backwards: who leaves is taken off the list.
      for (let index = live.length - 1; index >= 0; index--) live[index]?.reader.resync();
      return;
    }
    if (corked !== null) {
      for (const { link } of live) {
        if (corked.has(link)) continue;
        corked.add(link);
        link.cork();
      }
    }
    for (const segment of segments(items, form, sent, this.#limits)) {
      writeToAll(live, segment, this.#options.unreadBytes, this.#options.stats, this.#fallBehind);
    }
  }

  /** Feeds that have read ahead of the live line on one of its lines get what is beyond them, until it has come up to them. */
  #flushAhead(channel: HubChannel, items: readonly Outgoing[]): void {
    for (const feed of channel.behind) {
      if (feed.stage !== "ahead") continue;
      const cursor = feed.cursor as Position;
      const broken = cursor.epoch !== channel.sent.epoch || items.some((item) => item.lineBreak !== null);
      const full = feed.link.unread > this.#options.unreadBytes;
      if (broken || full) {
        feed.stage = "replaying";
        this.#startReplay(feed);
        continue;
      }
      const beyond = items.filter((item) => item.line !== null && !item.isBehind(cursor));
      for (const segment of segments(beyond, feed.reader.form, cursor, this.#limits))
        sendSegment(feed, segment, this.#options.stats);
      if (reaches(channel.sent, feed.cursor as Position)) channel.goLive(feed);
    }
  }

  readonly #fallBehind = (feed: Feed, at: Position): void => {
    this.#options.stats.lagging += 1;
    feed.channel.fallBehind(feed, at);
    this.#startReplay(feed);
  };

  #startReplay(feed: Feed): void {
    replay(feed, this, this.#replay).catch((error: unknown) => {
      if (feed.stage === "closed" || this.#closed) return;
      feed.reader.fail(error);
    });
  }
}
