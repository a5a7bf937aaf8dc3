// Writes what this gateway wants on the streams of presence: performs what the ledger decides, and tries again until the broker has it.
import { GatewayError } from "@trunkline/core/errors";
import type { Broker, Clock, StreamName, TimerHandle } from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";
import { type Item, Ledger } from "./ledger.ts";
import { goneBody, maxKeys } from "./member.ts";

export interface KeyWriterOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  /** Hears of what is tried again. Must not throw. */
  readonly onError: (error: unknown) => void;
  /** A stream has lost what was on it: what is to be done before that is written again. Must not reject. */
  readonly onLost: () => Promise<void>;
}

/** How soon what the broker did not take is written again, in milliseconds. */
const retryMs = 1000;
/** Writes under way at a time of what is owed. */
const atOnce = 256;

export class KeyWriter {
  readonly #options: KeyWriterOptions;
  /** The last write of each item that has one under way; resolves to whether it failed. */
  readonly #sending = new Map<Item, Promise<boolean>>();
  readonly #underWay = new Set<Promise<boolean>>();
  #ledger = new Ledger();
  #settling: Promise<void> | null = null;
  #retry: TimerHandle | null = null;
  #closed = false;

  constructor(options: KeyWriterOptions) {
    this.#options = options;
  }

  /** Nothing of this gateway is on any stream. */
  get isEmpty(): boolean {
    return this.#ledger.isEmpty;
  }

  /** All that was wanted is forgotten: it is somebody else's to remove. */
  begin(): void {
    this.#ledger = new Ledger();
  }

  /** Says what a key should hold; null: nothing. `settle` writes it. */
  want(stream: StreamName, key: string, body: string | null): void {
    this.#ledger.want(stream, key, body);
  }

  /**
   * Has a key hold `body`, or nothing when that is null. Never rejects.
   * @returns whether it does; else it is written again until it does, or something else is wanted
   */
  async write(stream: StreamName, key: string, body: string | null): Promise<boolean> {
    const ledger = this.#ledger;
    const item = ledger.want(stream, key, body);
    if (item === null) return true;
    const failed = ledger.isOwed(item) ? this.#send(item) : this.#sending.get(item);
    // A new life writes all anew.
    return (await failed) !== true || ledger !== this.#ledger;
  }

  /** Writes what is owed. Never rejects. */
  settle(): Promise<void> {
    this.#settling ??= this.#writeOwed().finally(() => (this.#settling = null));
    return this.#settling;
  }

  /** Looks whether the broker still has what was written, and keeps it from being forgotten. Never rejects. */
  async checkHeads(isOver: () => boolean): Promise<void> {
    const ledger = this.#ledger;
    const { marks } = ledger;
    let isLost = false;
    try {
      for (let from = 0; from < marks.length && !isOver(); from += atOnce) {
        const asked = marks.slice(from, from + atOnce);
        const heads = await this.#options.broker.heads(asked.map(({ stream }) => stream));
        for (const [index, mark] of asked.entries()) if (ledger.found(mark, heads[index] as Position)) isLost = true;
      }
    } catch (error) {
      if (!isOver()) this.#options.onError(error);
    }
    if (isLost) await this.#lost();
  }

  /** Resolves once nothing is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#retry !== null) this.#options.clock.clearTimer(this.#retry);
    await Promise.all(this.#underWay);
  }

  async #lost(): Promise<void> {
    await this.#options.onLost();
    await this.settle();
  }

  async #writeOwed(): Promise<void> {
    while (!this.#closed) {
      const owed = this.#ledger.owed(atOnce);
      if (owed.length === 0) return;
      const failed = await Promise.all(owed.map((item) => this.#send(item)));
      if (failed.includes(true)) return;
    }
  }

  #send(item: Item): Promise<boolean> {
    const sending = this.#append(item);
    this.#sending.set(item, sending);
    this.#underWay.add(sending);
    void sending.then(() => {
      this.#underWay.delete(sending);
      if (this.#sending.get(item) === sending) this.#sending.delete(item);
    });
    return sending;
  }

  async #append(item: Item): Promise<boolean> {
    const ledger = this.#ledger;
    const body = ledger.send(item);
    const { stream, key } = item;
    try {
      const state = { key, deleted: body === null, maxKeys };
      const appended = await this.#options.broker.append(stream, { body: body ?? goneBody(stream, key), state });
      if (appended.kind !== "appended") throw new Error(`expected the broker to store a key, got ${appended.kind}`);
      const { epoch, offset } = appended.position;
      if (ledger.stored(item, body, epoch, offset)) void this.#lost();
      return false;
    } catch (error) {
      ledger.failed(item, error instanceof GatewayError && error.code !== "gateway.outcome-unknown");
      this.#failed(error);
      return true;
    }
  }

  #failed(error: unknown): void {
    if (this.#closed) return;
    const { clock, onError } = this.#options;
    onError(error);
    this.#retry ??= clock.setTimer(() => {
      this.#retry = null;
      void this.settle();
    }, retryMs);
  }
}
