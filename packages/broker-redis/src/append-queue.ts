// Group commit: one batch per stream under way at a time; what comes meanwhile is the next batch. So the order of calls is
// the order of offsets, also when a batch has to be sent again, and a busy stream costs few scripts.
import type { StreamName } from "@trunkline/core/ports";
import type { PendingAppend } from "./pending-append.ts";

const maxBatch = 256;
const maxBatchBytes = 256 * 1024;

/** Takes care of every append of a batch: each is resolved or rejected when it is done. Must not reject. */
export type Commit = (stream: StreamName, batch: readonly PendingAppend[]) => Promise<void>;

export class AppendQueue {
  readonly #commit: Commit;
  readonly #streams = new Map<StreamName, PendingAppend[]>();
  #size = 0;
  #idle: (() => void)[] = [];

  constructor(commit: Commit) {
    this.#commit = commit;
  }

  /** Resolves once nothing waits or is under way. */
  idle(): Promise<void> {
    return this.#size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  push(stream: StreamName, append: PendingAppend): void {
    this.#size += 1;
    const waiting = this.#streams.get(stream);
    if (waiting !== undefined) {
      waiting.push(append);
      return;
    }
    const queue = [append];
    this.#streams.set(stream, queue);
    void this.#work(stream, queue);
  }

  async #work(stream: StreamName, queue: PendingAppend[]): Promise<void> {
    // What is called in the same turn goes along.
    await Promise.resolve();
    while (queue.length > 0) {
      const batch = takeBatch(queue);
      await this.#commit(stream, batch);
      this.#size -= batch.length;
    }
    this.#streams.delete(stream);
    if (this.#size > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** Takes the front of `queue`: at least one, whatever its size. */
export function takeBatch(queue: PendingAppend[]): readonly PendingAppend[] {
  let bytes = 0;
  let count = 0;
  for (const { append } of queue) {
    bytes += append.body.length;
    if (count > 0 && (count >= maxBatch || bytes > maxBatchBytes)) break;
    count += 1;
  }
  return queue.splice(0, count);
}
