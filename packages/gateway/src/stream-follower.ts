// Follows streams for the gateway itself: each entry once and in order, with the repair and the head checks that all streams have.
import type { Broker, BrokerListener, BrokerSession, Clock, Entry, StreamName } from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";
import { CommandChains } from "./hub/command-chains.ts";
import { FollowedStream, type StreamEar } from "./followed-stream.ts";
import { Outgoing } from "./hub/event-text.ts";
import { checkHeads } from "./hub/head-check.ts";
import { HubChannel } from "./hub/hub-channel.ts";
import { type RepairOptions, doubt, findHead } from "./hub/repair.ts";

export interface FollowOptions {
  /** What the stream is called in what its ear is told. @defaultValue its name */
  readonly label?: string;
  /** Begins with all that is on the state line, told before `ready` resolves. @defaultValue false: all begins with what comes */
  readonly wholeState?: boolean;
}

export interface Followed {
  /** Resolves once every later entry is sure to be heard. Rejects when the broker can't be used; the next call tries again. */
  ready(): Promise<void>;
  /** Whether `ready` has resolved. */
  readonly isReady: boolean;
  /** The newest entries known; offset 0 and epoch "" before that. */
  readonly head: Position;
  /** Nothing more is heard. Idempotent; never rejects. */
  stop(): Promise<void>;
}

export interface StreamFollowerOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  /** Hears of what is tried again, and of what an ear throws. Must not throw. */
  readonly onError: (error: unknown) => void;
}

export class StreamFollower implements BrokerListener {
  readonly #repair: RepairOptions;
  readonly #streams = new Map<StreamName, FollowedStream>();
  readonly #commands = new CommandChains();
  #session: BrokerSession | null = null;
  #closed = false;

  constructor(options: StreamFollowerOptions) {
    this.#repair = { ...options, onPending: ({ name }) => this.#streams.get(name)?.tell(options.onError) };
  }

  /** Each stream at most once at a time. Nothing happens before the first `ready`. */
  follow(name: StreamName, ear: StreamEar, { label = name, wholeState = false }: FollowOptions = {}): Followed {
    const stream = new FollowedStream(new HubChannel(name, label), ear);
    const { channel } = stream;
    this.#streams.set(name, stream);
    let opening: Promise<void> | null = null;
    let isReady = false;
    const open = async (): Promise<void> => {
      await this.#subscribe(channel);
      if (!stream.begun) await findHead(channel, this.#repair, wholeState);
      stream.begun = true;
      await channel.repair;
      isReady = true;
    };
    return {
      ready: () => {
        opening ??= open().catch((error: unknown) => {
          opening = null;
          throw error;
        });
        return opening;
      },
      get isReady() {
        return isReady;
      },
      get head() {
        return channel.head;
      },
      stop: () => this.#stop(stream),
    };
  }

  /** Compares every stream's head with the broker's, as once per heartbeat all streams' are (PROTOCOL §4.2). Never rejects. */
  async checkHeads(isGivenUp: () => boolean = () => false): Promise<void> {
    const { broker, clock, onError } = this.#repair;
    const known = [...this.#streams.values()].map(({ channel }) => channel).filter(({ held }) => held === null);
    if (known.length === 0) return;
    const isOver = (): boolean => this.#closed || isGivenUp();
    const onDoubt = (channel: HubChannel): void => doubt(channel, this.#repair);
    await checkHeads(known, { broker, clock, isOver, onDoubt }).catch((error: unknown) =>
      isOver() ? undefined : onError(error),
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { channel } of this.#streams.values()) channel.closed = true;
    this.#streams.clear();
    await this.#commands.idle();
    await this.#session?.close();
  }

  onEntry(name: StreamName, entry: Entry): void {
    const stream = this.#streams.get(name);
    if (stream === undefined) return;
    const accepted = stream.channel.accept(entry);
    if (accepted === "next") stream.tell(this.#repair.onError);
    else if (accepted === "doubt") doubt(stream.channel, this.#repair);
  }

  onVolatile(name: StreamName, body: string, time: number): void {
    const stream = this.#streams.get(name);
    if (stream === undefined || stream.ear.onVolatile === undefined) return;
    stream.channel.pending.push(Outgoing.volatile(stream.channel, body, time));
    stream.tell(this.#repair.onError);
  }

  onDoubt(name: StreamName): void {
    const stream = this.#streams.get(name);
    if (stream !== undefined) doubt(stream.channel, this.#repair);
  }

  onAvailable(): void {}

  #subscribe(channel: HubChannel): Promise<void> {
    return this.#commands.run(channel.name, async () => {
      if (channel.closed || channel.subscribed) return;
      this.#session ??= this.#repair.broker.open(this);
      await this.#session.subscribe(channel.name);
      channel.subscribed = true;
    });
  }

  async #stop({ channel }: FollowedStream): Promise<void> {
    if (channel.closed) return;
    channel.closed = true;
    const { name } = channel;
    if (this.#streams.get(name)?.channel === channel) this.#streams.delete(name);
    await this.#commands
      .run(name, async () => {
        if (!channel.subscribed) return;
        channel.subscribed = false;
        await this.#session?.unsubscribe(name);
      })
      .catch((error: unknown) => this.#repair.onError(error));
  }
}
