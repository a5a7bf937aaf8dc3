// Where the client stands in each stream, and what that makes of an event. PROTOCOL §5.
import type { EventFrame, Position, StateMark, StreamPosition, StreamRequest, Verdict } from "../wire/frame.ts";

/**
 * `live`: events follow the cursor · `due`: to be asked for · `pending`: asked for, a verdict is awaited; in both, events
 * are dropped · `refused`: the gateway does not let us in; the cursor is kept, since gateway code may still do so (§5.4).
 */
export type StreamState = "live" | "due" | "pending" | "refused";

interface Stream {
  readonly channel: string;
  state: StreamState;
  /** The permission it is asked for with. */
  token?: string;
  /** How many of its newest events it begins with. */
  rewind?: number | undefined;
  /** A `ping` has found it `pending`. */
  waited?: boolean;
  /** Its cursor was passed over by `fresh`, and it is asked for again. */
  doubted?: boolean;
  /** The epoch that was named on the link that is being opened beside this one. */
  named?: string | undefined;
  /** The old link has brought another epoch since then: what is answered to that is of no use. */
  outrun?: boolean;
  /** Absent before the first verdict. */
  cursor?: { -readonly [Field in keyof Position]: Position[Field] };
}

export interface StreamHealth {
  readonly channel: string;
  readonly state: StreamState;
  readonly position: Position | null;
}

/** What verdicts have in common, and what some have. */
interface Answer {
  readonly channel: string;
  readonly verdict: string;
  readonly position?: Position;
  readonly count?: number;
  readonly changes?: number;
  readonly snapshot?: boolean;
  readonly reason?: string;
}

/** A place on one line. */
interface Mark {
  readonly offset: number;
  readonly tag: string;
}

/** Where `stream` is on its state line. */
function marked(stream: Stream | undefined): Mark {
  const { revision: offset, tag } = stream?.cursor?.state ?? { revision: 0, tag: "" };
  return { offset, tag };
}

function requestOf({ channel, cursor, token, rewind }: Stream): StreamRequest {
  const start = cursor ? { position: { ...cursor } } : rewind !== undefined && { rewind };
  return { channel, ...start, ...(token && { token }) };
}

/** Bytes of what is asked for in one frame: with a long token beside it, below the 64 KiB of a `hello`. */
const requestBytes = 48_000;

/** As many of `streams` as fit in one frame, from the first on. */
function fitting(streams: readonly Stream[]): readonly StreamRequest[] {
  let bytes = 0;
  const requests = streams.map(requestOf);
  const end = requests.findIndex((request) => {
    // At most three bytes for what is not ASCII.
    bytes += JSON.stringify(request).replace(/[^ -~]/g, "...").length + 1;
    return bytes > requestBytes;
  });
  // At least one, whatever its name: nothing may be due for ever.
  return end < 0 ? requests : requests.slice(0, end || 1);
}
/** Names of channels that were left, kept for what is still on its way: of more, the oldest are forgotten. */
const maxLeft = 1_000;

/** Bounded by what was subscribed here or by the gateway. */
export class ChannelTable {
  /** At least one stream has to be asked for: see `requests`. */
  due = false;
  readonly #streams = new Map<string, Stream>();
  /** Unsubscribed on this link. */
  readonly #left = new Set<string>();

  /** §5.5: whether `event` is to be delivered; moves the cursor. The hot path: allocates nothing for log events. */
  accept(event: EventFrame): boolean {
    const { offset, revision } = event;
    const stream = this.#streams.get(event.channel);
    if (offset === undefined && revision === undefined) return !this.#left.has(event.channel);
    const cursor = stream?.cursor;
    if (cursor === undefined || stream?.state !== "live") return false;
    if (offset === undefined) return this.#change(stream, revision as number, event);
    if (offset !== cursor.offset + 1) return this.#compare(stream, offset, event.tag);
    cursor.offset = offset;
    cursor.tag = event.tag as string;
    return true;
  }

  /**
   * A `ping` came. §4.2: it may name heads that no frame has implied. §5.5: what waits for a verdict since the one before is asked
   * for again.
   */
  check(heads: readonly StreamPosition[] = []): void {
    for (const stream of this.#streams.values()) {
      if (stream.state !== "pending") continue;
      if (stream.waited) this.#ask(stream);
      stream.waited = true;
    }
    for (const { channel, offset, tag, state } of heads) {
      const stream = this.#streams.get(channel);
      this.#compare(stream, offset, tag);
      if (state) this.#compare(stream, state.revision, state.tag, marked(stream));
    }
  }

  /**
   * The user wants `channel`, from its cursor or from now on. One that is asked for already is not asked for twice, but with a
   * token: it may be another.
   */
  subscribe(channel: string, token?: string, rewind?: number): void {
    this.#left.delete(channel);
    const stream = this.#open(channel);
    stream.rewind = rewind;
    if (token) stream.token = token;
    if (token || stream.state !== "pending") this.#ask(stream);
  }

  /** False when it was not known. Its name stays until the link ends, so that what is on its way is dropped (§12). */
  unsubscribe(channel: string): boolean {
    const known = this.#streams.delete(channel);
    if (known) this.#left.add(channel);
    if (this.#left.size > maxLeft) for (const oldest of this.#left) return this.#left.delete(oldest);
    return known;
  }

  /**
   * A link is about to say hello while another goes on (§7.4): what to ask for, as much as fits, without losing the place.
   * The rest is asked for once `move` has told what was answered.
   */
  places(): readonly StreamRequest[] {
    for (const stream of this.#streams.values()) stream.named = stream.cursor?.epoch;
    return fitting([...this.#streams.values()]);
  }

  /** The new link is connected, with `verdicts` to be applied next. */
  move(verdicts: readonly Verdict[]): void {
    const names = new Set(verdicts.map(({ channel }) => channel));
    for (const stream of this.#streams.values()) {
      stream.state = "due";
      const answered = names.has(stream.channel);
      stream.outrun = answered && !!stream.named && stream.cursor?.epoch !== stream.named;
      this.due ||= !answered;
    }
  }

  /** A link is about to say hello: every stream is to be asked for again. */
  restart(): void {
    this.#left.clear();
    for (const stream of this.#streams.values()) this.#ask(stream);
  }

  /** What to ask for next, as much as fits in one frame; to be called until nothing is due. */
  requests(): readonly StreamRequest[] {
    const due = [...this.#streams.values()].filter((stream) => stream.state === "due");
    const requests = fitting(due);
    for (const stream of due.slice(0, requests.length)) {
      stream.state = "pending";
      stream.waited = false;
    }
    this.due = due.length > requests.length;
    return requests;
  }

  /** §5.3. False when the verdict means nothing here: its channel was left, or it would skip what lies behind the cursor. */
  apply(answer: Verdict): boolean {
    const {
      channel,
      verdict,
      position,
      count = 0,
      changes = 0,
      snapshot = verdict === "snapshot",
      reason = verdict,
    }: Answer = answer;
    if (this.#left.has(channel)) return false;
    const stream = this.#open(channel);
    // Once: a gateway that answers that with fresh too knows no better.
    stream.doubted = verdict === "fresh" && !!stream.cursor && !stream.doubted;
    const useless = stream.doubted || stream.outrun;
    stream.outrun = false;
    if (useless) return this.#ask(stream);
    stream.state = position ? "live" : "refused";
    if (!position) {
      // What a later version may call a verdict is none that lets us in.
      if (!stream.cursor || verdict === "ended") this.#streams.delete(channel);
      return true;
    }
    // The events that lead to `position` come next and move the cursor, on each line for itself. What came meanwhile over the
    // old link may have moved it further already (§7.4): only another line of events takes it back.
    const before = stream.cursor ?? { ...position, offset: position.offset - count, tag: "" };
    const other = ["fresh", "epoch", "fork", "future"].includes(reason);
    const further = !other && before.offset > position.offset;
    const { offset, tag } = count || further ? before : position;
    const ahead = !other && marked(stream).offset > (position.state?.revision ?? 0);
    const state = snapshot ? undefined : changes || ahead ? stream.cursor?.state : position.state;
    stream.cursor = { epoch: position.epoch, offset, tag, ...(state && { state }) };
    return true;
  }

  /** Whether no verdict is awaited. */
  get settled(): boolean {
    for (const { state } of this.#streams.values()) if (state === "due" || state === "pending") return false;
    return true;
  }

  health(): readonly StreamHealth[] {
    return [...this.#streams.values()].map(({ channel, state, cursor }) => ({
      channel,
      state,
      position: cursor ? { ...cursor } : null,
    }));
  }

  #open(channel: string): Stream {
    const stream: Stream = this.#streams.get(channel) ?? { channel, state: "due" };
    this.#streams.set(channel, stream);
    return stream;
  }

  /** §5.5 on the state line, where `after` bridges what was conflated. */
  #change(stream: Stream, revision: number, { after = revision - 1, tag = "" }: EventFrame): boolean {
    const mark = marked(stream);
    if (revision <= mark.offset || after > mark.offset) return this.#compare(stream, revision, tag, mark);
    (stream.cursor as Position & { state: StateMark }).state = { revision, tag };
    return true;
  }

  /** §5.5 rules 4 and 5: ahead of the cursor something is missing; beside it, another tag is a fork. Never delivers. */
  #compare(
    stream: Stream | undefined,
    offset: number,
    tag: string | undefined,
    cursor: Mark | undefined = stream?.cursor,
  ): false {
    if (
      cursor &&
      stream?.state === "live" &&
      (offset > cursor.offset || (offset === cursor.offset && tag !== cursor.tag))
    ) {
      this.#ask(stream);
    }
    return false;
  }

  #ask(stream: Stream): false {
    stream.state = "due";
    this.due = true;
    return false;
  }
}
