// What a listener gets of an event: the same fields that a client gets. Pure.
import type { Entry } from "@trunkline/core/ports";
import type { EventFrame } from "@trunkline/core/wire";

type Body = Pick<EventFrame, "event" | "data" | "key" | "id" | "meta">;

export function storedEvent(channel: string, { line, offset, tag, time, body, deleted }: Entry): EventFrame {
  const place = line === "log" ? { offset } : { revision: offset, ...(deleted === true && { deleted }) };
  return { type: "event", channel, ...place, tag, time, ...(JSON.parse(body) as Body) };
}

export function volatileEvent(channel: string, body: string, time: number): EventFrame {
  return { type: "event", channel, time, ...(JSON.parse(body) as Body) };
}
