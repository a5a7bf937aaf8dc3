import { expect, it } from "vitest";
import { isTooDeep, maxDepth } from "./json-depth.ts";

const nested = (depth: number): string => `${'{"a":['.repeat(depth / 2)}${"]}".repeat(depth / 2)}`;

it("counts arrays and objects within each other, and not those beside each other or in strings", () => {
  expect(isTooDeep(nested(maxDepth))).toBe(false);
  expect(isTooDeep(nested(maxDepth + 2))).toBe(true);
  expect(isTooDeep(`[${"[],{},".repeat(5000)}1]`)).toBe(false);
  expect(isTooDeep(JSON.stringify(['"[{\\'.repeat(5000)]))).toBe(false);
  expect(isTooDeep(`["\\\\",${nested(maxDepth)}]`)).toBe(true);
  expect(isTooDeep("[".repeat(1_000_000) + "]".repeat(1_000_000))).toBe(true);
});
