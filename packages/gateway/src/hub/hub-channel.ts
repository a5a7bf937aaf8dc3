// One stream on this gateway: who is on it, and what waits to be sent to them.
import type { Entry, StreamName } from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";
import type { FormName } from "../form.ts";
import { type LineBreak, Outgoing, type Source } from "./event-text.ts";
import type { Feed } from "./feed.ts";
import { Ring } from "./ring.ts";
import type { Serializer } from "./serializer.ts";

/** Entries held back while the head is in doubt; beyond it they are read again instead. */
const maxHeld = 10_000;

const nowhere: Position = { epoch: "", offset: 0, tag: "" };

/** What an entry turned out to be. */
export type Accepted = "next" | "held" | "known" | "doubt";

export class HubChannel implements Source {
  readonly name: StreamName;
  /** The channel as its account knows it. */
  readonly label: string;
  readonly serializer: Serializer | null;
  /** Feeds that are live. Those of one form share their buffers. */
  readonly live: Readonly<Record<FormName, Feed[]>> = {
    v1: [],
    plain: [],
    raw: [],
    "v1-stream": [],
    "plain-stream": [],
  };
  /** Feeds that are not live. */
  readonly behind = new Set<Feed>();
  /** Resolves once the broker's subscription is sure and the head known; rejects when that failed. */
  opened: Promise<void> = Promise.resolve();
  /** Newest entries taken from the broker. */
  head: Position = nowhere;
  /** What the live feeds have. */
  sent: Position = nowhere;
  /** When they last got something, by the hub's clock. */
  sentAt = 0;
  /** What came after `sent`. */
  pending: Outgoing[] = [];
  ring = new Ring(nowhere);
  /** Entries that wait until the head is known, or null when it is. */
  held: Entry[] | null = [];
  /** Comparing the head with the broker's, or null. */
  repair: Promise<void> | null = null;
  /** Asked for while a repair was under way. */
  doubtAgain = false;
  /** Whether it is in the hub's list for the next flush. */
  waiting = false;
  /** Whether the broker was told. */
  subscribed = false;
  closed = false;

  constructor(name: StreamName, label: string, serializer: Serializer | null = null) {
    this.name = name;
    this.label = label;
    this.serializer = serializer;
  }

  get empty(): boolean {
    return this.behind.size === 0 && Object.values(this.live).every((feeds) => feeds.length === 0);
  }

  /** Takes one entry from the broker; it is pending when it is the next. */
  accept(entry: Entry): Accepted {
    if (this.held !== null) {
      if (this.held.length < maxHeld) this.held.push(entry);
      else {
        this.hold();
        this.doubtAgain = true;
      }
      return "held";
    }
    const { offset, tag } = this.#placeOn(entry);
    if (entry.offset !== offset + 1) {
      // Older entries come again after a repair, so they prove nothing by themselves; another tag does.
      return entry.offset > offset || (entry.offset === offset && entry.tag !== tag) ? "doubt" : "known";
    }
    this.push(Outgoing.stored(this, entry));
    return "next";
  }

  /** The place where the stream is known from now on. */
  begin(head: Position): void {
    this.head = head;
    this.sent = head;
    this.ring = new Ring(head);
  }

  /** News of a break in the stream, in its place among the events: readers go on from `start`. */
  break(news: LineBreak, start: Position): void {
    this.pending.push(Outgoing.lineBreak(news));
    this.head = start;
    this.ring = new Ring(start);
    // What was held may be of the line that is over, and an entry does not say: it is read again instead.
    this.hold();
    this.doubtAgain = true;
  }

  /** What comes from now on waits until the head is known; what waited so far is read again instead. */
  hold(): void {
    this.held = [];
  }

  /** The next event. */
  push(item: Outgoing): void {
    this.pending.push(item);
    this.ring.push(item);
    this.head = item.advance(this.head);
  }

  /** Lets go of what nobody may need any more: who returns to a quiet stream is mostly at its head. */
  cool(): void {
    if (this.held === null && this.pending.length === 0) this.ring = new Ring(this.head);
    this.serializer?.clear();
  }

  #placeOn({ line }: Entry): { readonly offset: number; readonly tag: string } {
    if (line === "log") return this.head;
    const { revision, tag } = this.head.state ?? { revision: 0, tag: "" };
    return { offset: revision, tag };
  }

  /** The head is known: lets go of what was held. Whether that leaves a hole. */
  release(): boolean {
    const held = this.held ?? [];
    this.held = null;
    let doubt = false;
    for (const entry of held) if (this.accept(entry) === "doubt") doubt = true;
    return doubt;
  }

  goLive(feed: Feed): void {
    const list = this.live[feed.reader.form.name];
    this.behind.delete(feed);
    feed.stage = "live";
    feed.cursor = null;
    feed.index = list.length;
    list.push(feed);
  }

  /** Takes a feed off the live list; it has everything up to `at`. */
  fallBehind(feed: Feed, at: Position): void {
    this.#unlist(feed);
    feed.stage = "replaying";
    feed.cursor = at;
    this.behind.add(feed);
  }

  remove(feed: Feed): void {
    if (feed.stage === "live") this.#unlist(feed);
    else this.behind.delete(feed);
    feed.stage = "closed";
    feed.reading = null;
  }

  /** The last one takes its place: the order of sockets means nothing. */
  #unlist(feed: Feed): void {
    const list = this.live[feed.reader.form.name];
    const last = list.pop();
    if (last === undefined || last === feed) return;
    list[feed.index] = last;
    last.index = feed.index;
  }
}
