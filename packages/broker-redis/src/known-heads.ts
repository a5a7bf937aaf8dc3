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
    if (known?.epoch === epoch) {
      if (offset <= known.offset && revision <= known.revision) return;
      const head = { epoch, offset: Math.max(known.offset, offset), revision: Math.max(known.revision, revision) };
      this.#heads.set(stream, head);
      return;
    }
    this.#heads.set(stream, { epoch, offset, revision });
    if (this.#heads.size > maxStreams) this.#heads.delete(this.#heads.keys().next().value as StreamName);
  }
}
