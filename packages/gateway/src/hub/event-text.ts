// An event as each dialect writes it, built once per event however many connections get it.
import type { Verdict } from "@trunkline/core/wire";
import type { Dialect } from "../dialect.ts";

/** What waits on a channel to be sent: an event, or news about the stream itself. */
export class Outgoing {
  /** 0 for `volatile` events and for news. */
  readonly offset: number;
  readonly tag: string;
  /** Epoch and end of a gap that all who are live must be told of, or null for an event. */
  readonly gap: Extract<Verdict, { readonly verdict: "gap" }> | null;
  readonly #channel: string;
  readonly #time: number;
  readonly #body: string;
  #v1: string | null = null;
  #plain: string | null = null;

  private constructor(
    channel: string,
    body: string,
    time: number,
    offset: number,
    tag: string,
    gap: Extract<Verdict, { readonly verdict: "gap" }> | null,
  ) {
    this.#channel = channel;
    this.#body = body;
    this.#time = time;
    this.offset = offset;
    this.tag = tag;
    this.gap = gap;
  }

  static logged(channel: string, entry: { offset: number; tag: string; time: number; body: string }): Outgoing {
    return new Outgoing(channel, entry.body, entry.time, entry.offset, entry.tag, null);
  }

  static volatile(channel: string, body: string, time: number): Outgoing {
    return new Outgoing(channel, body, time, 0, "", null);
  }

  static gap(verdict: Extract<Verdict, { readonly verdict: "gap" }>): Outgoing {
    return new Outgoing(verdict.channel, "", 0, 0, "", verdict);
  }

  /** One message's text. */
  text(dialect: Dialect): string {
    if (dialect === "plain") return (this.#plain ??= plainText(this.#body));
    return (this.#v1 ??= this.#v1Text());
  }

  #v1Text(): string {
    if (this.gap !== null) return JSON.stringify({ type: "verdict", streams: [this.gap] });
    const channel = JSON.stringify(this.#channel);
    const place = this.offset === 0 ? "" : `"offset":${this.offset},"tag":${JSON.stringify(this.tag)},`;
    // The stored body is a JSON object with at least its event name, so it is spliced in, never parsed.
    return `{"type":"event","channel":${channel},${place}"time":${this.#time},${this.#body.slice(1)}`;
  }
}

/** PROTOCOL §10.2: an object payload at top level, without its own `event` and `type`; anything else under `data`. */
function plainText(body: string): string {
  const { event, data = null } = JSON.parse(body) as { readonly event: string; readonly data?: unknown };
  if (typeof data !== "object" || data === null || Array.isArray(data)) return JSON.stringify({ event, data });
  const { event: _event, type: _type, ...payload } = data as Readonly<Record<string, unknown>>;
  return JSON.stringify({ event, ...payload });
}
