// Commands in order: per name, such as that of a stream, one after the other, so that subscribe, unsubscribe, subscribe ends subscribed.

export class CommandChains {
  /** The last command of each name that has any under way. */
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `command` after those before it, whatever became of them. */
  async run(name: string, command: () => Promise<void>): Promise<void> {
    const before = this.#last.get(name);
    const turn = before === undefined ? command() : before.then(command, command);
    this.#last.set(name, turn);
    try {
      await turn;
    } finally {
      if (this.#last.get(name) === turn) this.#last.delete(name);
    }
  }

  /** Resolves when those under way now are done. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#last.values());
  }
}
