// A misspelt option must not pass for one that was left out.
import { nearest } from "@trunkline/core/nearest";

/** What is wrong with the names of `options`, one line each. `names`: those that there are; `hints`: what to say about some that there are not. */
export function unknownOptions(
  options: object,
  names: readonly string[],
  prefix = "",
  hints: Readonly<Record<string, string>> = {},
): readonly string[] {
  return Object.keys(options)
    .filter((name) => !names.includes(name))
    .map((name) => {
      const near = nearest(name, names);
      const known = Object.hasOwn(hints, name) ? hints[name] : undefined;
      if (known !== undefined) return `unknown option ${prefix}${name}; ${known}`;
      const hint = near === null ? `expected one of ${names.join(", ")}` : `did you mean ${prefix}${near}?`;
      return `unknown option ${prefix}${name}; ${hint}`;
    });
}
