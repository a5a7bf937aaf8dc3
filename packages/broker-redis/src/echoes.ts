// One message comes once for its channel and once more for each pattern that matches it, one right behind the other. Who listens to
// several of them is told once.
import type { Connection } from "./connection.ts";

export class Echoes<Listener> {
  #connection: Connection | null = null;
  #channel = "";
  #text = "";
  #told = new Set<Listener>();
  /** Patterns by which it came: one that comes again brings another message, be it of the same text. */
  #patterns = new Set<string>();

  /** A message by its channel: always a new one. */
  begin(connection: Connection, channel: string, text: string, told: Iterable<Listener> = []): void {
    this.#connection = connection;
    this.#channel = channel;
    this.#text = text;
    this.#told = new Set(told);
    this.#patterns = new Set();
  }

  /** A message by a pattern. @returns those of `listeners` who were not told of it */
  rest(
    connection: Connection,
    channel: string,
    text: string,
    pattern: string,
    listeners: Iterable<Listener>,
  ): readonly Listener[] {
    const same = this.#connection === connection && this.#channel === channel && this.#text === text;
    if (!same || this.#patterns.has(pattern)) this.begin(connection, channel, text);
    this.#patterns.add(pattern);
    const untold = [...listeners].filter((listener) => !this.#told.has(listener));
    for (const listener of untold) this.#told.add(listener);
    return untold;
  }
}
