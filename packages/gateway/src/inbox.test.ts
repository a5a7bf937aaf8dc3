import fc from "fast-check";
import { expect, it } from "vitest";
import { Inbox } from "./inbox.ts";

it("hands out each frame once and in order, whatever order they come in", () => {
  const numbers = fc.integer({ min: 1, max: 60 }).chain((count) => {
    const all = Array.from({ length: count }, (_, index) => index + 1);
    const shuffled = fc.shuffledSubarray(all, { minLength: count });
    return fc.tuple(fc.constant(all), shuffled, fc.array(fc.constantFrom(...all)));
  });
  fc.assert(
    fc.property(numbers, ([all, shuffled, again]) => {
      const inbox = new Inbox();
      const taken = [...shuffled, ...again].flatMap((number) => inbox.take(number, String(number)) ?? []);
      expect(taken).toEqual(all.map(String));
      expect(inbox.waits).toBe(false);
    }),
  );
});

it("holds one frame of any size, and several that are small together", () => {
  const large = "x".repeat(100_000);
  const inbox = new Inbox();
  expect(inbox.take(2, large)).toEqual([]);
  expect(inbox.take(3, "y")).toBe(null);
  expect(inbox.take(1, "")).toEqual(["", large]);
  for (let number = 4; number < 10; number++) expect(inbox.take(number, "x".repeat(10_000))).toEqual([]);
  expect(inbox.take(10, "x".repeat(10_000))).toBe(null);
});

it("says that one is lost when too many wait for it", () => {
  const inbox = new Inbox();
  for (let number = 2; number < 66; number++) expect(inbox.take(number, "")).toEqual([]);
  expect(inbox.waits).toBe(true);
  expect(inbox.take(66, "")).toBe(null);
  expect(inbox.take(1, "")).toHaveLength(65);
});
