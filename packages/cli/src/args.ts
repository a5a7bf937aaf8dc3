// Flags on top of node:util's tokens: unknown ones are named with the nearest known one, values are never repeated in a
// message, since one of them may be a key.
import { parseArgs } from "node:util";
import { UsageError } from "@trunkline/core/errors";
import { nearest } from "@trunkline/core/nearest";

/** One flag; its long name is its key in `Flags`. */
interface Flag {
  readonly type: "string" | "boolean";
  /** Given more than once, all values count; else the last one does. */
  readonly multiple?: true;
  /** One letter. */
  readonly short?: string;
  /** How the value is called in the help. */
  readonly value?: string;
  readonly help: string;
}
export type Flags = Readonly<Record<string, Flag>>;

type ValueOf<F extends Flag> = F extends { readonly type: "boolean" }
  ? boolean
  : F extends { readonly multiple: true }
    ? readonly string[]
    : string | undefined;

export interface Args<F extends Flags> {
  readonly flags: { readonly [Name in keyof F]: ValueOf<F[Name]> };
  readonly positionals: readonly string[];
}

/** @throws {UsageError} `usage.bad-argument` for an unknown flag, a missing value or a value that is not wanted. */
export function parseFlags<const F extends Flags>(argv: readonly string[], flags: F): Args<F> {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [
      name,
      { type: flag.type, ...(flag.short === undefined ? {} : { short: flag.short }) },
    ]),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  const values: Record<string, boolean | string | string[] | undefined> = {};
  for (const [name, flag] of Object.entries(flags)) {
    values[name] = flag.type === "boolean" ? false : flag.multiple === true ? [] : undefined;
  }
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    if (flag === undefined) throw unknownFlag(token.rawName, flags);
    if (flag.type === "boolean") {
      if (token.value !== undefined) throw bad(`${token.rawName} takes no value: write ${token.rawName} alone`);
      values[token.name] = true;
      continue;
    }
    const missing =
      token.value === undefined || (!token.inlineValue && token.value.startsWith("-") && token.value !== "-");
    if (missing) throw bad(`${token.rawName} needs a value: ${token.rawName} ${flag.value ?? "VALUE"}`);
    const list = values[token.name];
    if (Array.isArray(list)) list.push(token.value);
    else values[token.name] = token.value;
  }
  return { flags: values as Args<F>["flags"], positionals };
}

function unknownFlag(rawName: string, flags: Flags): UsageError {
  const near = rawName.startsWith("--") ? nearest(rawName.slice(2), Object.keys(flags)) : null;
  const hint = near === null ? "" : `; did you mean --${near}?`;
  return bad(`unknown flag ${rawName}${hint}`);
}

function bad(message: string): UsageError {
  return new UsageError("usage.bad-argument", message);
}
