// What a cursor is worth, PROTOCOL §5.3. Pure: the hub reads the page, this says what it means.
import type { Page } from "@trunkline/core/ports";
import type { GapReason, Position, Verdict } from "@trunkline/core/wire";

/**
 * Compares a client's last position with what the stream holds after it. `page` must have been read with
 * `cursor.offset` as its asked offset.
 *
 * - no cursor: `fresh` at the head.
 * - another epoch: `gap` "epoch" from 1 to the head. Offsets of an epoch that is over can't be compared with this one's,
 *   so all that this epoch holds counts as missed.
 * - beyond the head: `gap` "future", `from` = the head + 1 and `to` = the cursor's offset: the part the client claims to
 *   have seen and this stream does not know.
 * - below the floor: `gap` "retention" from the cursor + 1 to the head. What is still kept of it is not replayed: a part is
 *   never presented as the whole.
 * - another event at the cursor: `gap` "fork" from 1 to the head, because nobody knows where the two lines parted.
 * - else `recovered`: the next head − cursor events are all there is between.
 */
export function decideVerdict(channel: string, cursor: Position | undefined, page: Page): Verdict {
  const { head, floor, tagAtStart } = page;
  if (cursor === undefined) return { channel, verdict: "fresh", position: head };
  const gap = (reason: GapReason, from: number, to: number): Verdict => ({
    channel,
    verdict: "gap",
    position: head,
    from,
    to,
    reason,
  });
  if (cursor.epoch !== head.epoch) return gap("epoch", 1, head.offset);
  if (cursor.offset > head.offset) return gap("future", head.offset + 1, cursor.offset);
  if (cursor.offset < floor) return gap("retention", cursor.offset + 1, head.offset);
  if (tagAtStart !== null && tagAtStart !== cursor.tag) return gap("fork", 1, head.offset);
  return { channel, verdict: "recovered", position: head, count: head.offset - cursor.offset };
}
