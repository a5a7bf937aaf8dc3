/** The candidate that `word` most likely meant: at most 2 edits away, or a third of its length; null when none is near. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const allowed = Math.max(2, Math.floor(word.length / 3));
  let best: string | null = null;
  let bestEdits = allowed + 1;
  for (const candidate of candidates) {
    const edits = candidate.startsWith(word) ? 1 : editsBetween(word, candidate);
    if (edits < bestEdits) [best, bestEdits] = [candidate, edits];
  }
  return best;
}

/** Levenshtein distance. */
function editsBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    let left = i;
    const next = [left];
    for (const [j, above] of row.slice(1).entries()) {
      const diagonal = row[j] ?? 0;
      left = Math.min(diagonal + (from[i - 1] === to[j] ? 0 : 1), above + 1, left + 1);
      next.push(left);
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
