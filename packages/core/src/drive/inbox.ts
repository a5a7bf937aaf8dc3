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
  #readers: { readonly waiter: Waiter<Item>; readonly reader: object | undefined }[] = [];
  #paused = false;
  #gaveUp = false;
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

  /** Whether its link was given up. */
  get gaveUp(): boolean {
    return this.#gaveUp;
  }

  /** For the reader that has waited longest, or for later. */
  push(item: Item): void {
    for (let first = this.#readers.shift(); first !== undefined; first = this.#readers.shift()) {
      if (first.waiter.settled) continue;
      first.waiter.resolve(item);
      return;
    }
    this.#unread.push(item);
    const { pauseAbove, giveUpAt } = this.#limits;
    const link = this.#link();
    if (this.size > pauseAbove && !this.#paused && link.pause !== undefined) {
      this.#paused = true;
      link.pause();
    }
    if (this.size < giveUpAt || this.#gaveUp) return;
    this.#gaveUp = true;
    link.close(CloseCode.policyViolation, "too many unread messages");
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

  /** The next item, in order; what came before the end can still be read after it. @param reader who, for `dismiss` */
  read(signal?: AbortSignalLike, reader?: object): Promise<Item> {
    if (this.size > 0) return Promise.resolve(this.take() as Item);
    if (this.#ended !== null) return Promise.reject(this.#ended);
    const waiter = new Waiter<Item>();
    this.#readers = [...this.#readers.filter((waiting) => !waiting.waiter.settled), { waiter, reader }];
    return waiter.wait(signal);
  }

  /** Rejects what `reader` waits for, so that it takes nothing that comes later. */
  dismiss(reader: object, error: Error): void {
    for (const waiting of this.#readers) if (waiting.reader === reader) waiting.waiter.reject(error);
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
    for (const { waiter } of readers) waiter.reject(error);
  }
}
