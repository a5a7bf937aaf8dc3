// A page of what a stream's log has kept, for those who ask (PROTOCOL §14).
import type { Broker, Entry } from "@trunkline/core/ports";
import type { EventFrame } from "@trunkline/core/wire";
import { Outgoing } from "./event-text.ts";
import type { HubChannel } from "./hub-channel.ts";

export interface HistoryPage {
  /** In their order, as `trunkline.v1` says them; without those that can't be serialized. */
  readonly events: readonly EventFrame[];
  /** Whether older ones are kept. */
  readonly more: boolean;
}

export interface HistoryQuery {
  /** Offset: events before it. */
  readonly before: number;
  /** Most events. */
  readonly limit: number;
  /** Bytes of text that the page may have, unless it is one event. */
  readonly maxBytes: number;
}

/** Entries per read: what does not fit into the page was read for nothing. */
const entriesPerRead = 128;

/** @throws {GatewayError} what the broker's `read` throws */
export async function readHistoryPage(
  broker: Broker,
  channel: HubChannel,
  { before, limit, maxBytes }: HistoryQuery,
): Promise<HistoryPage> {
  const texts: string[] = [];
  let bytes = 0;
  let left = limit;
  let oldest = Math.min(before, channel.head.offset + 1);
  for (;;) {
    const { floor, entries } = await entriesBefore(broker, channel, oldest, Math.min(left, entriesPerRead));
    for (const entry of entries.reverse()) {
      const item = Outgoing.stored(channel, entry);
      const text = item.isUnserializable("v1") ? null : item.text("v1", channel.head);
      bytes += text === null ? 0 : Buffer.byteLength(text);
      if (bytes > maxBytes && texts.length > 0) return pageOf(texts, true);
      oldest = entry.offset;
      left -= 1;
      if (text !== null) texts.push(text);
    }
    const more = oldest > floor + 1;
    if (!more || left === 0 || entries.length === 0) return pageOf(texts, more);
  }
}

/** The newest `count` entries before offset `end` that are kept. */
async function entriesBefore(
  broker: Broker,
  { name }: HubChannel,
  end: number,
  count: number,
): Promise<{ readonly floor: number; readonly entries: Entry[] }> {
  const from = Math.max(0, end - 1 - count);
  let { log } = await broker.read(name, { offset: from }, count);
  if (from < log.floor) ({ log } = await broker.read(name, { offset: log.floor }, count));
  return { floor: log.floor, entries: log.entries.filter(({ offset }) => offset < end) };
}

/** @param texts the newest first */
function pageOf(texts: readonly string[], more: boolean): HistoryPage {
  return { events: [...texts].reverse().map((text) => JSON.parse(text) as EventFrame), more };
}
