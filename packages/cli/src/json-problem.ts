// Where a text stops being JSON. `JSON.parse` says so for some mistakes only, and repeats the text, which may hold a secret.

/** What a text holds, or what is wrong with it and where. */
export type JsonResult =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "problem"; readonly message: string; readonly index: number };

/** Total: any text gets an answer. `message` reads "expected …, got … at position N". */
export function readJson(text: string): JsonResult {
  try {
    return { kind: "value", value: JSON.parse(text) };
  } catch {
    const index = firstBadIndex(text);
    const char = text.codePointAt(index);
    const got = char === undefined ? "the end" : JSON.stringify(String.fromCodePoint(char));
    const expected = text.trim() === "" ? "a JSON value" : "JSON";
    return { kind: "problem", message: `expected ${expected}, got ${got} at position ${index + 1}`, index };
  }
}

/** "line:column" of an index, both from 1. */
export function lineAndColumn(text: string, index: number): string {
  const before = text.slice(0, index);
  return `${before.split("\n").length}:${index - before.lastIndexOf("\n")}`;
}

const space = /[ \t\n\r]*/y;
const scalar = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// An open quote, then characters and escapes; the closing quote is read apart, so that a bad character inside is found.
const string = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;

/** Index of the first character that can't belong to JSON text; the length when text is missing at the end. */
function firstBadIndex(text: string): number {
  let at = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at += found[0].length;
    return found !== null;
  };
  const stringEnds = (): boolean => {
    if (!skip(string) || text[at] !== '"') return false;
    at++;
    return true;
  };
  /** What is open around the current place: "]" or "}" closes it. A list, not recursion: nesting has no limit. */
  const open: string[] = [];
  let expecting: "value" | "value or ]" | "key" | "key or }" | "next" = "value";
  for (;;) {
    skip(space);
    const char = text[at];
    if (expecting === "next") {
      const closer = open.at(-1);
      if (closer === undefined || (char !== "," && char !== closer)) return at;
      at++;
      if (char === ",") expecting = closer === "]" ? "value" : "key";
      else open.pop();
    } else if (expecting === "key" || expecting === "key or }") {
      if (char === "}" && expecting === "key or }") {
        at++;
        open.pop();
        expecting = "next";
        continue;
      }
      if (!stringEnds()) return at;
      skip(space);
      if (text[at] !== ":") return at;
      at++;
      expecting = "value";
    } else if (char === "]" && expecting === "value or ]") {
      at++;
      open.pop();
      expecting = "next";
    } else if (char === "{" || char === "[") {
      at++;
      open.push(char === "{" ? "}" : "]");
      expecting = char === "{" ? "key or }" : "value or ]";
    } else {
      if (char === '"' ? !stringEnds() : !skip(scalar)) return at;
      expecting = "next";
    }
  }
}
