// Follows all streams whose names begin alike, those included that nobody knows of yet: each from the first entry that is heard of it.
import { GatewayError } from "@trunkline/core/errors";
import type { Broker, BrokerListener, BrokerSession, Clock, Entry, Line, StreamName } from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";
import { FollowedStream } from "./followed-stream.ts";
import { CommandChains } from "./hub/command-chains.ts";
import { type LineBreak, Outgoing } from "./hub/event-text.ts";
import { checkHeads } from "./hub/head-check.ts";
import { HubChannel } from "./hub/hub-channel.ts";
import { type RepairOptions, doubt } from "./hub/repair.ts";
import type { Followed } from "./stream-follower.ts";

/** Hears streams under prefixes, each entry once. What it throws is reported. */
export interface PrefixEar {
  /** Whether it hears a stream; what is said on others is let go. */
  wants(stream: StreamName): boolean;
  onEntry(stream: StreamName, entry: Entry): void;
  onVolatile(stream: StreamName, body: string, time: number): void;
  /** As of `StreamEar`. */
  onBreak(stream: StreamName, news: LineBreak): void;
  /** The broker was away: streams that began meanwhile, or were forgotten here, may have said something that nobody can know. */
  onUnheard(prefix: StreamName): void;
}

export interface PrefixFollowerOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  /** Hears of what is tried again. Must not throw. */
  readonly onError: (error: unknown) => void;
  readonly ear: PrefixEar;
}

/** Streams kept track of; beyond it those quiet for longest are forgotten, and begin anew when they are heard of. */
const maxStreams = 10_000;
/** How soon the broker is asked again that did not answer, in milliseconds. */
const retryMs = 1000;

/** A stream from its first entry on. */
interface Tracked {
  readonly stream: FollowedStream;
  /** Places of the first entries heard, per line. */
  readonly first: Partial<Record<Line, number>>;
  /** Where the stream was when it was first asked for; null before that. */
  base: Position | null;
}

export class PrefixFollower implements BrokerListener {
  readonly #ear: PrefixEar;
  readonly #repair: RepairOptions;
  readonly #commands = new CommandChains();
  /** Those heard of last come last. */
  readonly #streams = new Map<StreamName, Tracked>();
  #session: BrokerSession | null = null;
  #closed = false;

  constructor({ broker, clock, onError, ear }: PrefixFollowerOptions) {
    this.#ear = ear;
    const onPending = ({ name }: HubChannel): void => this.#streams.get(name)?.stream.tell(onError);
    this.#repair = { broker, clock, onError, onPending };
  }

  /** Each prefix at most once at a time. `ready` rejects with `gateway.unsupported` where the broker can't do it. */
  follow(prefix: StreamName): Pick<Followed, "ready" | "stop"> {
    let opening: Promise<void> | null = null;
    let stopped = false;
    let subscribed = false;
    const open = async (): Promise<void> => {
      if (stopped || subscribed) return;
      const { broker } = this.#repair;
      this.#session ??= broker.open(this);
      if (this.#session.subscribePrefix === undefined) throw noPrefixes(broker);
      await this.#session.subscribePrefix(prefix);
      subscribed = true;
    };
    const close = async (): Promise<void> => {
      if (subscribed) await this.#session?.unsubscribePrefix?.(prefix);
    };
    return {
      ready: () => {
        opening ??= this.#commands.run(prefix, open).catch((error: unknown) => {
          opening = null;
          throw error;
        });
        return opening;
      },
      stop: async () => {
        if (stopped) return;
        stopped = true;
        for (const name of this.#streams.keys()) if (!this.#ear.wants(name)) this.#forget(name);
        await this.#commands.run(prefix, close).catch((error: unknown) => this.#repair.onError(error));
      },
    };
  }

  /** As of `StreamFollower`, of the streams that are known. Never rejects. */
  async checkHeads(isGivenUp: () => boolean = () => false): Promise<void> {
    const isOver = (): boolean => this.#closed || isGivenUp();
    await this.#check(() => true, isOver).catch((error: unknown) =>
      isOver() ? undefined : this.#repair.onError(error),
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const name of this.#streams.keys()) this.#forget(name);
    await this.#commands.idle();
    await this.#session?.close();
  }

  onEntry(name: StreamName, entry: Entry): void {
    const tracked = this.#track(name);
    if (tracked === null) return;
    const { channel } = tracked.stream;
    if (tracked.first[entry.line] === undefined) {
      tracked.first[entry.line] = entry.offset;
      // Counted as known when the stream was asked for, but only on its way then.
      if (channel.held === null && wasUnderWay(tracked, entry)) channel.head = before(channel.head, entry);
    }
    const accepted = channel.accept(entry);
    if (accepted === "next") tracked.stream.tell(this.#repair.onError);
    else if (accepted === "doubt") doubt(channel, this.#repair);
  }

  onVolatile(name: StreamName, body: string, time: number): void {
    // It has no place, so a stream need not be kept track of for it.
    const tracked = this.#streams.get(name);
    if (tracked === undefined) {
      if (this.#ear.wants(name)) this.#ear.onVolatile(name, body, time);
      return;
    }
    const { channel } = tracked.stream;
    channel.pending.push(Outgoing.volatile(channel, body, time));
    tracked.stream.tell(this.#repair.onError);
  }

  onDoubt(name: StreamName): void {
    const tracked = this.#streams.get(name);
    if (tracked !== undefined) doubt(tracked.stream.channel, this.#repair);
  }

  onPrefixDoubt(prefix: StreamName): void {
    this.#ear.onUnheard(prefix);
    // Those of which it is not known yet where they are, or that are being compared, are compared behind that.
    for (const [name, { stream }] of this.#streams)
      if (stream.channel.held !== null && name.startsWith(prefix)) stream.channel.doubtAgain = true;
    this.#compare(prefix);
  }

  onAvailable(): void {}

  /** Compares what is known under a prefix with the broker, until it answers. */
  #compare(prefix: StreamName): void {
    const { clock, onError } = this.#repair;
    this.#check(
      (name) => name.startsWith(prefix),
      () => this.#closed,
    ).catch((error: unknown) => {
      if (this.#closed) return;
      onError(error);
      clock.setTimer(() => this.#compare(prefix), retryMs);
    });
  }

  async #check(of: (name: StreamName) => boolean, isOver: () => boolean): Promise<void> {
    const { broker, clock } = this.#repair;
    const known = [...this.#streams.values()]
      .map(({ stream }) => stream.channel)
      .filter(({ name, held }) => held === null && of(name));
    if (isOver() || known.length === 0) return;
    await checkHeads(known, { broker, clock, isOver, onDoubt: (channel) => doubt(channel, this.#repair) });
  }

  #track(name: StreamName): Tracked | null {
    let tracked = this.#streams.get(name);
    if (tracked !== undefined) {
      this.#streams.delete(name);
      this.#streams.set(name, tracked);
      return tracked;
    }
    if (this.#closed || !this.#ear.wants(name)) return null;
    const ear = this.#ear;
    const stream = new FollowedStream(new HubChannel(name, name), {
      onEntry: (entry) => ear.onEntry(name, entry),
      onVolatile: (body, time) => ear.onVolatile(name, body, time),
      onBreak: (news) => ear.onBreak(name, news),
    });
    tracked = { stream, first: {}, base: null };
    this.#streams.set(name, tracked);
    if (this.#streams.size > maxStreams) this.#forget(this.#streams.keys().next().value as StreamName);
    void this.#begin(tracked);
    return tracked;
  }

  #forget(name: StreamName): void {
    const tracked = this.#streams.get(name);
    if (tracked !== undefined) tracked.stream.channel.closed = true;
    this.#streams.delete(name);
  }

  /** What is heard is held until it is known which life of the stream it belongs to. */
  async #begin(tracked: Tracked): Promise<void> {
    const { channel } = tracked.stream;
    const { broker, clock, onError, onPending } = this.#repair;
    let head: Position | undefined;
    try {
      [head] = await broker.heads([channel.name]);
    } catch (error) {
      if (channel.closed) return;
      onError(error);
      clock.setTimer(() => {
        if (!channel.closed) void this.#begin(tracked);
      }, retryMs);
      return;
    }
    if (channel.closed || head === undefined) return;
    tracked.base = head;
    const { log, state } = tracked.first;
    let start = head;
    if (log !== undefined) start = before(start, { line: "log", offset: log });
    if (state !== undefined) start = before(start, { line: "state", offset: state });
    channel.begin(start);
    if (channel.release() || channel.doubtAgain) doubt(channel, this.#repair);
    if (channel.pending.length > 0) onPending(channel);
  }
}

/** Where a stream was before `entry`. */
function before(position: Position, { line, offset }: Pick<Entry, "line" | "offset">): Position {
  if (line === "log") return { ...position, offset: offset - 1, tag: "" };
  return { ...position, state: { revision: offset - 1, tag: "" } };
}

/** Whether the first entry on its line was stored already when the stream was asked for, and not told since. */
function wasUnderWay({ stream, base }: Tracked, { line, offset }: Entry): boolean {
  const { head } = stream.channel;
  if (base === null || head.epoch !== base.epoch) return false;
  const [now, then] = [head, base].map((at) => (line === "log" ? at.offset : (at.state?.revision ?? 0)));
  return now === then && offset <= (then ?? 0);
}

function noPrefixes({ name }: Broker): GatewayError {
  return new GatewayError(
    "gateway.unsupported",
    `the broker "${name}" has no subscriptions by prefix: name each channel of the listener instead of patterns`,
  );
}
