// What this gateway wants on the streams of presence, what the broker has, and so what it is owed. Decides, and does nothing.
import type { StreamName } from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";

/** One key of one stream: this gateway alone writes it. */
export interface Item {
  readonly stream: StreamName;
  readonly key: string;
  /** What it should hold; null: nothing. */
  readonly wanted: string | null;
}

interface Record extends Item {
  wanted: string | null;
  /** What the broker has; undefined: nobody knows. */
  there: string | null | undefined;
  /** Writes under way, and what the last of them says. */
  flying: number;
  last: string | null;
}

/** A place on the state line of a stream. */
export interface Mark {
  readonly stream: StreamName;
  readonly epoch: string;
  readonly revision: number;
}

interface Page {
  readonly records: Map<string, Record>;
  /** Of the stream, as the last write was answered; "" before. */
  epoch: string;
  /** The newest revision written. */
  revision: number;
}

export class Ledger {
  readonly #pages = new Map<StreamName, Page>();
  /** Records that the broker may be owed. */
  readonly #owing = new Set<Record>();

  /** Says what a key should hold. Null when that is nothing, and nothing was ever there. */
  want(stream: StreamName, key: string, wanted: string | null): Item | null {
    let page = this.#pages.get(stream);
    let record = page?.records.get(key);
    if (record === undefined) {
      if (wanted === null) return null;
      record = { stream, key, wanted, there: null, flying: 0, last: null };
      page ??= { records: new Map(), epoch: "", revision: 0 };
      this.#pages.set(stream, page);
      page.records.set(key, record);
    }
    record.wanted = wanted;
    if (isOwed(record)) this.#owing.add(record);
    return record;
  }

  /** Whether an item has to be written: else it is there, or on its way. */
  isOwed(item: Item): boolean {
    return isOwed(item as Record);
  }

  /** Nothing of this gateway is on any stream. */
  get isEmpty(): boolean {
    return this.#pages.size === 0;
  }

  /** What the broker is owed, at most `limit` items. */
  owed(limit: number): readonly Item[] {
    const items: Item[] = [];
    for (const record of this.#owing) {
      if (!isOwed(record)) this.#owing.delete(record);
      else if (items.push(record) === limit) break;
    }
    return items;
  }

  /** The item is being written as it is wanted now. @returns what it says */
  send(item: Item): string | null {
    const record = item as Record;
    this.#owing.delete(record);
    record.flying += 1;
    record.last = record.wanted;
    return record.last;
  }

  /** A write was stored. Whether the stream has lost what was on it before. */
  stored(item: Item, body: string | null, epoch: string, revision: number): boolean {
    const record = item as Record;
    const page = this.#pages.get(record.stream);
    const lost = page !== undefined && page.epoch !== "" && (page.epoch !== epoch || revision <= page.revision);
    if (lost) this.#lose(page);
    if (page !== undefined) Object.assign(page, { epoch, revision });
    record.there = body;
    this.#land(record);
    return lost;
  }

  /** A write failed. `certain`: nothing was stored. */
  failed(item: Item, certain: boolean): void {
    const record = item as Record;
    if (!certain) record.there = undefined;
    this.#land(record);
  }

  /** Where its streams are, as far as it wrote on them: to be compared with what the broker says. */
  get marks(): readonly Mark[] {
    return [...this.#pages].flatMap(([stream, { epoch, revision }]) =>
      epoch === "" ? [] : [{ stream, epoch, revision }],
    );
  }

  /** Where a stream was found after `mark` was taken. Whether it has lost what this gateway wrote, which is owed anew. */
  found({ stream, epoch, revision }: Mark, head: Position): boolean {
    const page = this.#pages.get(stream);
    if (page === undefined || page.epoch !== epoch) return false;
    if (head.epoch === epoch && (head.state?.revision ?? 0) >= revision) return false;
    this.#lose(page);
    Object.assign(page, { epoch: head.epoch, revision: head.state?.revision ?? 0 });
    return true;
  }

  #lose({ records }: Page): void {
    for (const record of records.values()) {
      record.there = undefined;
      this.#land(record, 0);
    }
  }

  #land(record: Record, landed = 1): void {
    record.flying -= landed;
    if (isOwed(record)) return void this.#owing.add(record);
    this.#owing.delete(record);
    const page = this.#pages.get(record.stream);
    if (record.flying > 0 || record.wanted !== null || page?.records.get(record.key) !== record) return;
    page.records.delete(record.key);
    if (page.records.size === 0) this.#pages.delete(record.stream);
  }
}

function isOwed({ wanted, there, flying, last }: Record): boolean {
  return wanted !== (flying === 0 ? there : last);
}
