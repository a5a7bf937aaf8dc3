// The frames of one link that come as requests of their own: in their order, each once, whichever gateway they came by.

/** Frames that may wait for one before them, and their characters: who sends them may not even have said hello. */
const maxHeld = 64;
const maxHeldSize = 65_536;

export class Inbox {
  #next = 1;
  readonly #held = new Map<number, string>();
  #heldSize = 0;

  /** Whether some wait for one that has not come. */
  get waits(): boolean {
    return this.#held.size > 0;
  }

  /** Number of the frame that is next. */
  get next(): number {
    return this.#next;
  }

  /**
   * Takes the frame with a number, counted from 1; what came before is passed over.
   * @returns those whose turn it is now, or null when too many wait: one before them is lost
   */
  take(number: number, text: string): readonly string[] | null {
    if (number < this.#next || this.#held.has(number)) return [];
    if (number > this.#next) {
      if (this.#held.size >= maxHeld || (this.waits && this.#heldSize + text.length > maxHeldSize)) return null;
      this.#held.set(number, text);
      this.#heldSize += text.length;
      return [];
    }
    const due = [text];
    this.#next += 1;
    for (let first = this.#held.get(this.#next); first !== undefined; first = this.#held.get(this.#next)) {
      due.push(first);
      this.#held.delete(this.#next);
      this.#heldSize -= first.length;
      this.#next += 1;
    }
    return due;
  }
}
