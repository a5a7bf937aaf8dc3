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

it("says that one is lost when too many wait for it", () => {
  const inbox = new Inbox();
  for (let number = 2; number < 66; number++) expect(inbox.take(number, "")).toEqual([]);
  expect(inbox.waits).toBe(true);
  expect(inbox.take(66, "")).toBe(null);
  expect(inbox.take(1, "")).toHaveLength(65);
});
