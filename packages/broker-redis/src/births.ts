// Whether streams are still those that they were: Redis may have lost one that began again.
import type { StreamName } from "@trunkline/core/ports";

/** Streams remembered under one prefix; beyond it those noted first are forgotten. */
const maxStreams = 10_000;

export class Births {
  #only: readonly [stream: StreamName, birth: string] | null = null;
  /** Needed for a prefix alone. */
  #many: Map<StreamName, string> | null = null;

  /** Whether `stream` was known by another birth. */
  note(stream: StreamName, birth: string): boolean {
    const [name, before] = this.#only ?? [stream, undefined];
    if (this.#many === null && name === stream) {
      if (before !== birth) this.#only = [stream, birth];
      return before !== undefined && before !== birth;
    }
    this.#many ??= new Map(this.#only === null ? [] : [this.#only]);
    const known = this.#many.get(stream);
    if (known === birth) return false;
    this.#many.set(stream, birth);
    if (this.#many.size > maxStreams) this.#many.delete(this.#many.keys().next().value as StreamName);
    return known !== undefined;
  }
}
