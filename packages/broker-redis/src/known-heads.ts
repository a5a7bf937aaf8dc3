// The newest place seen of streams written from here, so that a lost append needs to be looked for only behind it.
import type { StreamName } from "@trunkline/core/ports";
import type { KnownHead } from "./lost-batch.ts";

const maxStreams = 10_000;

export class KnownHeads {
  readonly #heads = new Map<StreamName, KnownHead>();

  get(stream: StreamName): KnownHead | null {
    return this.#heads.get(stream) ?? null;
  }

  /** Places of the same epoch only ever go up. */
  note(stream: StreamName, epoch: string, offset: number, revision: number): void {
    const known = this.#heads.get(stream);
    const same = known?.epoch === epoch;
    this.#heads.delete(stream);
    this.#heads.set(stream, {
      epoch,
      offset: same ? Math.max(known.offset, offset) : offset,
      revision: same ? Math.max(known.revision, revision) : revision,
    });
    if (this.#heads.size > maxStreams) this.#heads.delete(this.#heads.keys().next().value as StreamName);
  }
}
