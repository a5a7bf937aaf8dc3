// What keeps the order of each channel over repetitions. The one exception: where the answer is lost that told of an event that was not
// published, and of a later one of its channel that was, nobody knows.
import type { Letter } from "./letter.ts";

/**
 * Channels in which some letters were not published and others may have been: only the latter are sent at first. Knowing what became of
 * them, those that were not published follow, or are too late.
 */
export function heldChannels(waiting: readonly Letter[]): ReadonlySet<string> {
  const unpublished = new Set<string>();
  const doubtful = new Set<string>();
  for (const { settled, channel, doubtSince, lastError } of waiting) {
    if (settled) continue;
    if (doubtSince !== null) doubtful.add(channel);
    else if (lastError !== null) unpublished.add(channel);
  }
  return new Set([...doubtful].filter((channel) => unpublished.has(channel)));
}

/** Letters without a result that a later one of their channel may have been published before. */
export function overtaken(letters: readonly Letter[]): readonly Letter[] {
  const last = new Map<string, number>();
  for (const { reached, channel, number } of letters)
    if (reached) last.set(channel, Math.max(number, last.get(channel) ?? -1));
  if (last.size === 0) return [];
  return letters.filter(({ settled, number, channel }) => !settled && number < (last.get(channel) ?? -1));
}
