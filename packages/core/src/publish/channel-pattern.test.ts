import fc from "fast-check";
import { expect, it } from "vitest";
import { channelMatcher, channelPatternProblem, isChannelPattern } from "./channel-pattern.ts";

it.each<[pattern: string, yes: readonly string[], no: readonly string[]]>([
  ["score:*", ["score:1", "score:", "score:1:2"], ["xscore:1", "score", "score:1;2"]],
  ["*", ["a", "score:1"], ["a;b"]],
  ["*;*", ["a;b", ";"], ["ab", "a;b;c"]],
  ["scope:post;mutation:*", ["scope:post;mutation:list"], ["scope:post;mutation:list;user:1"]],
  ["a.b*", ["a.b", "a.bc"], ["axb", "axbc"]],
  ["[a]+(b)*$^|\\d", ["[a]+(b)c$^|\\d"], ["a+b$^|1", "aab"]],
  ["a*a", ["aa", "aba"], ["a"]],
  ["a*b*c", ["abc", "axbxbxc"], ["acb", "ab"]],
  ["**", ["", "x"], [";"]],
  ["a.b", ["a.b"], ["axb", "a.bc", "xa.b"]],
])('P-08 `*` stands for what has no ";" in it, all else for itself, the whole name: %s', (pattern, yes, no) => {
  const matches = channelMatcher(pattern);
  expect([...yes, ...no].filter(matches)).toEqual(yes);
});

it("matches what the regular expression would that it stands for", () => {
  const name = fc.string({ unit: fc.constantFrom("a", "b", ";", ".", "é"), maxLength: 12 });
  const pattern = fc.string({ unit: fc.constantFrom("a", "b", ";", ".", "*"), maxLength: 8 });
  fc.assert(
    fc.property(pattern, name, (given, channel) => {
      const source = given.replaceAll(".", "\\.").replaceAll("*", "[^;]*");
      expect(channelMatcher(given)(channel)).toBe(new RegExp(`^${source}$`, "u").test(channel));
    }),
    { numRuns: 2000 },
  );
});

it("takes no longer for a pattern of many stars", () => {
  // A regular expression would not come back from this.
  const matches = channelMatcher(`${"a*".repeat(200)}b`);
  expect(matches("a".repeat(512))).toBe(false);
});

it("knows what can't be a pattern", () => {
  expect(["score:*", "*", "*~"].map(channelPatternProblem)).toEqual([null, null, null]);
  expect(channelPatternProblem("~members/*")).toMatch(/reserved/);
  expect(channelPatternProblem(`${"x".repeat(512)}*`)).toMatch(/at most 512 bytes, got 513/);
  expect(channelPatternProblem("a\n*")).toMatch(/control/);
  expect(channelPatternProblem("")).toMatch(/non-empty/);
  expect(channelPatternProblem(7)).toMatch(/string/);
  expect([isChannelPattern("a*"), isChannelPattern("a")]).toEqual([true, false]);
});
