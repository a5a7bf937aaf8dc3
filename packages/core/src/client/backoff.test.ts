import { expect, it } from "vitest";
import { type Backoff, exponential, geometric, schedule } from "./backoff.ts";

const first = (backoff: Backoff, count: number): number[] =>
  Array.from({ length: count }, (_, attempt) => backoff(attempt));

it("R-07 the seeds' three sequences", () => {
  expect(first(exponential({ baseSeconds: 5, maxExponent: 1 }), 4)).toEqual([1_000, 5_000, 5_000, 5_000]);
  const doubling = exponential({ baseSeconds: 2, maxExponent: 6, capSeconds: 60 });
  expect(first(doubling, 8).map((ms) => ms / 1000)).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  expect(first(geometric({ initialMs: 500, factor: 1.25 }), 4)).toEqual([500, 625, 781, 977]);
});

it("a schedule stays at its last ceiling, and an empty one at 0", () => {
  expect(first(schedule([10, 20]), 4)).toEqual([10, 20, 20, 20]);
  expect(schedule([])(3)).toBe(0);
});

it("a geometric back-off stops at its cap: 60 s by default", () => {
  expect(geometric({ initialMs: 500, factor: 2 })(1_000)).toBe(60_000);
  expect(geometric({ initialMs: 500, factor: 2, maxMs: 900 })(1)).toBe(900);
});
