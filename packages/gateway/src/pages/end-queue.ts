// What ends, the nearest end first: a binary heap whose items know their place in it, so that an end can be changed.
export interface Ending {
  /** By the clock. After a change call `moved`. */
  end: number;
  /** Kept by the queue. */
  place: number;
}

export class EndQueue<Item extends Ending> {
  readonly #heap: Item[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The one with the nearest end. */
  get first(): Item | undefined {
    return this.#heap[0];
  }

  add(item: Item): void {
    this.#put(item, this.#heap.length);
    this.#rise(item);
  }

  /** The end of `item`, which is in the queue, is another. */
  moved(item: Item): void {
    this.#rise(item);
    this.#sink(item);
  }

  remove(item: Item): void {
    const last = this.#heap.pop();
    if (last === undefined || last === item) return;
    this.#put(last, item.place);
    this.moved(last);
  }

  clear(): void {
    this.#heap.length = 0;
  }

  #rise(item: Item): void {
    while (item.place > 0) {
      const above = this.#heap[(item.place - 1) >> 1] as Item;
      if (above.end <= item.end) return;
      this.#swap(above, item);
    }
  }

  #sink(item: Item): void {
    for (;;) {
      const left = this.#heap[2 * item.place + 1];
      const right = this.#heap[2 * item.place + 2];
      const nearer = right !== undefined && left !== undefined && right.end < left.end ? right : left;
      if (nearer === undefined || item.end <= nearer.end) return;
      this.#swap(item, nearer);
    }
  }

  #swap(above: Item, below: Item): void {
    const { place } = above;
    this.#put(above, below.place);
    this.#put(below, place);
  }

  #put(item: Item, place: number): void {
    item.place = place;
    this.#heap[place] = item;
  }
}
