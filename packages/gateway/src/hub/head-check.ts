// Once per heartbeat: is what this gateway believes to be the newest event of each stream what the broker says?
import type { Broker, Clock } from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";
import { reaches } from "../verdict.ts";
import type { HubChannel } from "./hub-channel.ts";

/** Streams asked for at once. */
const batch = 500;
/** How long what the broker has stored may be on its way to here, in milliseconds. */
const underWayMs = 500;

export interface HeadCheckOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  /** Nobody waits for this check any more. */
  readonly isOver: () => boolean;
  readonly onDoubt: (channel: HubChannel) => void;
}

/** Rejects when the broker can't be asked. */
export async function checkHeads(channels: readonly HubChannel[], options: HeadCheckOptions): Promise<void> {
  const { broker, clock, isOver, onDoubt } = options;
  const ahead: { readonly channel: HubChannel; readonly head: Position }[] = [];
  for (let from = 0; from < channels.length; from += batch) {
    const asked = channels.slice(from, from + batch);
    const before = asked.map(({ head }) => head);
    const heads = await broker.heads(asked.map(({ name }) => name));
    if (isOver()) return;
    for (const [index, channel] of asked.entries()) {
      const head = heads[index];
      if (head === undefined || channel.closed) continue;
      if (isOther(before[index] as Position, head)) onDoubt(channel);
      else if (!reaches(channel.head, head)) ahead.push({ channel, head });
    }
  }
  if (ahead.length === 0) return;
  await new Promise<void>((resolve) => void clock.setTimer(resolve, underWayMs));
  for (const { channel, head } of ahead) {
    if (!channel.closed && !isOver() && !reaches(channel.head, head)) onDoubt(channel);
  }
}

/** Whether the broker's stream is not a continuation of what was known before it was asked. */
function isOther(known: Position, head: Position): boolean {
  if (known.epoch !== head.epoch || !reaches(head, known)) return true;
  if (known.offset === head.offset && known.tag !== head.tag) return true;
  return known.state?.revision === head.state?.revision && known.state?.tag !== head.state?.tag;
}
