import { expect, it } from "vitest";
import { type Line, packBatches, readLines } from "./line-reader.ts";

async function* chunks(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<string | Uint8Array> {
  yield* parts;
}
async function linesOf(parts: readonly (string | Uint8Array)[], maxLength?: number): Promise<readonly Line[]> {
  const lines: Line[] = [];
  for await (const some of readLines(chunks(...parts), maxLength)) lines.push(...some);
  return lines;
}

it("numbers lines from 1, over chunk borders, with either line break, and takes an unfinished last one", async () => {
  expect(await linesOf(["on", "e\ntwo\r", "\n\nfour"])).toEqual([
    { number: 1, text: "one" },
    { number: 2, text: "two" },
    { number: 3, text: "" },
    { number: 4, text: "four" },
  ]);
});

it("ends without a line when the input ends with a break, or is empty", async () => {
  expect(await linesOf(["one\n"])).toEqual([{ number: 1, text: "one" }]);
  expect(await linesOf([])).toEqual([]);
});

it("puts characters together that a chunk border parts", async () => {
  const bytes = new TextEncoder().encode('"😀"\n');
  expect(await linesOf([bytes.subarray(0, 3), bytes.subarray(3)])).toEqual([{ number: 1, text: '"😀"' }]);
});

it("leaves out a line that is too long, and only that one", async () => {
  expect(await linesOf(["aaaa", "aaaa", "a\nok\nbbbbbb\nfine\ncccc", "cc"], 5)).toEqual([
    { number: 1, text: null },
    { number: 2, text: "ok" },
    { number: 3, text: null },
    { number: 4, text: "fine" },
    { number: 5, text: null },
  ]);
});

it("reads no further while its reader is at work", async () => {
  let read = 0;
  async function* endless(): AsyncGenerator<string> {
    for (;;) yield `${++read}\n`;
  }
  const lines = readLines(endless());
  await lines.next();
  await lines.next();
  expect(read).toBe(2);
  await lines.return(undefined);
});

it("packs batches in order, up to a count and a size, a large item alone", () => {
  const pack = (items: readonly number[]): readonly (readonly number[])[] => packBatches(items, (item) => item, 3, 10);
  expect(pack([1, 1, 1, 1])).toEqual([[1, 1, 1], [1]]);
  expect(pack([6, 4, 1])).toEqual([[6, 4], [1]]);
  expect(pack([1, 50, 1])).toEqual([[1], [50], [1]]);
  expect(pack([])).toEqual([]);
});
