// The latest value per key of one stream, in the order of the last changes.
import type { Entry, LinePage } from "@trunkline/core/ports";
import type { StateMark } from "@trunkline/core/wire";

export class StateLine {
  /** By key, oldest change first: a change moves its key to the end. Deletions stay in it until they are forgotten. */
  readonly #entries = new Map<string, Entry>();
  /** The deletions among them, in the same order. */
  readonly #tombstones = new Map<string, Entry>();
  #mark: StateMark | undefined;
  #floor = 0;

  /** The newest change; undefined while there was none. */
  get mark(): StateMark | undefined {
    return this.#mark;
  }

  /** Keys that are kept, deleted ones included. */
  get size(): number {
    return this.#entries.size;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  put(key: string, deleted: boolean, tag: string, time: number, body: string): Entry {
    const revision = (this.#mark?.revision ?? 0) + 1;
    const entry: Entry = { line: "state", offset: revision, tag, time, body, ...(deleted && { deleted }) };
    this.#mark = { revision, tag };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#tombstones.delete(key);
    if (deleted) this.#tombstones.set(key, entry);
    return entry;
  }

  /** Forgets deletions older than `oldestTime`, but never the newest change: readers have to come up to it. */
  trim(oldestTime: number): void {
    for (const [key, { offset, time }] of this.#tombstones) {
      if (time >= oldestTime || offset === this.#mark?.revision) return;
      this.#tombstones.delete(key);
      this.#entries.delete(key);
      this.#floor = offset;
    }
  }

  page(after: number | undefined, limit: number): LinePage {
    if (after === undefined) return { floor: this.#floor, tagAtStart: null, entries: [], count: 0 };
    let tagAtStart = after === 0 ? "" : null;
    let count = 0;
    const entries: Entry[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.offset === after) tagAtStart = entry.tag;
      if (entry.offset <= after) continue;
      count += 1;
      if (count <= limit) entries.push(entry);
    }
    return { floor: this.#floor, tagAtStart, entries, count };
  }
}
