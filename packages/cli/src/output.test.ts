import { PassThrough, Readable, Writable } from "node:stream";
import { expect, it } from "vitest";
import { createOutput, type Io } from "./output.ts";

function io(stdout: Writable, stderr: Writable = new PassThrough()): Io {
  return {
    stdin: Readable.from([]),
    stdout,
    stderr,
    stderrIsTerminal: false,
    env: {},
    onSignal: () => () => {},
    quit: () => {},
  };
}

it("keeps what was asked for and what is said to a person apart", () => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const output = createOutput(io(stdout, stderr));
  output.print("data");
  output.note("note");
  expect([String(stdout.read()), String(stderr.read())]).toEqual(["data\n", "note\n"]);
});

it("tells once when the reader of stdout has gone, also to those who ask later, and writes no more", async () => {
  let writes = 0;
  const broken = new Writable({
    write(_chunk, _encoding, done) {
      writes++;
      done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    },
  });
  const output = createOutput(io(broken));
  const told: string[] = [];
  const gone = new Promise<void>((resolve) =>
    output.onClosed(() => {
      told.push("first");
      resolve();
    }),
  );
  output.print("a");
  await gone;
  output.print("b");
  output.onClosed(() => told.push("later"));
  expect(told).toEqual(["first", "later"]);
  expect(output.open).toBe(false);
  expect(writes).toBe(1);
});
