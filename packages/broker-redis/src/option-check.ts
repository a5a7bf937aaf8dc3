// Collects what is wrong with options, so that all of it is said at once.
import { UsageError } from "@trunkline/core/errors";

export class OptionCheck {
  readonly problems: string[] = [];

  /** `given` or the default; noted when it is no integer ≥ `least`. */
  whole(name: string, given: number | undefined, byDefault: number, least: number): number {
    const value = given ?? byDefault;
    if (!Number.isSafeInteger(value) || value < least)
      this.problems.push(`${name}: expected an integer ≥ ${least}, got ${value}`);
    return value;
  }

  /** What keys begin with. */
  prefix(given: string | undefined, byDefault: string): string {
    const value = given ?? byDefault;
    if (!/^[\w.:-]{1,64}$/.test(value))
      this.problems.push(`prefix: expected 1–64 letters, digits, "_", ".", ":" or "-", got ${JSON.stringify(value)}`);
    return value;
  }

  /** @param what whose options these are */
  error(what: string): UsageError {
    return new UsageError("usage.bad-option", `${what}: ${this.problems.join("; ")}`);
  }
}
