import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { endCommands, type Running, trunkline } from "../support/command.ts";
import { createGateway } from "@trunkline/gateway";

const key = "hunter2-secret";
const publicKey = "hunter2-public";
const server = createServer((request, response) => {
  if (!gateway.handle(request, response)) response.writeHead(404).end();
});
const gateway = createGateway({
  secretKeys: [{ key, account: "acme" }],
  publicKeys: [{ key: publicKey, channel: "news", account: "acme" }],
  authorize: ({ principal }) => principal.kind === "secret",
});
let url: string;

beforeAll(async () => {
  gateway.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(endCommands);
afterAll(async () => {
  await gateway.close({ drainMs: 0 });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  return trunkline(args, { TRUNKLINE_URL: url, TRUNKLINE_API_KEY: key, ...env });
}
async function listening(...args: readonly string[]): Promise<Running> {
  const tail = run(["tail", ...args]);
  await tail.until(/listening/, "stderr");
  return tail;
}
function jsonLines(text: string): readonly unknown[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as unknown);
}

it("brings a published event to tail as one line of exactly its fields, and the receipt to the publisher", async () => {
  const tail = await listening();
  const publish = run(["publish", "post.created", '{"id":1,"title":"Hällo"}', "--id", "retry-1"]);
  expect(await publish.exited).toBe(0);
  const receipt = JSON.parse(publish.stdout) as { readonly offset: number };
  expect(Object.keys(receipt)).toEqual(["stream", "offset", "epoch"]);
  await tail.until(/\n/);
  tail.kill("SIGINT");
  expect(await tail.exited).toBe(0);
  const event = JSON.parse(tail.stdout) as object;
  expect(Object.keys(event)).toEqual(["event", "data", "stream", "offset", "id", "time"]);
  expect(event).toEqual({
    event: "post.created",
    data: { id: 1, title: "Hällo" },
    stream: "account.acme",
    offset: receipt.offset,
    id: "retry-1",
    time: expect.any(Number),
  });
  expect(tail.stderr + publish.stderr).not.toContain("hunter2");
});

it("publishes one event per line of stdin, in order, and names the bad lines", async () => {
  const tail = await listening("--event", "line");
  const publish = run(["publish", "line", "-"]);
  const numbers = Array.from({ length: 3000 }, (_, index) => index + 1);
  publish.end(numbers.map((number) => (number === 7 ? "{broken" : number === 9 ? "" : `${number}`)).join("\n"));
  expect(await publish.exited).toBe(1);
  const sent = numbers.filter((number) => number !== 7 && number !== 9);
  expect(jsonLines(publish.stdout)).toHaveLength(sent.length);
  expect(publish.stderr).toBe('trunkline publish: line 7: expected JSON, got "b" at position 2\n');
  await tail.until(/"data":3000,/);
  expect(jsonLines(tail.stdout).map((event) => (event as { readonly data: unknown }).data)).toEqual(sent);
});

it("publishes a line as soon as it is there, and exits 0 when all were good", async () => {
  const publish = run(["publish", "line", "-"]);
  publish.write('"first"\n');
  await publish.until(/\n/);
  publish.end('"second"');
  expect(await publish.exited).toBe(0);
  expect(jsonLines(publish.stdout)).toHaveLength(2);
});

it("shows only the asked events, by name and pattern, and only the asked channel", async () => {
  const tail = await listening("--event", "post.*", "--event", "done", "--channel", "ops");
  for (const [event, channel] of [
    ["post.created", "other"],
    ["post.deleted", "ops"],
    ["page.created", "ops"],
    ["done", "ops"],
  ] as const) {
    expect(await run(["publish", event, "--channel", channel]).exited).toBe(0);
  }
  await tail.until(/"done"/);
  expect(jsonLines(tail.stdout)).toMatchObject([
    { event: "post.deleted", stream: "ops" },
    { event: "done", stream: "ops" },
  ]);
});

it("ends quietly when the reader of its output has enough", async () => {
  const tail = await listening();
  await run(["publish", "one"]).exited;
  await tail.until(/\n/);
  tail.closeStdout();
  // The pipe is found broken by writing to it.
  await run(["publish", "two"]).exited;
  await run(["publish", "three"]).exited;
  expect(await tail.exited).toBe(0);
  expect(tail.stderr).not.toMatch(/EPIPE|at /);
});

it.each([
  [["publish", "a"], /401.*Check --api-key or TRUNKLINE_API_KEY/],
  [["tail"], /does not know[^]*check --api-key/],
])("explains a wrong key to %j and exits 1, without repeating it", async (args, message) => {
  const refused = run(args, { TRUNKLINE_API_KEY: "hunter2-wrong" });
  expect(await refused.exited).toBe(1);
  expect(refused.stderr).toMatch(message);
  expect(refused.stdout).toBe("");
  expect(refused.stderr).not.toContain("hunter2");
});

it("explains that a public key may only listen", async () => {
  const refused = run(["publish", "a"], { TRUNKLINE_API_KEY: publicKey });
  expect(await refused.exited).toBe(1);
  expect(refused.stderr).toMatch(/403.*secret key/);
});

it("explains a channel that may not be listened to", async () => {
  const refused = run(["tail", "--channel", "ops"], { TRUNKLINE_API_KEY: publicKey });
  expect(await refused.exited).toBe(1);
  expect(refused.stderr).toMatch(/ops.*may not listen/);
});

it("explains an id that was used for another event, and an event that is too large", async () => {
  expect(await run(["publish", "a", "1", "--id", "same"]).exited).toBe(0);
  const again = run(["publish", "a", "1", "--id", "same"]);
  expect(await again.exited).toBe(0);
  const conflict = run(["publish", "a", "2", "--id", "same"]);
  expect(await conflict.exited).toBe(1);
  expect(conflict.stderr).toMatch(/409.*another --id/);
  const large = run(["publish", "a", "-"]);
  large.end(`"${"x".repeat(300_000)}"\n1\n`);
  expect(await large.exited).toBe(1);
  expect(large.stderr).toMatch(/line 1: 413.*at most/);
  expect(jsonLines(large.stdout)).toHaveLength(1);
});

it("says where it tried when nothing answers", async () => {
  const unused = createServer();
  await new Promise<void>((resolve) => unused.listen(0, "127.0.0.1", resolve));
  const { port } = unused.address() as AddressInfo;
  await new Promise((resolve) => unused.close(resolve));
  const publish = run(["publish", "a", "--url", `http://127.0.0.1:${port}`]);
  expect(await publish.exited).toBe(1);
  expect(publish.stderr).toContain(`can't reach a gateway at http://127.0.0.1:${port} (ECONNREFUSED)`);
  const lines = run(["publish", "a", "-", "--url", `http://127.0.0.1:${port}`]);
  lines.end("1\n2\n");
  expect(await lines.exited).toBe(1);
  expect(lines.stderr).toMatch(/lines 1–2: can't reach.*not published/);
  const tail = run(["tail", "--url", `http://127.0.0.1:${port}`]);
  await tail.until(new RegExp(`still trying.*${port}`), "stderr");
  tail.kill("SIGINT");
  expect(await tail.exited).toBe(0);
});

it.each([
  [["publish"], "expected the name of an event"],
  [["publish", "a", "{b:1}"], 'JSON: expected JSON, got "b" at position 2'],
  [["publish", "a", "hello"], `a string needs its quotes: '"text"'`],
  [["publish", "status"], "event: expected a name that is not reserved"],
  [["publish", "a", "1", "2"], "quote the JSON"],
  [["publish", "a", "-", "--id", "x"], "--id names one event"],
  [["publish", "a", "--chanel", "x"], "unknown flag --chanel; did you mean --channel?"],
  [["publish", "a", "--api-key"], "--api-key needs a value"],
  [["publish", "a", "--url", "http://me:hunter2@localhost"], "--url: expected no user"],
  [["tail", "post.created"], "name events with --event"],
  [["tail", "--channel", "a*"], '--channel: expected no "*"'],
])("exits 2 on %j and says why", async (args, message) => {
  const wrong = run(args);
  expect(await wrong.exited).toBe(2);
  expect(wrong.stderr).toContain(message);
  expect(wrong.stdout).toBe("");
  expect(wrong.stderr).not.toContain("hunter2");
});

it("listens without a key where anyone may", async () => {
  const open = trunkline(["start", "--anonymous", "--port", "0", "--api-key", key]);
  const place = { TRUNKLINE_URL: (await open.until(/listens on (http\S+)/))[1] ?? "" };
  const tail = trunkline(["tail"], place);
  await tail.until(/listening/, "stderr");
  expect(await trunkline(["publish", "news"], { ...place, TRUNKLINE_API_KEY: key }).exited).toBe(0);
  await tail.until(/"event":"news"/);
});

it("asks for a key when none is given", async () => {
  const publish = run(["publish", "a"], { TRUNKLINE_API_KEY: "" });
  expect(await publish.exited).toBe(2);
  expect(publish.stderr).toMatch(/TRUNKLINE_API_KEY.*--api-key/);
});
