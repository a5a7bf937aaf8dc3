// The newest events of one stream, in a ring: appending and trimming cost the same however long the history is.
import type { Entry, LinePage } from "@trunkline/core/ports";

const firstCapacity = 4;

/** One stream's history. Offsets are gapless; the tag of the newest trimmed entry is kept, so that its cursor stays known. */
export class StreamHistory {
  /** Capacity is a power of two, so that a mask wraps the index. */
  #slots: (Entry | undefined)[] = [];
  #first = 0;
  #size = 0;
  #head = 0;
  #headTag = "";
  #floorTag = "";

  /** Offset of the newest event ever appended; 0 when there was none. */
  get head(): number {
    return this.#head;
  }

  /** Its tag; "" when there was none. */
  get headTag(): string {
    return this.#headTag;
  }

  /** Events that are still kept. */
  get size(): number {
    return this.#size;
  }

  append(tag: string, time: number, body: string): Entry {
    if (this.#size === this.#slots.length) this.#grow();
    this.#head += 1;
    this.#headTag = tag;
    const entry: Entry = { line: "log", offset: this.#head, tag, time, body };
    this.#slots[(this.#first + this.#size) & (this.#slots.length - 1)] = entry;
    this.#size += 1;
    return entry;
  }

  /** Drops what is older than `oldestTime` and, from the oldest on, all but `count` events. */
  trim(count: number, oldestTime: number): void {
    let oldest = this.#slots[this.#first];
    while (oldest !== undefined && (this.#size > count || oldest.time < oldestTime)) {
      this.#floorTag = oldest.tag;
      this.#slots[this.#first] = undefined;
      this.#first = (this.#first + 1) & (this.#slots.length - 1);
      this.#size -= 1;
      oldest = this.#slots[this.#first];
    }
    if (this.#size === 0 && this.#slots.length > firstCapacity) {
      this.#slots = [];
      this.#first = 0;
    }
  }

  page(afterOffset: number, limit: number): LinePage {
    const floor = this.#head - this.#size;
    const entries: Entry[] = [];
    if (afterOffset >= floor) {
      const end = Math.min(this.#size, afterOffset - floor + limit);
      for (let index = afterOffset - floor; index < end; index++) {
        const entry = this.#at(index);
        if (entry !== undefined) entries.push(entry);
      }
    }
    const count = Math.max(0, this.#head - Math.max(afterOffset, floor));
    return { floor, tagAtStart: this.#tagAt(afterOffset, floor), entries, count };
  }

  #tagAt(offset: number, floor: number): string | null {
    if (offset === 0) return "";
    if (offset === floor) return this.#floorTag;
    return offset > floor && offset <= this.#head ? (this.#at(offset - floor - 1)?.tag ?? null) : null;
  }

  #at(index: number): Entry | undefined {
    return this.#slots[(this.#first + index) & (this.#slots.length - 1)];
  }

  #grow(): void {
    const capacity = Math.max(firstCapacity, this.#slots.length * 2);
    const slots = Array.from({ length: capacity }, (_, index) => (index < this.#size ? this.#at(index) : undefined));
    this.#slots = slots;
    this.#first = 0;
  }
}
