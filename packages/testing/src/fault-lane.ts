// One direction of a link with faults: passes messages on at once, or later, or not, or twice.
import type { Clock, TimerHandle } from "@trunkline/core/ports";

/** What happens to messages of one direction, each by chance (0 never, 1 always). */
export interface MessageFaults {
  /** Is lost. @defaultValue 0 */
  readonly drop?: number;
  /** Arrives twice. @defaultValue 0 */
  readonly duplicate?: number;
  /** Arrives behind what is sent in the next `reorderMs`. @defaultValue 0 */
  readonly reorder?: number;
  /** @defaultValue 50 */
  readonly reorderMs?: number;
  /** The link is cut behind it. @defaultValue 0 */
  readonly cut?: number;
  /** How long each is under way, in milliseconds: always, or at random between two. Order is kept. @defaultValue 0 */
  readonly delayMs?: number | readonly [least: number, most: number];
  /** How fast the line is. @defaultValue without limit */
  readonly bytesPerSecond?: number;
}

export interface LaneOptions {
  readonly clock: Clock;
  readonly random: () => number;
  /** Asked for each message, so that a test may change its mind. */
  faults(): MessageFaults;
  /** A message had the bad luck to be the last. */
  onCut(): void;
}

interface Item {
  readonly pass: () => void;
  readonly dueAt: number;
  readonly bytes: number;
}

export class FaultLane {
  readonly #options: LaneOptions;
  /** What is under way, in order of arrival. */
  #items: Item[] = [];
  #held = false;
  #dead = false;
  #passing = false;
  /** When the line is free again, and when the last one in order arrives. */
  #busyUntil = 0;
  #lastDueAt = 0;
  #timer: TimerHandle | null = null;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** Bytes under way. */
  get bytes(): number {
    return this.#items.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Whether what is handed over now would be passed on at once. */
  get clear(): boolean {
    return !this.#dead && !this.#held && !this.#passing && this.#items.length === 0;
  }

  message(bytes: number, pass: () => void): void {
    if (this.#dead) return;
    const { drop = 0, duplicate = 0, reorder = 0, reorderMs = 50, cut = 0, ...pace } = this.#options.faults();
    if (!this.#happens(drop)) {
      const copies = this.#happens(duplicate) ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        const dueAt = this.#arrival(bytes, pace);
        if (this.#happens(reorder)) this.#add({ pass, bytes, dueAt: dueAt + reorderMs });
        else this.#addInOrder({ pass, bytes, dueAt });
      }
    }
    if (this.#happens(cut)) this.sign(() => this.#options.onCut());
  }

  /** What is no message and has its place among them: an open, a pong. */
  sign(pass: () => void): void {
    if (!this.#dead) this.#addInOrder({ pass, bytes: 0, dueAt: this.#arrival(0, this.#options.faults()) });
  }

  /** The end: behind everything. */
  end(pass: () => void): void {
    if (this.#dead) return;
    const last = this.#items.at(-1)?.dueAt ?? 0;
    this.#addInOrder({ pass, bytes: 0, dueAt: Math.max(last, this.#arrival(0, this.#options.faults())) });
  }

  /** Nothing arrives until it is let go; then all that is due. */
  hold(held: boolean): void {
    this.#held = held;
    if (!held) this.#pass();
  }

  /** What is under way is lost. */
  empty(): void {
    this.#items = [];
    this.#rearm();
  }

  /** Nothing arrives any more. */
  die(): void {
    this.#dead = true;
    this.empty();
  }

  #happens(chance: number): boolean {
    return chance > 0 && this.#options.random() < chance;
  }

  #arrival(bytes: number, { delayMs = 0, bytesPerSecond = Infinity }: MessageFaults): number {
    const [least, most] = typeof delayMs === "number" ? [delayMs, delayMs] : delayMs;
    const drawn = most > least ? least + this.#options.random() * (most - least) : least;
    const start = Math.max(this.#options.clock.now(), this.#busyUntil);
    this.#busyUntil = start + (bytes / bytesPerSecond) * 1000;
    return this.#busyUntil + drawn;
  }

  #addInOrder(item: Item): void {
    this.#lastDueAt = Math.max(this.#lastDueAt, item.dueAt);
    this.#add({ ...item, dueAt: this.#lastDueAt });
  }

  #add(item: Item): void {
    if (this.clear && item.dueAt <= this.#options.clock.now()) return item.pass();
    const later = this.#items.findIndex(({ dueAt }) => dueAt > item.dueAt);
    this.#items.splice(later === -1 ? this.#items.length : later, 0, item);
    if (!this.#passing) this.#rearm();
  }

  #pass(): void {
    if (this.#passing) return;
    this.#passing = true;
    try {
      while (!this.#held && (this.#items[0]?.dueAt ?? Infinity) <= this.#options.clock.now())
        this.#items.shift()?.pass();
    } finally {
      this.#passing = false;
      this.#rearm();
    }
  }

  #rearm(): void {
    const { clock } = this.#options;
    if (this.#timer !== null) clock.clearTimer(this.#timer);
    this.#timer = null;
    const [next] = this.#items;
    if (next === undefined || this.#held) return;
    this.#timer = clock.setTimer(
      () => {
        this.#timer = null;
        this.#pass();
      },
      Math.max(0, next.dueAt - clock.now()),
    );
  }
}
