// The connections of pages that are here, kept on what the registry says of their pages; and who of them holds its page.
import type { Clock, Registered, Registry, TimerHandle } from "@trunkline/core/ports";
import { CloseCode, type Position } from "@trunkline/core/wire";
import type { Connection } from "../connection.ts";
import { CommandChains } from "../hub/command-chains.ts";
import type { SourceChannels } from "../subscription-source.ts";

/** A connection that may be a page's. */
export interface PageConnection extends Connection {
  readonly over: boolean;
  /** Whether it can continue from positions. */
  readonly resumes: boolean;
  /** These are the channels of its page, and those named before are not any more. */
  register(channels: SourceChannels): void;
}

export interface PageConnectionsOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  /** How long a page outlives its connection, in milliseconds. */
  readonly disconnectMs: number;
  readonly onError: (error: unknown) => void;
  /** The connection is its page's; a promise when gateway code takes a while. */
  readonly onJoin: (connection: PageConnection) => Promise<unknown> | null;
  /** Its page has none any more. */
  readonly onLeave: (connection: PageConnection) => void;
}

/** Pages that are read, or let go, at a time when many are. */
const atOnce = 64;
/** How soon what the registry did not do is asked of it again, in milliseconds. */
const retryMs = 1000;
/** How often a page is renewed within the time that it would outlive its connection. */
const renewalsPerEnd = 4;

export class PageConnections {
  readonly #options: PageConnectionsOptions;
  readonly #here = new Map<string, Set<PageConnection>>();
  /** The page of each. */
  readonly #pages = new Map<PageConnection, string>();
  /** Those that became holders of their pages, and have not been let go. */
  readonly #holders = new Map<PageConnection, string>();
  /** Those that were let in while their pages were not known. */
  readonly #strangers = new Set<PageConnection>();
  /** What the registry said last of pages with connections here. */
  readonly #registered = new Map<string, readonly Registered[]>();
  readonly #chains = new CommandChains();
  /** Pages that wait for their turn to be read. */
  readonly #unread = new Set<string>();
  /** What is to be tried again, by what it is for. */
  readonly #again = new Map<unknown, () => Promise<void>>();
  /** Why something has to be tried again has been told: the rest says the same. */
  #told = false;
  #retry: TimerHandle | null = null;
  #renewal: TimerHandle | null = null;
  #closed = false;

  constructor(options: PageConnectionsOptions) {
    this.#options = options;
  }

  /** What is done to one page is done one after the other, in the order of calls. */
  inTurn(key: string, act: () => Promise<void>): Promise<void> {
    return this.#chains.run(key, act);
  }

  /** Changes what a page is subscribed to, in its turn, and has its connections here follow. */
  change(key: string, make: () => Promise<void>): Promise<void> {
    return this.inTurn(key, async () => {
      await make();
      // It is changed, whatever becomes of reading it.
      await this.#read(key).catch((error: unknown) => this.#failed(error, key, () => this.refresh(key)));
    });
  }

  /** A connection is on its way in: puts it on the channels of its page, now and whenever they change. Rejects when the registry can't be read. */
  async arrive(key: string, connection: PageConnection): Promise<void> {
    if (connection.over) return;
    const here = this.#here.get(key);
    if (here === undefined) this.#here.set(key, new Set([connection]));
    else here.add(connection);
    this.#pages.set(connection, key);
    await this.#chains.run(key, () => this.#read(key));
  }

  /**
   * A connection is let in: if it has arrived as a page's, it becomes the holder of that page, and joins. Never rejects: where that fails it is closed.
   * Null: nobody has to wait.
   */
  enter(connection: PageConnection): Promise<void> | null {
    const key = this.#pages.get(connection);
    return key === undefined ? null : this.#enter(key, connection);
  }

  async #enter(key: string, connection: PageConnection): Promise<void> {
    const joined: Promise<unknown>[] = [];
    try {
      await this.#chains.run(key, async () => {
        if (connection.over) return;
        this.#strangers.add(connection);
        const { pending } = await this.#hold(key, connection);
        // Not waited for in this turn: it may ask for the next one.
        if (pending !== null) joined.push(pending);
      });
    } catch (error) {
      this.#report(error);
      connection.close(CloseCode.tryAgainLater, "the registry of pages can't be used now; come back shortly");
    }
    await Promise.all(joined);
  }

  /** A connection becomes the holder of its page, and joins; a stranger stays one where the page is not known. */
  async #hold(key: string, connection: PageConnection): Promise<{ readonly pending: Promise<unknown> | null }> {
    const { registry, disconnectMs, onJoin } = this.#options;
    const channels = await registry.hold(key, connection.id, disconnectMs);
    this.#apply(key, channels);
    if (channels === null) return { pending: null };
    this.#strangers.delete(connection);
    this.#holders.set(connection, key);
    this.#renewLater();
    return { pending: onJoin(connection) };
  }

  /** A connection is over. */
  leave(connection: PageConnection): void {
    const key = this.#pages.get(connection);
    if (key === undefined) return;
    this.#pages.delete(connection);
    this.#strangers.delete(connection);
    const here = this.#here.get(key);
    here?.delete(connection);
    if (here?.size === 0) {
      this.#here.delete(key);
      this.#registered.delete(key);
    }
    void this.#release(key, connection);
  }

  /** Reads what a page is subscribed to, if a connection of it is here; again and again until it can be read. */
  async refresh(key: string): Promise<void> {
    if (!this.#here.has(key) || this.#unread.has(key)) return;
    this.#unread.add(key);
    try {
      await this.#chains.run(key, () => {
        this.#unread.delete(key);
        return this.#read(key);
      });
    } catch (error) {
      this.#failed(error, key, () => this.refresh(key));
    }
  }

  /** As `refresh`, all pages. */
  async refreshAll(): Promise<void> {
    await inBulk([...this.#here.keys()].map((key) => () => this.refresh(key)));
  }

  /** Once all connections are over: resolves when their pages are let go. */
  async close(): Promise<void> {
    this.#closed = true;
    const { clock } = this.#options;
    for (const timer of [this.#retry, this.#renewal]) if (timer !== null) clock.clearTimer(timer);
    this.#told = false;
    await inBulk([...this.#again.values()]);
    await this.#chains.idle();
  }

  async #read(key: string): Promise<void> {
    const here = this.#here.get(key);
    if (here === undefined) return;
    const registered = (await this.#options.registry.read(key)) ?? (await this.#putBack(key));
    const strangers = registered === null ? [] : [...here].filter((connection) => this.#strangers.has(connection));
    if (strangers.length === 0) return this.#apply(key, registered);
    // It is subscribed now, and must not be forgotten as one whose connection never came.
    for (const connection of strangers) await this.#hold(key, connection);
  }

  /**
   * A page with a holder is never forgotten: the registry has lost what it knew, so it is told what it said last. Null: nobody here was the
   * page's.
   */
  async #putBack(key: string): Promise<readonly Registered[] | null> {
    const { registry, disconnectMs } = this.#options;
    const known = this.#registered.get(key);
    const holder = this.#heirOf(key);
    if (known === undefined || holder === undefined) return null;
    await registry.add(key, known, disconnectMs);
    return registry.hold(key, holder.id, disconnectMs);
  }

  /** The newest connection here that has joined the page. */
  #heirOf(key: string): PageConnection | undefined {
    return [...(this.#here.get(key) ?? [])].filter((connection) => this.#holders.has(connection)).at(-1);
  }

  #apply(key: string, registered: readonly Registered[] | null): void {
    if (registered !== null && this.#here.has(key)) this.#registered.set(key, registered);
    for (const connection of this.#here.get(key) ?? []) {
      const channels = new Map<string, Position | undefined>();
      for (const { channel, position } of registered ?? [])
        channels.set(channel, (connection.resumes ? position : null) ?? undefined);
      connection.register(channels);
    }
  }

  async #release(key: string, connection: PageConnection): Promise<void> {
    const { registry, disconnectMs, onLeave } = this.#options;
    const release = async (): Promise<void> => {
      // Whether it has become the holder is known when its turn comes.
      if (!this.#holders.has(connection)) return;
      const wasHolder = await registry.release(key, connection.id, disconnectMs);
      this.#holders.delete(connection);
      if (wasHolder && !(await this.#inherits(key))) onLeave(connection);
    };
    try {
      await this.#chains.run(key, release);
    } catch (error) {
      this.#failed(error, connection, () => this.#release(key, connection));
      // There is no later: to be told once too often is better than never.
      if (this.#closed && this.#holders.delete(connection)) onLeave(connection);
    }
  }

  /** The holder of a page is gone, but an older connection of it may be here still. Whether it has one. */
  async #inherits(key: string): Promise<boolean> {
    const heir = this.#heirOf(key);
    if (heir === undefined) return false;
    const { registry, disconnectMs } = this.#options;
    try {
      return (await registry.hold(key, heir.id, disconnectMs)) !== null;
    } catch (error) {
      this.#report(error);
      return false;
    }
  }

  /** Of the pages whose connections are here, so that none ends while it has one. */
  #renewLater(): void {
    if (this.#renewal !== null || this.#closed || this.#holders.size === 0) return;
    const { clock, registry, disconnectMs } = this.#options;
    this.#renewal = clock.setTimer(
      () => {
        this.#renewal = null;
        // What fails now is made good by the next one.
        registry
          .renew([...new Set(this.#holders.values())], disconnectMs)
          .catch((error: unknown) => this.#report(error));
        this.#renewLater();
      },
      Math.max(1, Math.floor(disconnectMs / renewalsPerEnd)),
    );
  }

  #failed(error: unknown, whose: unknown, again: () => Promise<void>): void {
    if (!this.#told) this.#report(error);
    this.#told = true;
    if (this.#closed) return;
    this.#again.set(whose, again);
    this.#retry ??= this.#options.clock.setTimer(() => {
      this.#retry = null;
      this.#told = false;
      const due = [...this.#again.values()];
      this.#again.clear();
      void inBulk(due);
    }, retryMs);
  }

  #report(error: unknown): void {
    this.#options.onError(error);
  }
}

/** So many at a time. None of them rejects. */
async function inBulk(acts: readonly (() => Promise<void>)[]): Promise<void> {
  const next = acts.values();
  const worker = async (): Promise<void> => {
    for (const act of next) await act();
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, acts.length) }, worker));
}
