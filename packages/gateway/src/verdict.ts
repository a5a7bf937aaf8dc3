// What a cursor is worth, PROTOCOL §5.3. Pure: the hub reads the page, this says what it means.
import type { Page } from "@trunkline/core/ports";
import type { GapReason, Position, Verdict } from "@trunkline/core/wire";

/**
 * Whether the changes behind the cursor are not enough, so that the whole state line has to be sent: another epoch, changes
 * that this line does not know (future or fork), or deletions that are forgotten. `page` must have been read from the cursor.
 * @param sending the state line is being sent as a whole already: deletions forgotten meanwhile were never told
 */
export function needsSnapshot(cursor: Position, page: Page, sending = false): boolean {
  const { head, state } = page;
  const { revision, tag } = cursor.state ?? { revision: 0, tag: "" };
  // A client that changes over may have got more since than what it named (PROTOCOL §7.4).
  if (cursor.epoch !== head.epoch) return true;
  if (head.state === undefined) return revision > 0;
  if (revision > head.state.revision) return true;
  if (revision < state.floor && !sending) return true;
  return state.tagAtStart !== null && state.tagAtStart !== tag;
}

/**
 * Compares a client's last position with what the stream holds after it. `page` must have been read from the cursor; its
 * state line from 0 when `snapshot`.
 *
 * - no cursor: `fresh` at the head.
 * - another epoch: `gap` "epoch" from 1 to the head. Offsets of an epoch that is over can't be compared with this one's,
 *   so all that this epoch holds counts as missed.
 * - beyond the head: `gap` "future" from 1 to the head. The stream has lost its tail, and may have used some of its offsets
 *   again: what the client has below the head need not be what is there now, and nobody knows where the two lines parted.
 * - below the floor: `gap` "retention" from the cursor + 1 to the head. What is still kept of it is not replayed: a part is
 *   never presented as the whole.
 * - another event at the cursor: `gap` "fork" from 1 to the head, for the same reason.
 * - else `recovered`, or `snapshot`: the next head − cursor log events are all there is between.
 */
export function decideVerdict(channel: string, cursor: Position | undefined, page: Page, snapshot = false): Verdict {
  const { head, log, state } = page;
  if (cursor === undefined) return { channel, verdict: "fresh", position: head };
  const changes = state.count;
  const some = changes > 0 && { changes };
  const gap = (reason: GapReason, from: number, to: number): Verdict => ({
    channel,
    verdict: "gap",
    position: head,
    from,
    to,
    reason,
    ...some,
    ...(snapshot && { snapshot }),
  });
  if (cursor.epoch !== head.epoch) return gap("epoch", 1, head.offset);
  if (cursor.offset > head.offset) return gap("future", 1, head.offset);
  if (cursor.offset < log.floor) return gap("retention", cursor.offset + 1, head.offset);
  // Whoever lost the link before the first event of a rewind knows where it is, and not what is there.
  if (log.tagAtStart !== null && cursor.tag !== "" && log.tagAtStart !== cursor.tag) return gap("fork", 1, head.offset);
  const count = head.offset - cursor.offset;
  if (snapshot) return { channel, verdict: "snapshot", position: head, count, changes };
  return { channel, verdict: "recovered", position: head, count, ...some };
}

/** Where a reader stands once it was told a verdict: its events, if there are any, come behind that. */
export function startOf(verdict: Verdict & { readonly position: Position }, cursor: Position | undefined): Position {
  const { position } = verdict;
  if (cursor === undefined || verdict.verdict === "fresh") return position;
  const log = verdict.verdict === "gap" ? position : cursor;
  const state = isSnapshot(verdict) ? undefined : cursor.state;
  return { epoch: position.epoch, offset: log.offset, tag: log.tag, ...(state !== undefined && { state }) };
}

/** Whether the state events that follow are the whole state. */
export function isSnapshot(verdict: Verdict): boolean {
  return verdict.verdict === "snapshot" || (verdict.verdict === "gap" && verdict.snapshot === true);
}

/** Whether a reader at `position` has all that `head` has. */
export function reaches(position: Position, head: Position): boolean {
  return position.offset >= head.offset && revisionOf(position) >= revisionOf(head);
}

function revisionOf({ state }: Position): number {
  return state?.revision ?? 0;
}
