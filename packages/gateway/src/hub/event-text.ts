// An event as each dialect writes it, built once per event however many connections get it.
import type { Entry, Line } from "@trunkline/core/ports";
import type { Position, Verdict } from "@trunkline/core/wire";
import { type Dialect, unreachable } from "../dialect.ts";
import { eventBlock, idLine, verdictBlock } from "../event-stream-blocks.ts";
import { startOf } from "../verdict.ts";
import type { Serializer } from "./serializer.ts";

/** A verdict that all who are live must be told of in its place among the events. */
export type LineBreak = Extract<Verdict, { readonly verdict: "gap" | "snapshot" }>;

/** What an event needs of its stream. */
export interface Source {
  /** The channel as its account knows it. */
  readonly label: string;
  /** null: events go out as they were stored. */
  readonly serializer: Serializer | null;
}

/** What waits on a channel to be sent: an event, or news about the stream itself. */
export class Outgoing {
  /** null for `volatile` events and for news. */
  readonly line: Line | null;
  /** Place on its line. */
  readonly offset: number;
  readonly tag: string;
  /** On the state line: the revision it follows. */
  readonly after: number;
  /** When it was accepted, ms since 1970 by the broker's clock. */
  readonly time: number;
  /** On the state line: its key is gone. */
  readonly deleted: boolean;
  /** News of a break in the stream, or null for an event. */
  readonly lineBreak: LineBreak | null;
  readonly #source: Source;
  readonly #body: string;
  #v1: string | null = null;
  #plain: string | null = null;
  #raw: string | null = null;
  #block: string | null = null;
  /** What a serializer made of it, by dialect. */
  #bodies: Map<Dialect, string | null> | null = null;

  private constructor(
    source: Source,
    entry: Omit<Entry, "line">,
    line: Line | null,
    after: number,
    news: LineBreak | null,
  ) {
    this.#source = source;
    this.#body = entry.body;
    this.time = entry.time;
    this.deleted = entry.deleted === true;
    this.line = line;
    this.offset = entry.offset;
    this.tag = entry.tag;
    this.after = after;
    this.lineBreak = news;
  }

  /** @param after on the state line, the revision that the reader has before this one */
  static stored(source: Source, entry: Entry, after = entry.offset - 1): Outgoing {
    return new Outgoing(source, entry, entry.line, after, null);
  }

  static volatile(source: Source, body: string, time: number): Outgoing {
    return new Outgoing(source, { offset: 0, tag: "", body, time }, null, 0, null);
  }

  static lineBreak(verdict: LineBreak): Outgoing {
    const source = { label: verdict.channel, serializer: null };
    return new Outgoing(source, { offset: 0, tag: "", body: "", time: 0 }, null, 0, verdict);
  }

  /** What was stored; "" for news. */
  get body(): string {
    return this.#body;
  }

  /** Length of what was stored, in characters. */
  get size(): number {
    return this.#body.length;
  }

  /** Whether readers can't be given it, since its serializer failed. */
  isUnserializable(dialect: Dialect): boolean {
    return this.lineBreak === null && this.#bodyIn(dialect) === null;
  }

  /** One message's text; null for a `volatile` event that can't be serialized. `place`: where its reader is once it has this. */
  text(dialect: Dialect, place: Position): string | null {
    const known = this.#textIn(dialect);
    if (known !== null) return known;
    const news = this.#newsAt(place, dialect);
    if (news !== null) return JSON.stringify({ type: "verdict", streams: [news] });
    const body = this.#bodyIn(dialect);
    if (body === null) return null;
    switch (dialect) {
      case "v1":
        return (this.#v1 = this.#v1Text(body));
      case "plain":
        return (this.#plain = plainText(body));
      case "raw":
        return (this.#raw = rawText(body));
      default:
        return unreachable(dialect);
    }
  }

  /** Of an event stream: the lines of one event (PROTOCOL §11.1); null as for `text`. */
  block(place: Position): string | null {
    if (this.#block === null) {
      const news = this.#newsAt(place, "plain");
      if (news !== null) return verdictBlock(news);
      const body = this.#bodyIn("plain");
      if (body === null) return null;
      const { event, data = null } = parsed(body);
      this.#block = eventBlock(event, JSON.stringify(data));
    }
    return this.line === null ? this.#block : `${idLine(place)}${this.#block}`;
  }

  /** Where a reader is that was at `position` and gets this. */
  advance(position: Position): Position {
    const { line, offset, tag, lineBreak } = this;
    if (lineBreak !== null) return startOf(lineBreak, position);
    if (line === "log") return { ...position, offset, tag };
    return line === "state" ? { ...position, state: { revision: offset, tag } } : position;
  }

  /** Whether a reader at `position` has this already. */
  isBehind(position: Position): boolean {
    if (this.line === "log") return this.offset <= position.offset;
    return this.line === "state" && this.offset <= (position.state?.revision ?? 0);
  }

  /** What is told instead of an event: a break of the stream, or that this event is not coming (PROTOCOL §5.9). */
  #newsAt(position: Position, dialect: Dialect): LineBreak | null {
    if (this.lineBreak !== null) return this.lineBreak;
    if (this.line === null || this.#bodyIn(dialect) !== null) return null;
    const { offset } = position;
    // A change of state has no place on the log.
    const from = this.line === "log" ? offset : offset + 1;
    return { channel: this.#source.label, verdict: "gap", position, from, to: offset, reason: "unserializable" };
  }

  /** What was built before, or null. */
  #textIn(dialect: Dialect): string | null {
    if (dialect === "v1") return this.#v1;
    return dialect === "plain" ? this.#plain : this.#raw;
  }

  #bodyIn(dialect: Dialect): string | null {
    const { serializer } = this.#source;
    if (serializer === null) return this.#body;
    this.#bodies ??= new Map();
    let body = this.#bodies.get(dialect);
    if (body === undefined) {
      const entry = { body: this.#body, time: this.time, offset: this.offset, tag: this.tag };
      body = serializer.body(entry, this.line, dialect);
      this.#bodies.set(dialect, body);
    }
    return body;
  }

  #v1Text(body: string): string {
    const channel = JSON.stringify(this.#source.label);
    // The stored body is a JSON object with at least its event name, so it is spliced in, never parsed.
    return `{"type":"event","channel":${channel},${this.#place()}"time":${this.time},${body.slice(1)}`;
  }

  #place(): string {
    const { line, offset, after } = this;
    if (line === null) return "";
    const tag = JSON.stringify(this.tag);
    if (line === "log") return `"offset":${offset},"tag":${tag},`;
    const bridge = after === offset - 1 ? "" : `"after":${after},`;
    return `"revision":${offset},${bridge}${this.deleted ? '"deleted":true,' : ""}"tag":${tag},`;
  }
}

/** Whether readers of `form` are told of a gap in place of `item`. */
export function tellsGap(item: Outgoing, { dialect }: { readonly dialect: Dialect }): boolean {
  return item.lineBreak !== null || (item.line !== null && item.isUnserializable(dialect));
}

/** PROTOCOL §10.2: an object payload at top level, without its own `event` and `type`; anything else under `data`. */
function plainText(body: string): string {
  const { event, data = null } = parsed(body);
  if (typeof data !== "object" || data === null || Array.isArray(data)) return JSON.stringify({ event, data });
  const { event: _event, type: _type, ...payload } = data as Readonly<Record<string, unknown>>;
  return JSON.stringify({ event, ...payload });
}

/** PROTOCOL §16.3: a string as it is, anything else as JSON. */
function rawText(body: string): string {
  const { data = null } = parsed(body);
  return typeof data === "string" ? data : JSON.stringify(data);
}

function parsed(body: string): { readonly event: string; readonly data?: unknown } {
  return JSON.parse(body) as { readonly event: string; readonly data?: unknown };
}

/** The entries of one page as they follow each other behind `from`, both lines by time. */
export function outgoingOf(
  source: Source,
  from: Position,
  {
    log,
    state,
  }: { readonly log: { readonly entries: readonly Entry[] }; readonly state: { readonly entries: readonly Entry[] } },
): readonly Outgoing[] {
  let after = from.state?.revision ?? 0;
  const changes = state.entries.map((entry) => {
    const item = Outgoing.stored(source, entry, after);
    after = entry.offset;
    return { time: entry.time, item };
  });
  const events = log.entries.map((entry) => ({ time: entry.time, item: Outgoing.stored(source, entry) }));
  if (changes.length === 0) return events.map(({ item }) => item);
  // Stable, and time never goes back along a line.
  return [...events, ...changes].sort((one, other) => one.time - other.time).map(({ item }) => item);
}
