// A page of what a stream's log has kept, for those who ask (PROTOCOL §14).
import type { Broker } from "@trunkline/core/ports";
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

/** @throws {GatewayError} what the broker's `read` throws */
export async function readHistoryPage(
  broker: Broker,
  channel: HubChannel,
  { before, limit, maxBytes }: HistoryQuery,
): Promise<HistoryPage> {
  const end = Math.min(before, channel.head.offset + 1);
  let from = Math.max(0, end - 1 - limit);
  let { log } = await broker.read(channel.name, { offset: from }, limit);
  if (from < log.floor) {
    from = log.floor;
    ({ log } = await broker.read(channel.name, { offset: from }, limit));
  }
  const texts: string[] = [];
  let bytes = 0;
  let oldest = end;
  for (const entry of log.entries.filter(({ offset }) => offset < end).reverse()) {
    const item = Outgoing.stored(channel, entry);
    const text = item.isUnserializable("v1") ? null : item.text("v1", channel.head);
    bytes += text === null ? 0 : Buffer.byteLength(text);
    if (bytes > maxBytes && texts.length > 0) break;
    oldest = entry.offset;
    if (text !== null) texts.push(text);
  }
  const events = texts.reverse().map((text) => JSON.parse(text) as EventFrame);
  return { events, more: oldest > log.floor + 1 };
}
