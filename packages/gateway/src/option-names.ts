// A misspelt option must not pass for one that was left out.
import { nearest } from "@trunkline/core/nearest";

/** What is wrong with the names of `options`, one line each. `names`: those that there are. */
export function unknownOptions(options: object, names: readonly string[], prefix = ""): readonly string[] {
  return Object.keys(options)
    .filter((name) => !names.includes(name))
    .map((name) => {
      const near = nearest(name, names);
      const hint = near === null ? `expected one of ${names.join(", ")}` : `did you mean ${prefix}${near}?`;
      return `unknown option ${prefix}${name}; ${hint}`;
    });
}
