/** `[price, size]`. */
export type Level = readonly [price: number, size: number];
export type Side = "bids" | "asks";

/** The open orders of one product: what a snapshot said, and every change since. */
export class OrderBook {
  readonly #sides: Readonly<Record<Side, Map<number, number>>> = { bids: new Map(), asks: new Map() };
  /** Number of the last change, or of the snapshot. */
  #sequence: number;

  constructor(sequence: number, bids: readonly Level[], asks: readonly Level[]) {
    this.#sequence = sequence;
    for (const [price, size] of bids) this.#sides.bids.set(price, size);
    for (const [price, size] of asks) this.#sides.asks.set(price, size);
  }

  /** A size of 0 removes the level. False when a change before this one is missing: the book is of no use any more. */
  apply(sequence: number, side: Side, price: number, size: number): boolean {
    if (sequence !== this.#sequence + 1) return false;
    this.#sequence = sequence;
    if (size === 0) this.#sides[side].delete(price);
    else this.#sides[side].set(price, size);
    return true;
  }

  /** Best price first. */
  levels(side: Side): readonly Level[] {
    const sign = side === "bids" ? -1 : 1;
    return [...this.#sides[side]].sort(([a], [b]) => sign * (a - b));
  }
}
