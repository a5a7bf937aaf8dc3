// The state line of one stream, as its verdicts and events tell it (PROTOCOL §5.3, §5.7). Pure.
import type { EventFrame, Verdict } from "@trunkline/core/wire";

export interface Kept {
  readonly data: unknown;
  readonly revision: number;
}

const nothing: ReadonlyMap<string, Kept> = new Map();

/** The newest of each key. What was known stays until a snapshot that takes its place is complete. Bounded by the stream's keys. */
export class KeyedState {
  #entries = new Map<string, Kept>();
  /** A snapshot that is coming: how many changes are left of it, and the newest revision in it. */
  #coming: { readonly entries: Map<string, Kept>; left: number; head: number } | null = null;
  /** Let in. Else nothing is to be seen of what is known, which the next verdict may go on from. */
  #granted = false;

  get entries(): ReadonlyMap<string, Kept> {
    return this.#granted ? this.#entries : nothing;
  }

  /** Whether it is whole, as of the last event. */
  get synced(): boolean {
    return this.#granted && this.#coming === null;
  }

  /** @returns the keys that may have changed */
  judge(verdict: Verdict): Iterable<string> {
    this.#granted = "position" in verdict;
    if (!("position" in verdict)) return verdict.verdict === "ended" ? this.#replace(new Map()) : this.#entries.keys();
    const left = ("changes" in verdict && verdict.changes) || 0;
    const head = verdict.position.state?.revision ?? 0;
    const whole = verdict.verdict === "snapshot" || (verdict.verdict === "gap" && verdict.snapshot === true);
    if (whole) this.#coming = { entries: new Map(), left, head };
    // The rest of one that was interrupted.
    else if (this.#coming) Object.assign(this.#coming, { left, head });
    return [...this.#entries.keys(), ...this.#settle()];
  }

  /** An event of the stream, in its order. @returns the keys that may have changed */
  take({ event, key = event, data, revision, deleted }: EventFrame): Iterable<string> {
    if (revision === undefined) return [];
    const entries = this.#coming?.entries ?? this.#entries;
    if (deleted) entries.delete(key);
    else entries.set(key, { data, revision });
    if (this.#coming === null) return [key];
    // What changed meanwhile comes in its new place, behind the head.
    this.#coming.left = revision >= this.#coming.head ? 0 : this.#coming.left - 1;
    return this.#settle();
  }

  #settle(): Iterable<string> {
    return this.#coming && this.#coming.left <= 0 ? this.#replace(this.#coming.entries) : [];
  }

  #replace(entries: Map<string, Kept>): Iterable<string> {
    const touched = new Set([...this.#entries.keys(), ...entries.keys()]);
    this.#entries = entries;
    this.#coming = null;
    return touched;
  }
}
