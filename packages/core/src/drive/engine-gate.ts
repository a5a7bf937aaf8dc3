// Who may use the connection: one at a time, in order of asking.
import type { AbortSignalLike } from "../ports/abort-signal.ts";
import { aborted, Waiter } from "./waiter.ts";

/** A first-in first-out lock. */
export class Gate {
  readonly #idle: () => void;
  /** Oldest first. */
  readonly #queue = new Set<Waiter<void>>();
  #held = false;
  #closed: Error | null = null;

  /** @param idle called when the last one in line has let go */
  constructor(idle: () => void) {
    this.#idle = idle;
  }

  /** Whether nobody holds it or waits for it. */
  get open(): boolean {
    return !this.#held;
  }

  /** Resolves once it is one's turn; `release` ends that turn. @throws {UsageError} `usage.aborted` */
  acquire(signal?: AbortSignalLike): Promise<void> {
    if (signal?.aborted) return Promise.reject(aborted(signal));
    if (this.#closed !== null) return Promise.reject(this.#closed);
    if (!this.#held) {
      this.#held = true;
      return Promise.resolve();
    }
    const waiter = new Waiter<void>();
    this.#queue.add(waiter);
    const turn = waiter.wait(signal);
    turn.catch(() => this.#queue.delete(waiter));
    return turn;
  }

  release(): void {
    for (const next of this.#queue) {
      this.#queue.delete(next);
      if (next.settled) continue;
      next.resolve();
      return;
    }
    this.#held = false;
    this.#idle();
  }

  /** Waits in line and lets the next one pass at once. */
  async pass(): Promise<void> {
    if (!this.#held) return;
    await this.acquire();
    this.release();
  }

  /** Refuses everybody who waits or comes. */
  close(error: Error): void {
    this.#closed = error;
    for (const waiter of this.#queue) waiter.reject(error);
  }
}
