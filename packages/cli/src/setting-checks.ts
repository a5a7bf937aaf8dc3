// What a setting of a config file may be. Each check says what is wrong, and where it stands, never what stands there: it may be a key.
import { nearest } from "@trunkline/core/nearest";

/** What is wrong with a setting, beginning with its path, or null. */
export type Check = (value: unknown, path: string) => string | null;

/** `what`: "a non-empty string". */
export function expected(what: string, fits: (value: unknown) => boolean): Check {
  return (value, path) => (fits(value) ? null : mismatch(path, what, value));
}

export const text = expected("a non-empty string", isText);
export const texts = expected(
  "an array of non-empty strings",
  (value) => Array.isArray(value) && value.every((item) => isText(item)),
);
export const whole = expected(
  "a whole number, 0 or more",
  (value) => Number.isSafeInteger(value) && Number(value) >= 0,
);
export const action = expected("a function (which an .mjs file can hold)", isFunction);
export const actions = expected(
  "a function or an array of functions (which an .mjs file can hold)",
  (value) => isFunction(value) || (Array.isArray(value) && value.every((item) => isFunction(item))),
);

/** An object of no other keys. */
export function shape(fields: Readonly<Record<string, Check>>): Check {
  return (value, path) => {
    if (!isObject(value)) return mismatch(path, `an object of ${Object.keys(fields).join(", ")}`, value);
    return keysProblem(value, fields, path);
  };
}

/** One of `words`, such as true, or an object of no other keys than `fields`. */
export function wordOrShape(words: readonly boolean[], fields: Readonly<Record<string, Check>>): Check {
  return (value, path) => {
    if (isObject(value)) return keysProblem(value, fields, path);
    if (words.some((word) => word === value)) return null;
    return mismatch(path, `${words.join(", ")} or an object of ${Object.keys(fields).join(", ")}`, value);
  };
}

/** The first thing wrong with the keys of `value`. `path`: "" for the whole file. */
export function keysProblem(
  value: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, Check>>,
  path: string,
): string | null {
  const known = Object.keys(fields);
  const begin = path === "" ? "" : `${path}.`;
  for (const [key, setting] of Object.entries(value)) {
    const check = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (check === undefined) {
      const near = nearest(key, known);
      const hint = near === null ? `expected one of ${known.join(", ")}` : `did you mean "${begin}${near}"?`;
      return `unknown key ${JSON.stringify(`${begin}${key}`)}; ${hint}`;
    }
    const problem = check(setting, `${begin}${key}`);
    if (problem !== null) return problem;
  }
  return null;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (value === "") return "an empty string";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function mismatch(path: string, what: string, value: unknown): string {
  return `${path}: expected ${what}, got ${kindOf(value)}`;
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}
