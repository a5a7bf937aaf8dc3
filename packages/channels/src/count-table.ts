// How many are on a channel: one number per gateway (PROTOCOL §13). Pure.
import type { EventFrame, Verdict } from "@trunkline/core/wire";
import { KeyedState } from "./keyed-state.ts";

export class CountTable {
  readonly #state = new KeyedState();
  #told: number | null = null;

  get synced(): boolean {
    return this.#state.synced;
  }

  judge(verdict: Verdict): void {
    this.#state.judge(verdict);
    if (!("position" in verdict)) this.#told = null;
  }

  take(event: EventFrame): void {
    this.#state.take(event);
  }

  /** As `changes` has told; null before it is known. */
  get count(): number | null {
    return this.#told;
  }

  /** The number, when it is another than it was when it was asked last; else null. */
  changes(): number | null {
    if (!this.synced) return null;
    let count = 0;
    for (const { data } of this.#state.entries.values()) if (typeof data === "number") count += data;
    if (count === this.#told) return null;
    this.#told = count;
    return count;
  }
}
