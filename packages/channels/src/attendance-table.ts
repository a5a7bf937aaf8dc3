// Which channels this client is a member of, and what the gateway has to be told for that (PROTOCOL §13). Pure.
import { byteLength, type PresenceFrame, type PresentFrame, type WireError } from "@trunkline/core/wire";

/** `due`: to be told · `told`: unanswered · `done` · `later`: the gateway could not do it just now. */
type SeatState = "due" | "told" | "done" | "later";

interface Seat {
  data: unknown;
  bytes: number;
  leaving: boolean;
  /** Counts what was wanted of it: the answer to what was told before means nothing. */
  version: number;
  state: SeatState;
  /** A gateway may know of it. */
  known: boolean;
}

export interface Outcome {
  readonly channel: string;
  /** Why it is not a member, or null. */
  readonly error: WireError | null;
}

/** Bytes of one frame: a gateway takes 64 KiB. */
const maxFrameBytes = 48_000;
/** What may be tried again. */
const passing: readonly string[] = ["gateway.unavailable", "gateway.limit"];

/** Bounded by the channels that were entered. */
export class AttendanceTable {
  readonly #seats = new Map<string, Seat>();
  /** What was told on this link and is unanswered: by number, the version of each channel. */
  readonly #told = new Map<number, ReadonlyMap<string, number>>();

  /** Whether something may have to be told. */
  get due(): boolean {
    for (const { state } of this.#seats.values()) if (state === "due") return true;
    return false;
  }

  has(channel: string): boolean {
    return this.#seats.get(channel)?.leaving === false;
  }

  /** To be a member, or to say something else as one. @param text `data` as JSON */
  enter(channel: string, data: unknown, text: string | undefined): void {
    const bytes = byteLength(JSON.stringify(channel)) + byteLength(text ?? "") + 32;
    this.#want(channel, { data, bytes, leaving: false });
  }

  /**
   * False when there is nothing to be told: no gateway knows of it, or the one of this link learns of it because the channel is `left`.
   * Another, which waits for a link that was lost, does not.
   */
  leave(channel: string, left = false): boolean {
    const seat = this.#seats.get(channel);
    if (!seat?.known || (left && seat.state !== "due")) {
      this.#seats.delete(channel);
      return false;
    }
    if (!seat.leaving)
      this.#want(channel, { data: undefined, bytes: byteLength(JSON.stringify(channel)) + 1, leaving: true });
    return true;
  }

  /** The gateway took the client off the channel, and so out of its members. */
  off(channel: string): void {
    const seat = this.#seats.get(channel);
    if (seat) Object.assign(seat, { state: "due", version: seat.version + 1 });
  }

  /** Another link, that has to be told all. */
  restart(): void {
    this.#told.clear();
    for (const channel of this.#seats.keys()) this.off(channel);
  }

  /** What was put off is due. */
  retry(): void {
    for (const seat of this.#seats.values()) if (seat.state === "later") seat.state = "due";
  }

  /**
   * What to tell next, as much as fits in one frame, or null: leaves, and of the channels that the client `isOn` enters.
   * @param ref its number
   */
  next(ref: () => number, isOn: (channel: string) => boolean): PresenceFrame | null {
    const enter: { channel: string; data?: unknown }[] = [];
    const leave: string[] = [];
    const versions = new Map<string, number>();
    let total = 0;
    for (const [channel, seat] of this.#seats) {
      const { state, leaving, data, bytes, version } = seat;
      if (state !== "due" || (!leaving && !isOn(channel))) continue;
      total += bytes;
      if (total > maxFrameBytes && versions.size > 0) break;
      seat.state = "told";
      seat.known = true;
      versions.set(channel, version);
      if (leaving) leave.push(channel);
      else enter.push({ channel, ...(data !== undefined && { data }) });
    }
    if (versions.size === 0) return null;
    const frame = { type: "presence" as const, ref: ref(), ...(enter.length > 0 && { enter }) };
    this.#told.set(frame.ref, versions);
    return leave.length > 0 ? { ...frame, leave } : frame;
  }

  /** @returns what is settled, and whether something is put off */
  answered({ ref, refused = [] }: PresentFrame): { readonly outcomes: readonly Outcome[]; readonly later: boolean } {
    const errors = new Map(refused.map(({ channel, error }) => [channel, error]));
    const outcomes: Outcome[] = [];
    let later = false;
    for (const [channel, version] of this.#told.get(ref) ?? []) {
      const seat = this.#seats.get(channel);
      if (seat?.version !== version) continue;
      const error = errors.get(channel) ?? null;
      if (error && passing.includes(error.code)) {
        seat.state = "later";
        later = true;
        continue;
      }
      if (error || seat.leaving) this.#seats.delete(channel);
      else seat.state = "done";
      outcomes.push({ channel, error });
    }
    this.#told.delete(ref);
    return { outcomes, later };
  }

  #want(channel: string, wanted: Pick<Seat, "data" | "bytes" | "leaving">): void {
    const { version = 0, known = false } = this.#seats.get(channel) ?? {};
    // At the end: what was wanted last is told last.
    this.#seats.delete(channel);
    this.#seats.set(channel, { ...wanted, version: version + 1, state: "due", known });
  }
}
