// The newest events of one stream on this gateway, so that a fleet that comes back does not read them all from the broker.
import type { Position } from "@trunkline/core/wire";
import type { Outgoing } from "./event-text.ts";

const maxItems = 64;
/** In characters of stored text. */
const maxSize = 32_768;

export class Ring {
  /** The place before the oldest item. */
  #start: Position;
  /** The place of the newest. */
  #end: Position;
  #items: Outgoing[] = [];
  #size = 0;

  constructor(start: Position) {
    this.#start = start;
    this.#end = start;
  }

  push(item: Outgoing): void {
    this.#end = item.advance(this.#end);
    // Behind a hole there may be deletions that are forgotten: who is there has to ask the broker.
    if (item.line === "state" && item.after !== item.offset - 1) {
      this.#start = this.#end;
      this.#items = [];
      this.#size = 0;
      return;
    }
    this.#items.push(item);
    this.#size += item.size;
    // In batches, so that it costs little per event.
    if (this.#items.length >= 2 * maxItems || this.#size > 2 * maxSize) this.#trim();
  }

  /** All events behind `position`, or null when it is not within the ring, or of another line of events. */
  since(position: Position): readonly Outgoing[] | null {
    const { epoch, offset, tag, state } = this.#start;
    if (position.epoch !== epoch) return null;
    let atOffset: string | null = position.offset === offset ? tag : null;
    const { revision, tag: stateTag } = position.state ?? { revision: 0, tag: "" };
    let atRevision: string | null = revision === (state?.revision ?? 0) ? (state?.tag ?? "") : null;
    const behind: Outgoing[] = [];
    for (const item of this.#items) {
      if (item.line === "log" && item.offset === position.offset) atOffset = item.tag;
      if (item.line === "state" && item.offset === revision) atRevision = item.tag;
      if (!item.isBehind(position)) behind.push(item);
    }
    return atOffset === position.tag && atRevision === stateTag ? behind : null;
  }

  #trim(): void {
    let drop = 0;
    while (drop < this.#items.length && (this.#items.length - drop > maxItems || this.#size > maxSize)) {
      const item = this.#items[drop] as Outgoing;
      this.#start = item.advance(this.#start);
      this.#size -= item.size;
      drop += 1;
    }
    this.#items = this.#items.slice(drop);
  }
}
