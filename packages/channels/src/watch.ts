// Those who watch what a companion stream tells, and what it has told.
import type { EventFrame, Verdict } from "@trunkline/core/wire";

/** What a stream's state means. */
export interface Table<Change> {
  readonly synced: boolean;
  judge(verdict: Verdict): void;
  take(event: EventFrame): void;
  /** What is different since it was asked last, or null. */
  changes(): Change | null;
}

/** `whole`: told for the first time, of all there is. */
export type Watcher<Change> = (change: Change | null, whole: boolean) => void;

/** One per stream that is watched. Tells once for all that came in one frame. */
export class Watch<Change, Source extends Table<Change>> {
  readonly table: Source;
  /** And whether they were told of all there is. */
  readonly #watchers = new Map<Watcher<Change>, boolean>();
  #asked = false;

  constructor(table: Source) {
    this.table = table;
  }

  add(watcher: Watcher<Change>): void {
    this.#watchers.set(watcher, false);
    this.#ask();
  }

  delete(watcher: Watcher<Change>): void {
    this.#watchers.delete(watcher);
  }

  judge(verdict: Verdict): void {
    this.table.judge(verdict);
    this.#ask();
  }

  take(_: unknown, event: EventFrame): void {
    this.table.take(event);
    this.#ask();
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    void Promise.resolve().then(() => this.#tell());
  }

  #tell(): void {
    this.#asked = false;
    const change = this.table.changes();
    for (const [watcher, told] of this.#watchers) {
      const whole = !told && this.table.synced;
      if (whole) this.#watchers.set(watcher, true);
      if (whole || (told && change !== null)) watcher(change, whole);
    }
  }
}
