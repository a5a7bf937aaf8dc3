// Names of channels with `*` in them. Matched part by part instead of by a regular expression, so that no pattern takes long.
import { channelProblem } from "../wire/limits.ts";

/** Whether `name` stands for the channels that match it. */
export function isChannelPattern(name: string): boolean {
  return name.includes("*");
}

/** Why `pattern` can't be one, or null: what is around its stars has to be what channels can be named. */
export function channelPatternProblem(pattern: unknown): string | null {
  if (typeof pattern !== "string" || !isChannelPattern(pattern)) return channelProblem(pattern);
  // As long as it is, with a letter in the place of each star.
  return channelProblem(pattern.replaceAll("*", "x"));
}

/**
 * Whether a channel is meant by `pattern`: `*` stands for any number of characters, none too, but never for ";"; everything else
 * for itself. The whole name has to match: `score:*` means "score:1", not "xscore:1".
 */
export function channelMatcher(pattern: string): (channel: string) => boolean {
  const parts = pattern.split(";").map((part) => part.split("*"));
  return (channel) => {
    const given = channel.split(";");
    return given.length === parts.length && parts.every((pieces, index) => isMadeOf(given[index] as string, pieces));
  };
}

/** Whether `text` is `pieces` in their order, the first at its beginning, the last at its end, and anything between. */
function isMadeOf(text: string, pieces: readonly string[]): boolean {
  const first = pieces[0] as string;
  if (pieces.length === 1) return text === first;
  const last = pieces.at(-1) as string;
  const end = text.length - last.length;
  if (!text.startsWith(first) || !text.endsWith(last) || end < first.length) return false;
  // Each piece as early as it can be leaves the most to those behind it.
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at);
    if (found === -1 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}
