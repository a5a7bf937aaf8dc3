// Those at a door whose authenticator takes its time: so many at once, and for so long.
import type { Clock } from "@trunkline/core/ports";
import type { WireError } from "@trunkline/core/wire";

export interface WaitingRoomOptions {
  readonly clock: Pick<Clock, "setTimer" | "clearTimer">;
  /** How long an answer may take, in milliseconds. */
  readonly withinMs: number;
  /** Whether one more may wait. */
  readonly hasRoom: () => boolean;
  /** One more or less who waits. */
  readonly onWaiting: (change: 1 | -1) => void;
}

/** It could not be found out who it is. `status` is the HTTP status that says so. */
export interface Unavailable {
  readonly ok: false;
  readonly status: 503;
  readonly error: WireError;
}

export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  /** Sends one away each. */
  readonly #waiting = new Set<(sentAway: Unavailable) => void>();

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
  }

  /** Hands on `answer`, or 503 when there is no room, it takes too long or the room is cleared. Calls at once where nobody has to wait. */
  wait<T>(answer: T | Promise<T>, done: (answer: T | Unavailable) => void): void {
    if (!(answer instanceof Promise)) return done(answer);
    const { clock, withinMs, hasRoom, onWaiting } = this.#options;
    if (!hasRoom()) return done(busy);
    onWaiting(1);
    const leave = (said: T | Unavailable): void => {
      if (!this.#waiting.delete(leave)) return;
      clock.clearTimer(timer);
      onWaiting(-1);
      done(said);
    };
    const timer = clock.setTimer(() => leave(tooSlow), withinMs);
    this.#waiting.add(leave);
    void answer.then(leave);
  }

  /** Sends everybody away. */
  clear(): void {
    for (const leave of this.#waiting) leave(closing);
  }
}

function unavailable(message: string): Unavailable {
  return { ok: false, status: 503, error: { code: "gateway.unavailable", message } };
}

const busy = unavailable("too many wait to be let in; come back shortly");
const tooSlow = unavailable("the gateway could not find out in time who this is; come back shortly");
const closing = unavailable("the gateway is shutting down; come back shortly");
