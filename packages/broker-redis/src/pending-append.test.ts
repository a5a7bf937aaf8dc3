import type { Append } from "@trunkline/core/ports";
import { expect, it } from "vitest";
import { type PendingAppend, addBatch, readAnswers } from "./pending-append.ts";

const pending = (append: Append, dedupeKey: string | null = null): PendingAppend => ({
  append,
  tag: 7,
  dedupeKey,
  acceptedAt: 10,
  resolve() {},
  reject() {},
});

it("a batch is one input: keys, head, number of fixed keys, then each append by its kind", () => {
  const input: (string | number)[] = [2, "log", "meta"];
  const batch = [
    pending({ body: "1" }),
    pending({ body: "2", state: { key: "k", deleted: false } }),
    pending({ body: "3", state: { key: "k", deleted: true }, retryMs: 5 }, "d1"),
    pending({ body: "4" }, "d2"),
  ];
  addBatch(input, ["source", "run"], batch, 12.5);
  const digest = expect.stringMatching(/^[\w+/]{43}=$/) as unknown;
  expect(input.slice(0, 8)).toEqual([4, "log", "meta", "d1", "d2", "source", "run", 2]);
  const appends = [
    ["l", 7, "1"],
    ["s", 7, "2", "k"],
    ["xd", 7, "3", "k", digest, 7],
    ["ld", 7, "4", digest, -1],
  ];
  expect(input.slice(8)).toEqual(appends.flat());
});

it("the answer is read append by append; anything else is none", () => {
  expect(readAnswers(["b", 1, 3, "35", 2, 1, "36", 3, 0, "1", 4, 0, "1", 5, 0, "1"], 5)).toEqual({
    birth: "b",
    answers: [
      { kind: "appended", offset: 3, tag: 35 },
      { kind: "duplicate", offset: 1, tag: 36 },
      { kind: "conflict" },
      { kind: "unknown" },
      { kind: "tooMany" },
    ],
  });
  expect(readAnswers([], 1)).toBeNull();
  expect(readAnswers(["b", 1, 3], 1)).toBeNull();
  expect(readAnswers("OK", 1)).toBeNull();
});
