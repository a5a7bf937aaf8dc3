import { type Args, type Flags, parseFlags } from "./args.ts";
import type { ExitCode } from "./exit-codes.ts";
import type { Io, Output } from "./output.ts";

/** What a command is made of. */
export interface CommandParts<F extends Flags> {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** After `trunkline NAME`. */
  readonly usage: string;
  /** Paragraphs between usage and flags. */
  readonly details: string;
  readonly flags: F;
  readonly examples: readonly string[];
  run(args: Args<F>, io: Io, output: Output): Promise<ExitCode>;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly help: string;
  /** @throws {UsageError} when the arguments can't be right. */
  run(argv: readonly string[], io: Io, output: Output): Promise<ExitCode>;
}

export function defineCommand<const F extends Flags>(parts: CommandParts<F>): Command {
  return {
    name: parts.name,
    summary: parts.summary,
    help: helpOf(parts),
    run: async (argv, io, output) => parts.run(parseFlags(argv, parts.flags), io, output),
  };
}

function helpOf<F extends Flags>(parts: CommandParts<F>): string {
  const rows = Object.entries(parts.flags).map(([name, flag]) => [
    `--${name}${flag.type === "string" ? ` ${flag.value ?? "VALUE"}` : ""}`,
    `${flag.help}${flag.multiple === true ? " (repeatable)" : ""}`,
  ]);
  return [
    `trunkline ${parts.name}: ${parts.summary}`,
    "",
    `Usage: trunkline ${parts.name} ${parts.usage}`,
    "",
    parts.details,
    "",
    "Flags:",
    ...columns([...rows, ["--help", "show this text"]]),
    "",
    "Examples:",
    ...parts.examples.map((example) => `  ${example}`),
    "",
    "Exit codes: 0 ok, 1 failed, 2 usage.",
  ].join("\n");
}

/** Two columns, the first as wide as its widest entry. */
export function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const width = Math.max(...rows.map(([left = ""]) => left.length));
  return rows.map(([left = "", right = ""]) => `  ${left.padEnd(width)}  ${right}`);
}
