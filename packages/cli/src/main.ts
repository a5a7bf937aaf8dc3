import { TrunklineError } from "@trunkline/core/errors";
import { version } from "@trunkline/core/wire";
import { type Command, columns } from "./command.ts";
import { publish } from "./commands/publish.ts";
import { start } from "./commands/start.ts";
import { tail } from "./commands/tail.ts";
import { token } from "./commands/token.ts";
import { ExitCode } from "./exit-codes.ts";
import { nearest } from "@trunkline/core/nearest";
import { createOutput, type Io, type Output, processIo } from "./output.ts";

const commands: readonly Command[] = [start, publish, tail, token];

const help = [
  "trunkline: one shared line for everything live in an app",
  "",
  "Usage: trunkline COMMAND [flags]",
  "",
  "Commands:",
  ...columns(commands.map((command) => [command.name, command.summary])),
  "",
  "`trunkline COMMAND --help` says more; `trunkline --version` prints the version.",
  "TRUNKLINE_URL and TRUNKLINE_API_KEY stand in for --url and --api-key; other users of a machine can read arguments.",
  "",
  "Examples:",
  "  export TRUNKLINE_API_KEY=$(openssl rand -hex 16)",
  "  trunkline start                                  # a gateway on http://127.0.0.1:7777",
  "  trunkline tail                                   # in a second terminal: what happens there",
  `  trunkline publish greeting '{"text":"hello"}'    # in a third`,
  "",
  "Exit codes: 0 ok, 1 failed, 2 usage.",
].join("\n");

/** Runs `trunkline` with the arguments after the command's name; resolves with the code to exit with, and never rejects. */
export async function main(argv: readonly string[], io: Io = processIo()): Promise<ExitCode> {
  const output = createOutput(io);
  const [name, ...rest] = argv;
  const command = commands.find((candidate) => candidate.name === name);
  try {
    if (command === undefined) return withoutCommand(name, rest, output);
    const end = rest.indexOf("--");
    if (rest.slice(0, end === -1 ? undefined : end).some((argument) => argument === "--help" || argument === "-h")) {
      output.print(command.help);
      return ExitCode.ok;
    }
    return await command.run(rest, io, output);
  } catch (error) {
    const where = command === undefined ? "trunkline" : `trunkline ${command.name}`;
    output.note(`${where}: ${error instanceof Error ? error.message : String(error)}`);
    const usage = error instanceof TrunklineError && error.code.startsWith("usage.");
    if (usage) output.note(`\`${where} --help\` shows what it takes`);
    return usage ? ExitCode.usage : ExitCode.failed;
  }
}

function withoutCommand(name: string | undefined, rest: readonly string[], output: Output): ExitCode {
  switch (name) {
    case "--help":
    case "-h":
    case "help": {
      const topic = commands.find((command) => command.name === rest[0]);
      output.print(topic === undefined ? help : topic.help);
      return ExitCode.ok;
    }
    case "--version":
    case "-v":
      output.print(version);
      return ExitCode.ok;
    case undefined:
      output.note(help);
      return ExitCode.usage;
    default: {
      const names = commands.map((command) => command.name);
      const near = name.startsWith("-") ? null : nearest(name, names);
      const hint = near === null ? `expected one of ${names.join(", ")}` : `did you mean ${near}?`;
      output.note(`trunkline: unknown ${name.startsWith("-") ? "flag" : "command"} ${name}; ${hint}`);
      return ExitCode.usage;
    }
  }
}
