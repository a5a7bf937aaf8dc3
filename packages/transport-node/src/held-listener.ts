import type { LinkClose, LinkListener } from "@trunkline/core/ports";

/**
 * Stands before a listener and holds messages back while paused, and the close behind them. The socket alone can't:
 * once it is paused, the messages of the chunk it is in still come.
 */
export class HeldListener {
  readonly #listener: LinkListener;
  readonly #held: (string | Uint8Array)[] = [];
  #heldClose: LinkClose | null = null;
  #paused = false;
  #leaving = false;
  #ended = false;

  constructor(listener: LinkListener) {
    this.#listener = listener;
  }

  get paused(): boolean {
    return this.#paused;
  }

  open(protocol: string): void {
    if (!this.#leaving) this.#listener.onOpen(protocol);
  }

  message(data: string | Uint8Array): void {
    if (this.#leaving) return;
    if (this.#paused || this.#held.length > 0) this.#held.push(data);
    else this.#listener.onMessage(data);
  }

  pong(): void {
    if (!this.#leaving) this.#listener.onPong?.();
  }

  /** Only the first close counts. */
  close(close: LinkClose): void {
    if (this.#ended) return;
    if ((this.#paused || this.#held.length > 0) && !this.#leaving) this.#heldClose ??= close;
    else {
      this.#ended = true;
      this.#listener.onClose(this.#heldClose ?? close);
    }
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    while (!this.#paused && this.#held.length > 0) this.#listener.onMessage(this.#held.shift() as string | Uint8Array);
    if (!this.#paused && this.#heldClose !== null) this.close(this.#heldClose);
  }

  /** The owner is done: nothing but the close is told from now on. */
  leave(): void {
    this.#leaving = true;
    this.#held.length = 0;
    if (this.#heldClose !== null) this.close(this.#heldClose);
  }
}
