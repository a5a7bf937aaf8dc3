import { expect, it } from "vitest";
import { eventFilter } from "./event-pattern.ts";

it.each([
  [[], "anything", true],
  [["post.created"], "post.created", true],
  [["post.created"], "post.created.twice", false],
  [["post.*"], "post.created", true],
  [["post.*"], "postXcreated", false],
  [["*.created"], "user.post.created", true],
  [["*"], "", true],
  [["a*b*c"], "a1b2c", true],
  [["a(b|c)"], "ab", false],
  [["user.*", "post.*"], "post.deleted", true],
  [["user.*", "post.*"], "page.deleted", false],
])("patterns %j on %j: %s", (patterns, event, matches) => {
  expect(eventFilter(patterns)(event)).toBe(matches);
});
