import { PassThrough, Readable } from "node:stream";
import { expect, it } from "vitest";
import { main } from "./main.ts";

async function run(
  ...argv: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await main(argv, {
    stdin: Readable.from([]),
    stdout,
    stderr,
    stderrIsTerminal: false,
    env: {},
    onSignal: () => () => {},
    quit: () => {},
  });
  return { code, out: String(stdout.read() ?? ""), err: String(stderr.read() ?? "") };
}

it.each([["--help"], ["-h"], ["help"]])("prints the help for %s on stdout", async (argument) => {
  expect(await run(argument)).toMatchObject({
    code: 0,
    out: expect.stringContaining("trunkline COMMAND --help"),
    err: "",
  });
});

it.each(["start", "publish", "tail"])(
  "documents every flag of %s, with examples, however it is asked",
  async (command) => {
    const { code, out } = await run(command, "--help");
    expect(code).toBe(0);
    expect(out).toMatch(/Usage:[^]*Flags:[^]*--api-key[^]*Examples:\n {2}\S/);
    expect((await run("help", command)).out).toBe(out);
    expect((await run(command, "--nonsense", "-h")).out).toBe(out);
  },
);

it("sends the help to stderr and fails when no command is given", async () => {
  expect(await run()).toMatchObject({ code: 2, out: "", err: expect.stringContaining("Usage:") });
});

it.each([
  [["tial"], "trunkline: unknown command tial; did you mean tail?"],
  [["deploy"], "trunkline: unknown command deploy; expected one of start, publish, tail"],
  [["--verbose"], "trunkline: unknown flag --verbose; expected one of start, publish, tail"],
  [["tail", "--evnt", "x"], "trunkline tail: unknown flag --evnt; did you mean --event?"],
])("refuses %j with exit code 2", async (argv, message) => {
  expect(await run(...argv)).toMatchObject({ code: 2, out: "", err: expect.stringContaining(message) });
});
