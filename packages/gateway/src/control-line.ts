// The line on which the gateways of one broker tell each other what to do with their connections: a stream with a history, because a
// revocation that is lost is a hole. No account can write to it, and what is said on any other stream commands nothing.
import { GatewayError } from "@trunkline/core/errors";
import type { Broker, Clock, StreamName } from "@trunkline/core/ports";
import { type ControlCommand, readCommand } from "./control-command.ts";
import { type Followed, StreamFollower } from "./stream-follower.ts";

export interface ControlLineOptions {
  /** The broker that other gateways may be on too; null when there can be no others. */
  readonly broker: Broker | null;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  /** Does on this gateway what a command says. Must not reject. */
  readonly perform: (command: ControlCommand) => Promise<void>;
  /** Commands went by that nobody can read any more. */
  readonly onMissed: () => void;
}

/** No account can be named so. */
export const controlStream = "~gateway/control" as StreamName;
/** Commands remembered, and how long own ones may have to be said again, in milliseconds: as much as brokers keep. */
const remembered = 1000;
const keptMs = 300_000;

export class ControlLine {
  readonly #options: ControlLineOptions;
  readonly #follower: StreamFollower | null;
  readonly #line: Followed | null;
  /** What was done here, by id, the oldest first. */
  readonly #done = new Map<string, ControlCommand>();
  #count = 0;
  /** What this gateway said, the oldest first. */
  #own: { readonly command: ControlCommand; readonly at: number }[] = [];
  #closed = false;

  constructor(options: ControlLineOptions) {
    const { broker, clock, onError } = options;
    this.#options = options;
    this.#follower = broker === null ? null : new StreamFollower({ broker, clock, onError });
    this.#line =
      this.#follower?.follow(controlStream, {
        onEntry: ({ body }) => this.#hear(body),
        onBreak: (news) => void this.#startOver(news.verdict === "gap" && news.reason === "retention"),
      }) ?? null;
  }

  /** Resolves once every later command reaches this gateway. Rejects when the broker can't be used; the next call tries again. */
  async ready(): Promise<void> {
    await this.#line?.ready();
  }

  /** Whether `ready` has resolved. */
  get isReady(): boolean {
    return this.#line === null || this.#line.isReady;
  }

  /** How many commands were done: see `since`. */
  get mark(): number {
    return this.#count;
  }

  /** Whether it has said something that it may have to say again: see `checkHead`. */
  get hasSaid(): boolean {
    const last = this.#own.at(-1);
    return last !== undefined && this.#options.clock.now() - last.at < keptMs;
  }

  /** The commands done since `mark` was read, or null when there were more than are remembered. */
  since(mark: number): readonly ControlCommand[] | null {
    const count = this.#count - mark;
    if (count > remembered) return null;
    return count === 0 ? [] : [...this.#done.values()].slice(-count);
  }

  /**
   * Does it here, and has it done by all others. Resolves once it is done here and on its way to them.
   * @throws {GatewayError} `gateway.unavailable`, `gateway.outcome-unknown`: others may not hear of it; say it again
   */
  async say(command: ControlCommand): Promise<void> {
    // First of all here, where nothing is in its way.
    const done = this.#do(command);
    const { broker, clock } = this.#options;
    if (broker !== null) {
      // Who says something has to notice when the broker loses it.
      await this.ready();
      await broker.append(controlStream, { body: JSON.stringify(command) });
      const now = clock.now();
      this.#own = [...this.#own.filter(({ at }) => now - at < keptMs), { command, at: now }].slice(-remembered);
    }
    await done;
  }

  /** Compares its head with the broker's, as once per heartbeat all streams' are. Never rejects. */
  async checkHead(isGivenUp?: () => boolean): Promise<void> {
    await this.#follower?.checkHeads(isGivenUp);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#follower?.close();
  }

  #hear(body: string): void {
    const command = readCommand(body);
    if (typeof command !== "string") void this.#do(command);
    else this.#options.onError(new GatewayError("gateway.bad-request", `${controlStream}: ${command}`));
  }

  /** Once, however often it is heard. */
  #do(command: ControlCommand): Promise<void> {
    if (this.#done.has(command.id)) return Promise.resolve();
    this.#done.set(command.id, command);
    this.#count += 1;
    for (const id of this.#done.keys()) {
      if (this.#done.size <= remembered) break;
      this.#done.delete(id);
    }
    return this.#options.perform(command);
  }

  /**
   * The line broke. In another life of the broker all that it holds is read, and each gateway says again what it had said: the broker
   * may have lost it before others heard it. What was too old to be kept nobody can say.
   */
  async #startOver(missed: boolean): Promise<void> {
    if (missed) return this.#options.onMissed();
    const { broker, clock, onError } = this.#options;
    if (broker === null) return;
    try {
      const { log } = await broker.read(controlStream, { offset: 0 }, remembered);
      for (const { body } of log.entries) this.#hear(body);
      const now = clock.now();
      for (const { command, at } of this.#own) {
        if (now - at < keptMs && !this.#closed)
          await broker.append(controlStream, { body: JSON.stringify(command), dedupeKey: command.id });
      }
    } catch (error) {
      if (this.#closed) return;
      onError(error);
      this.#options.onMissed();
    }
  }
}
