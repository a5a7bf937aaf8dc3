// At most one write per interval and name, the last change always written. Decides, and does nothing.

export class Pace<Name> {
  readonly #everyMs: number;
  /** When each was written last, the longest ago first, and whether it has changed since. */
  readonly #written = new Map<Name, { readonly at: number; changed: boolean }>();

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** It has changed: whether to write it now. Else it will be due. */
  change(name: Name, now: number): boolean {
    const last = this.#written.get(name);
    if (last !== undefined && now - last.at < this.#everyMs) {
      last.changed = true;
      return false;
    }
    this.#note(name, now);
    return true;
  }

  /** Those to be written now. */
  due(now: number): readonly Name[] {
    const due: Name[] = [];
    for (const [name, { at, changed }] of this.#written) {
      if (now - at < this.#everyMs) break;
      this.#written.delete(name);
      if (changed) due.push(name);
    }
    for (const name of due) this.#note(name, now);
    return due;
  }

  /** When it has to be looked at next; `Infinity`: not before the next change. */
  get nextDue(): number {
    for (const { at } of this.#written.values()) return at + this.#everyMs;
    return Infinity;
  }

  #note(name: Name, now: number): void {
    this.#written.delete(name);
    this.#written.set(name, { at: now, changed: false });
  }
}
