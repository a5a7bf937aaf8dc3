// What came over one link and was not read yet.
import type { AbortSignalLike } from "../ports/abort-signal.ts";
import type { Link } from "../ports/transport.ts";
import { CloseCode } from "../wire/codes.ts";
import { Waiter } from "./waiter.ts";

export interface InboxLimits {
  /** Unread items above which the link is paused; it resumes at half of that. */
  readonly pauseAbove: number;
  /** Unread items at which a link that can't be paused is given up. */
  readonly giveUpAt: number;
}

/** A queue with readers that wait, which holds back its link. */
export class Inbox<Item> {
  readonly #limits: InboxLimits;
  readonly #link: () => Link;
  readonly #unread: Item[] = [];
  #readers: Waiter<Item>[] = [];
  #paused = false;
  /** What ended it, or null. */
  #ended: Error | null = null;

  constructor(limits: InboxLimits, link: () => Link) {
    this.#limits = limits;
    this.#link = link;
  }

  /** Items nobody took. */
  get size(): number {
    return this.#unread.length;
  }

  /** For the reader that has waited longest, or for later. */
  push(item: Item): void {
    for (let reader = this.#readers.shift(); reader !== undefined; reader = this.#readers.shift()) {
      if (reader.settled) continue;
      reader.resolve(item);
      return;
    }
    this.#unread.push(item);
    const { pauseAbove, giveUpAt } = this.#limits;
    const link = this.#link();
    if (this.size > pauseAbove && !this.#paused && link.pause !== undefined) {
      this.#paused = true;
      link.pause();
    }
    if (this.size >= giveUpAt) link.close(CloseCode.policyViolation, "too many unread messages");
  }

  /** The oldest item, or undefined. */
  take(): Item | undefined {
    const item = this.#unread.shift();
    if (this.#paused && this.size <= this.#limits.pauseAbove / 2) {
      this.#paused = false;
      this.#link().resume?.();
    }
    return item;
  }

  /** The next item, in order; what came before the end can still be read after it. */
  read(signal?: AbortSignalLike): Promise<Item> {
    if (this.size > 0) return Promise.resolve(this.take() as Item);
    if (this.#ended !== null) return Promise.reject(this.#ended);
    const reader = new Waiter<Item>();
    this.#readers = [...this.#readers.filter((waiting) => !waiting.settled), reader];
    return reader.wait(signal);
  }

  /** Drops what nobody took. */
  clear(): void {
    this.#unread.length = 0;
  }

  /** Nothing more comes: rejects the readers that wait. Only the first end counts. */
  end(error: Error): void {
    this.#ended ??= error;
    const readers = this.#readers;
    this.#readers = [];
    for (const reader of readers) reader.reject(error);
  }
}
