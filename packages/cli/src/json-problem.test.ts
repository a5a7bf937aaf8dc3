import fc from "fast-check";
import { expect, it } from "vitest";
import { lineAndColumn, readJson } from "./json-problem.ts";

it("reads what is JSON", () => {
  expect(readJson(' {"a":[1,-2.5e3,true,null,"\\u00e4"]} ')).toEqual({
    kind: "value",
    value: { a: [1, -2500, true, null, "ä"] },
  });
});

it.each([
  ["", "expected a JSON value, got the end at position 1"],
  ["  ", "expected a JSON value, got the end at position 3"],
  ["hello", 'expected JSON, got "h" at position 1'],
  ["{a:1}", 'expected JSON, got "a" at position 2'],
  ['{"a":1,}', 'expected JSON, got "}" at position 8'],
  ['{"a" 1}', 'expected JSON, got "1" at position 6'],
  ["[1,2", "expected JSON, got the end at position 5"],
  ["[1,]", 'expected JSON, got "]" at position 4'],
  ["[1 2]", 'expected JSON, got "2" at position 4'],
  ["01", 'expected JSON, got "1" at position 2'],
  ["1 😀", 'expected JSON, got "😀" at position 3'],
  ['"open', "expected JSON, got the end at position 6"],
  ['"a\\x"', 'expected JSON, got "\\\\" at position 3'],
  ['"tab\there"', 'expected JSON, got "\\t" at position 5'],
  ["[}", 'expected JSON, got "}" at position 2'],
])("says where %j stops being JSON", (text, message) => {
  expect(readJson(text)).toMatchObject({ kind: "problem", message });
});

it("names a place inside the text, or its end, for any text at all", () => {
  const jsonLike = fc
    .array(fc.constantFrom("{", "}", "[", "]", ",", ":", '"', "\\", "a", "1", "-", ".", "e", "true", " ", "\n"))
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(fc.string(), jsonLike), (text) => {
      const result = readJson(text);
      if (result.kind === "value") return;
      expect(result.index).toBeGreaterThanOrEqual(0);
      expect(result.index).toBeLessThanOrEqual(text.length);
      // The place is right: nothing before it can be wrong, so cutting there leaves the same place or one at the end.
      const cut = readJson(text.slice(0, result.index));
      if (cut.kind === "problem") expect(cut.index).toBeLessThanOrEqual(result.index);
    }),
  );
});

it("is not troubled by deep nesting", () => {
  expect(readJson("[".repeat(200_000))).toMatchObject({ kind: "problem", index: 200_000 });
});

it("counts lines and columns from 1", () => {
  expect([lineAndColumn("ab\ncd", 0), lineAndColumn("ab\ncd", 3), lineAndColumn("ab\ncd", 5)]).toEqual([
    "1:1",
    "2:1",
    "2:3",
  ]);
});
