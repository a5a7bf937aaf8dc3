// Reads an event stream as curl would, so that a test sees exactly what the gateway sends.
import {
  type ConnectedFrame,
  type EventFrame,
  type GatewayFrame,
  type StreamEvent,
  eventStreamStart,
  readEventStream,
} from "@trunkline/core/wire";
import { onTestFinished } from "vitest";
import { until } from "./until.ts";

export const streamPath = "/api/v1/events";

/** One response, read until it ends or is left. */
export class EventStreamClient {
  readonly response: Response;
  readonly events: StreamEvent[] = [];
  /** All that came, as it came. */
  text = "";
  /** What `Last-Event-ID` would say. */
  lastEventId = "";
  ended = false;
  readonly #abort: AbortController;

  constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    onTestFinished(() => this.leave());
    void this.#read();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let state = eventStreamStart;
    try {
      for await (const bytes of this.response.body ?? []) {
        const piece = decoder.decode(bytes as Uint8Array, { stream: true });
        const [next, events] = readEventStream(state, piece);
        state = next;
        this.text += piece;
        this.lastEventId = next.id;
        this.events.push(...events);
      }
    } catch {
      // Left, or cut off.
    }
    this.ended = true;
  }

  leave(): void {
    this.#abort.abort();
  }

  async count(count: number): Promise<readonly StreamEvent[]> {
    await until(`${count} events come; got ${this.text.slice(-500)}`, () => this.events.length >= count);
    return this.events;
  }

  /** Numbers in the data of events named "e". */
  get numbers(): number[] {
    return this.events.filter(({ event }) => event === "e").map(({ data }) => (JSON.parse(data) as { n: number }).n);
  }

  /** The messages of `trunkline.v1`. */
  get frames(): GatewayFrame[] {
    return this.events
      .filter(({ event }) => event === "message")
      .flatMap(({ data }) => JSON.parse(data) as GatewayFrame | GatewayFrame[]);
  }

  frame(type: "connected"): Promise<ConnectedFrame>;
  frame(type: "event"): Promise<EventFrame>;
  async frame(type: GatewayFrame["type"]): Promise<GatewayFrame> {
    const find = () => this.frames.find((frame) => frame.type === type);
    await until(`a "${type}" comes; got ${this.text.slice(-500)}`, () => find() !== undefined);
    return find() as GatewayFrame;
  }
}

export interface StreamOptions {
  readonly key?: string;
  readonly lastEventId?: string;
  readonly channel?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks for an event stream; what is refused is a client too. */
export async function openEventStream(base: string, options: StreamOptions = {}): Promise<EventStreamClient> {
  const { key, lastEventId, channel, headers } = options;
  const abort = new AbortController();
  const query = channel === undefined ? "" : `?channel=${encodeURIComponent(channel)}`;
  const response = await fetch(`${base}${streamPath}${query}`, {
    signal: abort.signal,
    headers: {
      ...(key !== undefined && { Authorization: `Bearer ${key}` }),
      ...(lastEventId !== undefined && { "Last-Event-ID": lastEventId }),
      ...headers,
    },
  });
  return new EventStreamClient(response, abort);
}

/** A whole link (PROTOCOL §11.3). */
export interface StreamLink {
  readonly client: EventStreamClient;
  readonly id: string;
  /** Sends one frame by way of `base`, with the next number unless one is given. */
  readonly post: (frame: object | string, base?: string, number?: number) => Promise<Response>;
}

export async function openStreamLink(
  base: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<StreamLink> {
  const client = await openEventStream(base, { headers: { "Trunkline-Protocol": "trunkline.v1", ...headers } });
  const [open] = await client.count(1);
  const { link: id } = JSON.parse(open?.data ?? "{}") as { link: string };
  let last = 0;
  return {
    client,
    id,
    post: (frame, by = base, number = ++last) =>
      fetch(`${by}${streamPath}?link=${id}&n=${number}`, {
        method: "POST",
        body: typeof frame === "string" ? frame : JSON.stringify(frame),
        headers: { "Content-Type": "application/json" },
      }),
  };
}
