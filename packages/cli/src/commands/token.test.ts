import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { type JwtOptions, type RequestInfo, jwt } from "@trunkline/gateway";
import { afterAll, beforeAll, expect, it } from "vitest";
import { main } from "../main.ts";

const secret = "hunter2-".repeat(4);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "trunkline-token-"));
});
afterAll(async () => rm(folder, { recursive: true }));

async function run(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = { TRUNKLINE_TOKEN_SECRET: secret },
) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const io = {
    stdin: new PassThrough(),
    stdout,
    stderr,
    stderrIsTerminal: false,
    env,
    onSignal: () => () => {},
    quit() {},
  };
  const code = await main(["token", ...argv], io);
  stdout.end();
  stderr.end();
  return { code, out: await text(stdout), err: await text(stderr) };
}
const read = async (options: JwtOptions, token: string) =>
  jwt(options)({ token: token.trim(), request: {} as RequestInfo });

it("prints a token that the gateway takes, and nothing else", async () => {
  const argv = ["ada", "--account", "acme", "--channel", "user.ada", "--channel", "b", "--listen", "news.*"];
  const rest = [
    "--publish",
    "chat.*",
    "--attend",
    "room.*",
    "--scope",
    "organization.1",
    "--issuer",
    "me",
    "--audience",
    "live",
    "--expires-in",
    "60",
  ];
  const { code, out, err } = await run([...argv, ...rest]);
  expect([code, err]).toEqual([0, ""]);
  expect(out).toMatch(/^ey[\w-]+\.[\w-]+\.[\w-]+\n$/);
  expect(await read({ secret, issuer: "me", audience: "live" }, out)).toMatchObject({
    account: "acme",
    id: "ada",
    channels: ["user.ada", "b"],
    mayAttend: ["room.*"],
    mayListen: ["news.*"],
    mayPublish: ["chat.*"],
    scope: "organization.1",
  });
});

it("takes the secret or a private key from a file", async () => {
  const secretFile = join(folder, "secret");
  await writeFile(secretFile, `${secret}\n`);
  expect(await read({ secret }, (await run(["ada", "--secret-file", secretFile], {})).out)).toMatchObject({
    id: "ada",
  });
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const keyFile = join(folder, "key.pem");
  await writeFile(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }));
  const signed = await run(["ada", "--private-key-file", keyFile, "--key-id", "1"], {});
  expect(await read({ publicKey }, signed.out)).toMatchObject({ id: "ada" });
});

it.each<[string, readonly string[], Readonly<Record<string, string>>, RegExp]>([
  ["nobody to make it for", [], {}, /expected who it is for/],
  ["no key", ["ada"], {}, /TRUNKLINE_TOKEN_SECRET.*--secret-file.*--private-key-file/],
  ["a short secret", ["ada"], { TRUNKLINE_TOKEN_SECRET: "hunter2" }, /at least 32 bytes/],
  ["a file that is not there", ["ada", "--secret-file", "/nonexistent/x"], {}, /--secret-file: .*ENOENT/],
  [
    "a secret where arguments are seen",
    ["ada", "--secret", secret],
    {},
    /unknown flag --secret; did you mean --secret-file\?/,
  ],
  ["a bad time", ["ada", "--expires-in", "1h"], { TRUNKLINE_TOKEN_SECRET: secret }, /--expires-in: expected a number/],
  ["a bad channel", ["ada", "--channel", "a*"], { TRUNKLINE_TOKEN_SECRET: secret }, /channels\[0\]/],
])("%s: exit 2, nothing on stdout, and the secret nowhere", async (_, argv, env, problem) => {
  const { code, out, err } = await run(argv, env);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toMatch(problem);
  expect(err).not.toContain("hunter2");
});
