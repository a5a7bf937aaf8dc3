/** A line without its line break, and its number from 1. `null`: longer than allowed, and left out. */
export interface Line {
  readonly number: number;
  readonly text: string | null;
}

/** Longest line that is kept, in UTF-16 units: what a publish may carry and more. */
const maxLineLength = 1024 * 1024;

/**
 * Splits a byte stream into lines at LF or CRLF; what follows the last break counts when it is not empty. Yields what
 * each chunk completes, so that memory is bounded by one chunk and one line, and the source waits while its reader works.
 */
export async function* readLines(
  source: AsyncIterable<Uint8Array | string>,
  maxLength = maxLineLength,
): AsyncGenerator<readonly Line[]> {
  const decoder = new TextDecoder();
  let number = 0;
  let rest = "";
  let tooLong = false;
  const finish = (text: string): Line => {
    number++;
    const line = { number, text: tooLong || text.length > maxLength ? null : text };
    tooLong = false;
    return line;
  };
  for await (const chunk of source) {
    const pieces = (typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true })).split("\n");
    const last = pieces.pop() ?? "";
    const lines = pieces.map((piece) => {
      const line = finish((rest + piece).replace(/\r$/, ""));
      rest = "";
      return line;
    });
    rest += last;
    if (rest.length > maxLength) [rest, tooLong] = ["", true];
    if (lines.length > 0) yield lines;
  }
  rest += decoder.decode();
  if (rest !== "" || tooLong) yield [finish(rest)];
}

/** Groups items, in order, into batches of at most `maxItems` and `maxBytes`; an item larger than that goes alone. */
export function packBatches<Item>(
  items: readonly Item[],
  sizeOf: (item: Item) => number,
  maxItems: number,
  maxBytes: number,
): readonly (readonly Item[])[] {
  const batches: Item[][] = [];
  let batch: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = sizeOf(item);
    if (batch.length > 0 && (batch.length === maxItems || bytes + size > maxBytes)) {
      batches.push(batch);
      [batch, bytes] = [[], 0];
    }
    batch.push(item);
    bytes += size;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
