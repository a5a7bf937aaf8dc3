// Keeps one connection to one place: dials, dials again when it is lost, later and later.
import type { Clock, TimerHandle } from "@trunkline/core/ports";
import type { Connection } from "./connection.ts";

export interface LinkOptions {
  readonly clock: Clock;
  readonly dial: () => Promise<Connection>;
  readonly onUp: (connection: Connection) => void;
  /** Lost, or could not be dialled. */
  readonly onDown: (reason: Error) => void;
}

const firstRetryMs = 50;
const maxRetryMs = 2000;
/** How often an idle connection is asked for a sign of life. */
const pingMs = 5000;

export class Link {
  readonly #options: LinkOptions;
  #connection: Connection | null = null;
  #failures = 0;
  #timer: TimerHandle | null = null;
  #closed = false;
  /** Lost connections that this process may still be working off: their numbers, null where not known. */
  #lost: { readonly id: number | null; readonly runId: string }[] = [];

  constructor(options: LinkOptions) {
    this.#options = options;
    void this.#dial();
  }

  /** The connection while it is up. */
  get connection(): Connection | null {
    return this.#connection?.open === true ? this.#connection : null;
  }

  /** Whether nothing that was sent over an earlier connection can still be executed. */
  get fenced(): boolean {
    return this.#lost.length === 0;
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) this.#options.clock.clearTimer(this.#timer);
    this.#connection?.end();
    this.#connection = null;
  }

  async #dial(): Promise<void> {
    let connection: Connection;
    try {
      connection = await this.#options.dial();
    } catch (error) {
      this.#down(error as Error);
      return;
    }
    const problem = this.#closed ? "closed" : problemOf(connection);
    if (problem === null) await this.#fence(connection);
    if (problem !== null || this.#closed) {
      connection.end();
      this.#down(new Error(problem ?? "closed"));
      return;
    }
    connection.onEnd(() => this.#end(connection));
    if (!connection.open) return;
    this.#failures = 0;
    this.#connection = connection;
    this.#ping(connection);
    this.#options.onUp(connection);
  }

  /** Makes Redis drop what it may still hold of lost connections, so that nothing of them is executed from here on. */
  async #fence(connection: Connection): Promise<void> {
    const { runId } = connection.info;
    const lost = this.#lost.filter((each) => each.runId === runId);
    try {
      for (const { id } of lost) if (id !== null) await connection.control("client", ["KILL", "ID", id]);
      this.#lost = lost.filter(({ id }) => id === null);
    } catch {
      // Not allowed, or lost again: what was under way stays unknown.
      this.#lost = lost;
    }
  }

  #end(connection: Connection): void {
    this.#lost.push({ id: connection.id, runId: connection.info.runId });
    if (this.#timer !== null) this.#options.clock.clearTimer(this.#timer);
    this.#connection = null;
    this.#down(new Error("the connection was lost"));
  }

  #down(reason: Error): void {
    if (this.#closed) return;
    const { clock } = this.#options;
    const ceiling = Math.min(firstRetryMs * 2 ** this.#failures, maxRetryMs);
    this.#failures += 1;
    this.#timer = clock.setTimer(() => void this.#dial(), ceiling * (0.5 + clock.random() / 2));
    this.#options.onDown(reason);
  }

  /** A connection without an answer for a while ends itself. */
  #ping(connection: Connection): void {
    this.#timer = this.#options.clock.setTimer(() => {
      if (!connection.open) return;
      connection.control("ping", []).catch(() => {});
      this.#ping(connection);
    }, pingMs);
  }
}

/** In the words of Redis's own errors, which `explain` knows. */
function problemOf({ info }: Connection): string | null {
  if (info.loading) return "LOADING Redis is loading the dataset in memory";
  if (info.role !== "master") return "READONLY this is a replica";
  return info.runId === "" ? "expected INFO to tell a run_id, got none" : null;
}
