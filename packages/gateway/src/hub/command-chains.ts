// Broker commands in order: per stream one after the other, so that subscribe, unsubscribe, subscribe ends subscribed.
import type { StreamName } from "@trunkline/core/ports";

export class CommandChains {
  /** The last command of each stream that has any under way. */
  readonly #last = new Map<StreamName, Promise<void>>();

  /** Runs `command` after those before it, whatever became of them. */
  async run(stream: StreamName, command: () => Promise<void>): Promise<void> {
    const before = this.#last.get(stream);
    const turn = before === undefined ? command() : before.then(command, command);
    this.#last.set(stream, turn);
    try {
      await turn;
    } finally {
      if (this.#last.get(stream) === turn) this.#last.delete(stream);
    }
  }

  /** Resolves when those under way now are done. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#last.values());
  }
}
