import { readFile } from "node:fs/promises";
import { UsageError } from "@trunkline/core/errors";
import { signToken } from "@trunkline/gateway";
import { defineCommand } from "../command.ts";
import { ExitCode } from "../exit-codes.ts";

/** In seconds. */
const expiresInDefault = 900;

export const token = defineCommand({
  name: "token",
  summary: "make a token that lets a browser or a device in",
  usage:
    "SUBJECT [--account ACCOUNT] [--channel NAME] … [--listen PATTERN] … [--publish PATTERN] … [--attend PATTERN] …",
  details: [
    "Signs with TRUNKLINE_TOKEN_SECRET, or with what a file holds; a gateway that knows the same secret, or the public half of the key,",
    "takes it. The token goes to stdout, and nothing else does. Other users of a machine can read arguments, so the secret",
    "is never one of them.",
  ].join("\n"),
  flags: {
    account: { type: "string", value: "ACCOUNT", help: "account of the subject (default: the gateway's)" },
    channel: { type: "string", multiple: true, value: "NAME", help: "channel it is on by itself" },
    listen: {
      type: "string",
      multiple: true,
      value: "PATTERN",
      help: "channels it may subscribe to; * at the end: any rest",
    },
    publish: { type: "string", multiple: true, value: "PATTERN", help: "channels it may publish to, likewise" },
    attend: { type: "string", multiple: true, value: "PATTERN", help: "channels it may be a member of, likewise" },
    scope: { type: "string", value: "SCOPE", help: "part of the account it belongs to, such as organization.1234" },
    "expires-in": {
      type: "string",
      value: "SECONDS",
      help: `how long it is good for (default ${expiresInDefault})`,
    },
    issuer: { type: "string", value: "NAME", help: "who issues it (iss)" },
    audience: { type: "string", multiple: true, value: "NAME", help: "whom it is for (aud)" },
    "secret-file": {
      type: "string",
      value: "FILE",
      help: "holds the secret, at least 32 bytes, without its last newline",
    },
    "private-key-file": { type: "string", value: "FILE", help: "holds a private key as PEM" },
    "key-id": { type: "string", value: "ID", help: "which key of a set it is (kid)" },
  },
  examples: [
    "export TRUNKLINE_TOKEN_SECRET=$(openssl rand -hex 32)",
    "trunkline start                                  # takes tokens of that secret",
    "trunkline token ada --channel user.ada --listen 'news.*' --expires-in 3600",
    "trunkline token sensor-7 --account acme --publish sensors.7 --private-key-file key.pem --key-id 2026-01",
  ],
  async run({ flags, positionals }, io, output) {
    const [subject, ...more] = positionals;
    if (subject === undefined) throw bad("expected who it is for: trunkline token SUBJECT");
    if (more.length > 0) throw bad(`expected one subject, got ${positionals.length} arguments`);
    const { account, scope, issuer } = flags;
    const claims = {
      sub: subject,
      ...(account !== undefined && { account }),
      ...(flags.channel.length > 0 && { channels: flags.channel }),
      ...(flags.listen.length > 0 && { listen: flags.listen }),
      ...(flags.publish.length > 0 && { publish: flags.publish }),
      ...(flags.attend.length > 0 && { attend: flags.attend }),
      ...(scope !== undefined && { scope }),
    };
    const key = await keyOf(flags["secret-file"], flags["private-key-file"], io.env["TRUNKLINE_TOKEN_SECRET"]);
    const signed = await signToken(claims, {
      ...key,
      expiresInSeconds: secondsOf(flags["expires-in"]),
      ...(issuer !== undefined && { issuer }),
      ...(flags.audience.length > 0 && { audience: flags.audience }),
      ...(flags["key-id"] !== undefined && { keyId: flags["key-id"] }),
    });
    output.print(signed);
    return ExitCode.ok;
  },
});

async function keyOf(
  secretFile: string | undefined,
  privateKeyFile: string | undefined,
  secret: string | undefined,
): Promise<{ readonly secret: string } | { readonly privateKey: string }> {
  if (secretFile !== undefined && privateKeyFile !== undefined)
    throw bad("expected one of --secret-file and --private-key-file, got both");
  if (privateKeyFile !== undefined) return { privateKey: await textOf("--private-key-file", privateKeyFile) };
  if (secretFile !== undefined) return { secret: (await textOf("--secret-file", secretFile)).replace(/\r?\n$/, "") };
  if (secret !== undefined && secret !== "") return { secret };
  throw bad("expected a key: set TRUNKLINE_TOKEN_SECRET, or give --secret-file FILE or --private-key-file FILE");
}

async function textOf(flag: string, file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const { code } = cause as { readonly code?: string };
    throw new UsageError("usage.bad-argument", `${flag}: ${file} can't be read (${code ?? "unknown"})`, { cause });
  }
}

function secondsOf(given: string | undefined): number {
  if (given === undefined) return expiresInDefault;
  const seconds = /^\d{1,10}$/.test(given) ? Number(given) : 0;
  if (seconds > 0) return seconds;
  throw bad(`--expires-in: expected a number of seconds > 0, got ${JSON.stringify(given)}`);
}

function bad(message: string): UsageError {
  return new UsageError("usage.bad-argument", message);
}
