// An event as each dialect writes it, built once per event however many connections get it.
import type { Entry, Line } from "@trunkline/core/ports";
import type { Position, Verdict } from "@trunkline/core/wire";
import type { Dialect } from "../dialect.ts";
import { eventBlock, verdictBlock } from "../event-stream-blocks.ts";
import { startOf } from "../verdict.ts";

/** A verdict that all who are live must be told of in its place among the events. */
export type LineBreak = Extract<Verdict, { readonly verdict: "gap" | "snapshot" }>;

/** What waits on a channel to be sent: an event, or news about the stream itself. */
export class Outgoing {
  /** null for `volatile` events and for news. */
  readonly line: Line | null;
  /** Place on its line. */
  readonly offset: number;
  readonly tag: string;
  /** On the state line: the revision it follows. */
  readonly after: number;
  /** News of a break in the stream, or null for an event. */
  readonly lineBreak: LineBreak | null;
  readonly #channel: string;
  readonly #time: number;
  readonly #body: string;
  readonly #deleted: boolean;
  #v1: string | null = null;
  #plain: string | null = null;
  #block: string | null = null;

  private constructor(
    channel: string,
    entry: Omit<Entry, "line">,
    line: Line | null,
    after: number,
    news: LineBreak | null,
  ) {
    this.#channel = channel;
    this.#body = entry.body;
    this.#time = entry.time;
    this.#deleted = entry.deleted === true;
    this.line = line;
    this.offset = entry.offset;
    this.tag = entry.tag;
    this.after = after;
    this.lineBreak = news;
  }

  /** @param after on the state line, the revision that the reader has before this one */
  static stored(channel: string, entry: Entry, after = entry.offset - 1): Outgoing {
    return new Outgoing(channel, entry, entry.line, after, null);
  }

  static volatile(channel: string, body: string, time: number): Outgoing {
    return new Outgoing(channel, { offset: 0, tag: "", body, time }, null, 0, null);
  }

  static lineBreak(verdict: LineBreak): Outgoing {
    return new Outgoing(verdict.channel, { offset: 0, tag: "", body: "", time: 0 }, null, 0, verdict);
  }

  /** What was stored; "" for news. */
  get body(): string {
    return this.#body;
  }

  /** Length of what was stored, in characters. */
  get size(): number {
    return this.#body.length;
  }

  /** One message's text. */
  text(dialect: Dialect): string {
    if (dialect === "plain") return (this.#plain ??= plainText(this.#body));
    return (this.#v1 ??= this.#v1Text());
  }

  /** Of an event stream: the lines of one event, without its id (PROTOCOL §11.1). */
  block(): string {
    if (this.#block !== null) return this.#block;
    if (this.lineBreak !== null) return (this.#block = verdictBlock(this.lineBreak));
    const { event, data = null } = parsed(this.#body);
    return (this.#block = eventBlock(event, JSON.stringify(data)));
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

  #v1Text(): string {
    if (this.lineBreak !== null) return JSON.stringify({ type: "verdict", streams: [this.lineBreak] });
    const channel = JSON.stringify(this.#channel);
    // The stored body is a JSON object with at least its event name, so it is spliced in, never parsed.
    return `{"type":"event","channel":${channel},${this.#place()}"time":${this.#time},${this.#body.slice(1)}`;
  }

  #place(): string {
    const { line, offset, after } = this;
    if (line === null) return "";
    const tag = JSON.stringify(this.tag);
    if (line === "log") return `"offset":${offset},"tag":${tag},`;
    const bridge = after === offset - 1 ? "" : `"after":${after},`;
    return `"revision":${offset},${bridge}${this.#deleted ? '"deleted":true,' : ""}"tag":${tag},`;
  }
}

/** PROTOCOL §10.2: an object payload at top level, without its own `event` and `type`; anything else under `data`. */
function plainText(body: string): string {
  const { event, data = null } = parsed(body);
  if (typeof data !== "object" || data === null || Array.isArray(data)) return JSON.stringify({ event, data });
  const { event: _event, type: _type, ...payload } = data as Readonly<Record<string, unknown>>;
  return JSON.stringify({ event, ...payload });
}

function parsed(body: string): { readonly event: string; readonly data?: unknown } {
  return JSON.parse(body) as { readonly event: string; readonly data?: unknown };
}

/** The entries of one page as they follow each other behind `from`, both lines by time. */
export function outgoingOf(
  channel: string,
  from: Position,
  {
    log,
    state,
  }: { readonly log: { readonly entries: readonly Entry[] }; readonly state: { readonly entries: readonly Entry[] } },
): readonly Outgoing[] {
  let after = from.state?.revision ?? 0;
  const changes = state.entries.map((entry) => {
    const item = Outgoing.stored(channel, entry, after);
    after = entry.offset;
    return { time: entry.time, item };
  });
  const events = log.entries.map((entry) => ({ time: entry.time, item: Outgoing.stored(channel, entry) }));
  if (changes.length === 0) return events.map(({ item }) => item);
  // Stable, and time never goes back along a line.
  return [...events, ...changes].sort((one, other) => one.time - other.time).map(({ item }) => item);
}
