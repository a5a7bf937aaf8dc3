import { expect, it } from "vitest";
import { Pace } from "./pace.ts";

it("§13.1 writes the first change at once, at most one per interval, and always the last", () => {
  const pace = new Pace<string>(1000);
  expect(pace.nextDue).toBe(Infinity);
  expect([pace.change("a", 0), pace.change("a", 10), pace.change("b", 500), pace.change("a", 999)]).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect([pace.nextDue, pace.due(999), pace.due(1000)]).toEqual([1000, [], ["a"]]);
  expect([pace.nextDue, pace.due(1500)]).toEqual([1500, []]);
  expect([pace.nextDue, pace.due(2000), pace.nextDue]).toEqual([2000, [], Infinity]);
  expect(pace.change("a", 2000)).toBe(true);
});
