// An append whose connection was lost while it was under way: was it executed? Its tag tells. Pure.
import type { Page, Place } from "@trunkline/core/ports";
import { tagText } from "./envelope.ts";
import type { PendingAppend } from "./pending-append.ts";

/** What was known of a stream before the batch was sent. */
export interface KnownHead {
  readonly epoch: string;
  readonly offset: number;
  readonly revision: number;
}

export type Fate =
  | { readonly kind: "stored"; readonly position: Place }
  /** For certain not stored. */
  | { readonly kind: "absent" }
  | { readonly kind: "unknown" };

/**
 * @param page read behind `known` (behind 0 when nothing was known), after nothing of the lost connection can be executed any more
 * @param fenced whether that is so; else what is not there may still come
 */
export function fatesOf(
  batch: readonly PendingAppend[],
  known: KnownHead | null,
  page: Page,
  fenced: boolean,
): readonly Fate[] {
  const { head, log, state } = page;
  const sameEpoch = known === null || known.epoch === head.epoch;
  const from = known ?? { offset: 0, revision: 0 };
  const wholeLog = log.floor <= from.offset && log.entries.length === log.count && from.offset <= head.offset;
  const revisions = (head.state?.revision ?? 0) - from.revision;
  // As many entries as revisions: no change was replaced by a later one.
  const wholeState = revisions === state.count && state.entries.length === state.count;
  return batch.map(({ append, tag }): Fate => {
    const line = append.state === undefined ? log : state;
    const entry = line.entries.find((each) => each.tag === tagText(tag));
    if (entry !== undefined)
      return { kind: "stored", position: { epoch: head.epoch, offset: entry.offset, tag: entry.tag } };
    const whole = append.state === undefined ? wholeLog : wholeState;
    return { kind: whole && sameEpoch && fenced ? "absent" : "unknown" };
  });
}
