import { expect, it } from "vitest";
import { nearest } from "./nearest.ts";

const commands = ["start", "publish", "tail"];

it.each([
  ["strat", "start"],
  ["pub", "publish"],
  ["tial", "tail"],
  ["pulbish", "publish"],
])("takes %s for %s", (word, meant) => {
  expect(nearest(word, commands)).toBe(meant);
});

it("says nothing when nothing is near", () => {
  expect(nearest("serve-everything", commands)).toBeNull();
});
