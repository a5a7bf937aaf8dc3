// What a reader has missed: from the channel's ring where that reaches back far enough, else from the broker, where readers
// who ask for the same at the same time share one read.
import type { Broker, Page } from "@trunkline/core/ports";
import type { Position, Verdict } from "@trunkline/core/wire";
import { decideVerdict, needsSnapshot, startOf } from "../verdict.ts";
import { type Outgoing, outgoingOf } from "./event-text.ts";
import type { HubChannel } from "./hub-channel.ts";

/** Events per read and line. */
const pageEntries = 128;
/** A stream that forgets faster than this can be read begins with a gap. */
const maxRewindReads = 3;

/** What a cursor is worth, and the first events that follow from it. */
export interface Reading {
  readonly verdict: Extract<Verdict, { readonly verdict: "recovered" | "snapshot" | "gap" }>;
  /** Where the reader is once it was told. */
  readonly start: Position;
  /** In order, from `start`; not necessarily all up to the verdict's position. */
  readonly items: readonly Outgoing[];
}

export class History {
  readonly #broker: Broker;
  /** Reads under way, by stream and cursor. */
  readonly #reads = new Map<string, Promise<Reading>>();

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /**
   * @param sending the reader is in the middle of a snapshot of the state line
   * @throws {GatewayError} what the broker's `read` throws
   */
  async read(channel: HubChannel, cursor: Position, sending: boolean): Promise<Reading> {
    return this.#fromRing(channel, cursor, sending) ?? this.#shared(channel, cursor, sending);
  }

  /**
   * The newest `count` events that are kept, and the whole state line.
   * @throws {GatewayError} what the broker's `read` throws
   */
  async rewind(channel: HubChannel, count: number): Promise<Reading> {
    let offset = Math.max(0, channel.head.offset - count);
    let page = await this.#broker.read(channel.name, { offset, revision: 0 }, pageEntries);
    // What was kept may be no more by the time it is read.
    for (let tries = 0; offset < page.log.floor && tries < maxRewindReads; tries++) {
      offset = page.log.floor;
      page = await this.#broker.read(channel.name, { offset, revision: 0 }, pageEntries);
    }
    const cursor = { epoch: page.head.epoch, offset, tag: page.log.tagAtStart ?? "" };
    return readingOf(channel, cursor, page, true);
  }

  #fromRing(channel: HubChannel, cursor: Position, sending: boolean): Reading | null {
    const { ring, head, label, held } = channel;
    if (held !== null || sending) return null;
    const items = ring.since(cursor);
    if (items === null) return null;
    const count = head.offset - cursor.offset;
    const changes = items.filter(({ line }) => line === "state").length;
    const verdict = {
      channel: label,
      verdict: "recovered" as const,
      position: head,
      count,
      ...(changes > 0 && { changes }),
    };
    return { verdict, start: cursor, items };
  }

  #shared(channel: HubChannel, cursor: Position, sending: boolean): Promise<Reading> {
    const { epoch, offset, tag, state } = cursor;
    const key = JSON.stringify([channel.name, epoch, offset, tag, state?.revision, state?.tag, sending]);
    const running = this.#reads.get(key);
    if (running !== undefined) return running;
    const read = this.#fromBroker(channel, cursor, sending).finally(() => this.#reads.delete(key));
    this.#reads.set(key, read);
    return read;
  }

  async #fromBroker(channel: HubChannel, cursor: Position, sending: boolean): Promise<Reading> {
    const [page, snapshot] = await readWithSnapshot(this.#broker, channel.name, cursor, sending);
    return readingOf(channel, cursor, page, snapshot);
  }
}

function readingOf(channel: HubChannel, cursor: Position, page: Page, snapshot: boolean): Reading {
  const verdict = decideVerdict(channel.label, cursor, page, snapshot) as Reading["verdict"];
  const start = startOf(verdict, cursor);
  const log = verdict.verdict === "gap" ? { entries: [] } : page.log;
  return { verdict, start, items: outgoingOf(channel, start, { log, state: page.state }) };
}

/** Reads from a cursor; the state line from its beginning when its changes are not enough. */
export async function readWithSnapshot(
  broker: Broker,
  name: HubChannel["name"],
  cursor: Position,
  sending: boolean,
): Promise<readonly [page: Page, snapshot: boolean]> {
  const { offset } = cursor;
  const page = await broker.read(name, { offset, revision: cursor.state?.revision ?? 0 }, pageEntries);
  if (!needsSnapshot(cursor, page, sending)) return [page, false];
  return [await broker.read(name, { offset, revision: 0 }, pageEntries), true];
}
