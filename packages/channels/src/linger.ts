import type { Clock, TimerHandle } from "@trunkline/core/ports";

/** What is over soon, unless it is wanted again before. One timer for all; of more than `max`, the oldest are over at once. */
export class Linger<Thing> {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #end: (thing: Thing) => void;
  /** When each is over. */
  readonly #things = new Map<Thing, number>();
  #timer: TimerHandle | undefined;
  /** When it fires; `Infinity`: there is none. */
  #timerAt = Infinity;

  constructor(clock: Clock, max: number, end: (thing: Thing) => void) {
    this.#clock = clock;
    this.#max = max;
    this.#end = end;
  }

  add(thing: Thing, lingerMs: number): void {
    this.#things.set(thing, this.#clock.now() + lingerMs);
    const [oldest] = this.#things.keys();
    if (lingerMs <= 0) this.#over(thing);
    else if (oldest !== undefined && this.#things.size > this.#max) this.#over(oldest);
    this.#arm();
  }

  /** It is wanted again. */
  delete(thing: Thing): void {
    if (this.#things.delete(thing)) this.#arm();
  }

  /** All are over. */
  end(): void {
    for (const thing of this.#things.keys()) this.#over(thing);
    this.#arm();
  }

  #over(thing: Thing): void {
    this.#things.delete(thing);
    this.#end(thing);
  }

  #arm(): void {
    const dueAt = Math.min(...this.#things.values());
    if (dueAt === this.#timerAt) return;
    if (this.#timer) this.#clock.clearTimer(this.#timer);
    this.#timerAt = dueAt;
    this.#timer =
      dueAt === Infinity ? undefined : this.#clock.setTimer(() => this.#woke(), Math.max(0, dueAt - this.#clock.now()));
  }

  #woke(): void {
    this.#timerAt = Infinity;
    const now = this.#clock.now();
    for (const [thing, dueAt] of this.#things) if (dueAt <= now) this.#over(thing);
    this.#arm();
  }
}
