// Everybody who is connected, and the one timer that serves them all.
import type { Clock, TimerHandle } from "@trunkline/core/ports";
import type { SessionDriver } from "./session-driver.ts";

export class Roster {
  readonly #clock: Clock;
  readonly #sweepMs: number;
  /** Dense, so that a sweep is a walk over an array. */
  readonly #sessions: SessionDriver[] = [];
  /** Those whose sockets exist, those saying goodbye included. */
  readonly #links = new Set<SessionDriver>();
  #sweeper: TimerHandle | null = null;
  /** Wakes whoever waits for somebody to go. */
  #onFewer: (() => void) | null = null;

  /** @param sweepMs how often it is looked who is due */
  constructor(clock: Clock, sweepMs: number) {
    this.#clock = clock;
    this.#sweepMs = sweepMs;
  }

  /** Sessions that are not over. */
  get sessions(): readonly SessionDriver[] {
    return this.#sessions;
  }

  /** Sessions whose sockets exist. */
  get links(): ReadonlySet<SessionDriver> {
    return this.#links;
  }

  add(session: SessionDriver): void {
    session.slot = this.#sessions.push(session) - 1;
    this.#links.add(session);
    this.#arm();
  }

  /** The session is over. The last one takes its place. */
  over(session: SessionDriver): void {
    const last = this.#sessions.pop();
    if (last !== undefined && last !== session) {
      this.#sessions[session.slot] = last;
      last.slot = session.slot;
    }
    this.#onFewer?.();
  }

  /** The socket is gone. */
  gone(session: SessionDriver): void {
    this.#links.delete(session);
    this.#onFewer?.();
  }

  /** Waits until `condition`, which somebody's going may bring about, holds; at most `withinMs`. Whether it does. */
  async until(condition: () => boolean, withinMs: number): Promise<boolean> {
    if (condition()) return true;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimer(resolve, withinMs);
      this.#onFewer = () => {
        if (!condition()) return;
        this.#clock.clearTimer(timer);
        resolve();
      };
    });
    this.#onFewer = null;
    return condition();
  }

  stop(): void {
    if (this.#sweeper !== null) this.#clock.clearTimer(this.#sweeper);
    this.#sweeper = null;
  }

  /** One timer for all greetings and heartbeats, and none without connections. */
  #arm(): void {
    this.#sweeper ??= this.#clock.setTimer(() => {
      this.#sweeper = null;
      const now = this.#clock.now();
      // Backwards: who is over leaves the list, and the last takes its place.
      for (let index = this.#sessions.length - 1; index >= 0; index--) this.#sessions[index]?.sweep(now);
      if (this.#sessions.length > 0) this.#arm();
    }, this.#sweepMs);
  }
}
