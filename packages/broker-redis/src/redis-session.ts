// One gateway's subscriptions. All sessions of a broker share its connections.
import type { BrokerListener, BrokerSession, StreamName } from "@trunkline/core/ports";

/** What a session needs of its broker. */
export interface SessionHome {
  subscribe(stream: StreamName, session: RedisSession): Promise<void>;
  unsubscribe(stream: StreamName, session: RedisSession): void;
  subscribePrefix(prefix: StreamName, session: RedisSession): Promise<void>;
  unsubscribePrefix(prefix: StreamName, session: RedisSession): void;
  forget(session: RedisSession): void;
}

export class RedisSession implements BrokerSession {
  readonly listener: BrokerListener;
  readonly #home: SessionHome;
  readonly #names = new Set<StreamName>();
  readonly #prefixes = new Set<StreamName>();
  #closed = false;

  constructor(home: SessionHome, listener: BrokerListener) {
    this.#home = home;
    this.listener = listener;
  }

  get closed(): boolean {
    return this.#closed;
  }

  async subscribe(stream: StreamName): Promise<void> {
    this.#names.add(stream);
    try {
      await this.#home.subscribe(stream, this);
    } catch (error) {
      this.#names.delete(stream);
      throw error;
    }
  }

  async unsubscribe(stream: StreamName): Promise<void> {
    if (this.#names.delete(stream)) this.#home.unsubscribe(stream, this);
  }

  async subscribePrefix(prefix: StreamName): Promise<void> {
    this.#prefixes.add(prefix);
    try {
      await this.#home.subscribePrefix(prefix, this);
    } catch (error) {
      this.#prefixes.delete(prefix);
      throw error;
    }
  }

  async unsubscribePrefix(prefix: StreamName): Promise<void> {
    if (this.#prefixes.delete(prefix)) this.#home.unsubscribePrefix(prefix, this);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const name of this.#names) this.#home.unsubscribe(name, this);
    this.#names.clear();
    for (const prefix of this.#prefixes) this.#home.unsubscribePrefix(prefix, this);
    this.#prefixes.clear();
    this.#home.forget(this);
  }
}
