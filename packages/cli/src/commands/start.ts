import { redisBroker, redisRegistry } from "@trunkline/broker-redis";
import { UsageError } from "@trunkline/core/errors";
import { publishPath, version } from "@trunkline/core/wire";
import { createGateway, jwt } from "@trunkline/gateway";
import { defineCommand } from "../command.ts";
import { loadConfig } from "../config-file.ts";
import { ExitCode } from "../exit-codes.ts";
import { createLineLogger, logLevels } from "../logger.ts";
import type { Io, Output } from "../output.ts";
import { createShutdown } from "../shutdown.ts";
import { resolveStart, startDefaults, type StartSettings } from "../start-settings.ts";

export const start = defineCommand({
  name: "start",
  summary: "run a gateway on its own",
  usage: "[--host HOST] [--port PORT] --api-key KEY[:ACCOUNT] … [--config FILE]",
  details: [
    "Runs until SIGINT or SIGTERM, then lets its connections leave and exits 0. Everything is kept in memory, unless",
    "--redis says where: then any number of gateways are one. A flag wins over the environment, the environment over the config",
    "file. Only loopback can connect unless --host says otherwise. TRUNKLINE_TOKEN_SECRET, or `jwt` in the config file, says which",
    "tokens are taken besides the keys; TRUNKLINE_PAGE_SECRET, or `pages`, lets visitors in by their page. The config file holds what",
    "these flags say, and anonymous, contract, history, jwt, listeners, pages, presence, raw and functions: the README lists them all.",
  ].join("\n"),
  flags: {
    host: { type: "string", value: "HOST", help: `address to listen on (HOST; default ${startDefaults.host})` },
    port: {
      type: "string",
      value: "PORT",
      help: `port to listen on, 0 for any free one (PORT; default ${startDefaults.port})`,
    },
    "api-key": {
      type: "string",
      multiple: true,
      value: "KEY[:ACCOUNT]",
      help: "secret key of an account; better in TRUNKLINE_API_KEY",
    },
    "public-key": {
      type: "string",
      multiple: true,
      value: "KEY:CHANNEL[@ACCOUNT]",
      help: "key for browsers: listens to one channel",
    },
    anonymous: { type: "boolean", help: "let anyone listen to account.default without a key" },
    origin: {
      type: "string",
      multiple: true,
      value: "URL",
      help: "origin whose pages may connect, besides the gateway's own",
    },
    redis: {
      type: "string",
      value: "URL",
      help: "where streams live: redis://HOST, redis://HOST,HOST (Cluster), redis+sentinel://HOST,HOST/NAME (REDIS_URL)",
    },
    config: { type: "string", value: "FILE", help: "settings from a .json file or the default export of an .mjs file" },
    "log-level": {
      type: "string",
      value: "LEVEL",
      help: `${logLevels.join(", ")} (default ${startDefaults.logLevel})`,
    },
  },
  examples: [
    "TRUNKLINE_API_KEY=$(openssl rand -hex 16) trunkline start",
    "trunkline start --port 8080 --api-key s3cret:acme --public-key browser:account.acme@acme",
    "REDIS_URL=redis://localhost trunkline start --config trunkline.config.json --log-level debug",
    'echo \'{"port":8080,"apiKeys":["s3cret:acme"],"origins":["https://app.example.com"]}\' > trunkline.config.json',
  ],
  async run({ flags, positionals }, io, output) {
    if (positionals.length > 0) throw bad(`expected flags only, got ${positionals.length} other argument(s)`);
    const file = flags.config === undefined ? {} : await loadConfig(flags.config);
    return serve(resolveStart(flags, io.env, file), io, output);
  },
});

/** Until a signal has ended it. */
async function serve(settings: StartSettings, io: Io, output: Output): Promise<ExitCode> {
  const { host, port, logLevel, redis, jwt: tokens, authenticate = [], authorize, pages, ...options } = settings;
  const logger = createLineLogger({
    level: logLevel,
    format: io.stderrIsTerminal ? "human" : "json",
    write: (line) => output.note(line),
    wallTime: Date.now,
  });
  // Keys are checked here, before anything listens.
  const { history } = options;
  const broker =
    redis === undefined ? undefined : redisBroker({ url: redis, logger, ...(history !== undefined && { history }) });
  const registry = redis === undefined || pages === undefined ? undefined : redisRegistry({ url: redis, logger });
  const authenticators = [...(tokens === undefined ? [] : [jwt(tokens)]), ...[authenticate].flat()];
  const gateway = createGateway({
    ...options,
    ...(authenticators.length > 0 && { authenticate: authenticators }),
    ...(broker !== undefined && { broker }),
    ...(pages !== undefined && { pages: { ...pages, ...(registry !== undefined && { registry }) } }),
    logger,
    authorize: (request) => request.principal.kind === "secret" || (authorize?.(request) ?? false),
  });
  const closeShared = async (): Promise<void> => {
    await Promise.all([broker?.close(), registry?.close()]);
  };
  const told = untilTold(io);
  let address: { readonly port: number };
  try {
    address = await gateway.listen({ host, port });
  } catch (error) {
    output.note(`trunkline start: ${explainListen(error, host, port)}`);
    await gateway.close({ drainMs: 0 });
    await closeShared();
    return ExitCode.failed;
  }
  output.print(welcome(`http://${host.includes(":") ? `[${host}]` : host}:${address.port}`, settings));
  await told;
  if (io.stderrIsTerminal)
    output.note("Connections are asked to leave; Ctrl-C again in a second or later quits at once.");
  await gateway.close();
  await closeShared();
  logger.info("stopped");
  return ExitCode.ok;
}

/** Resolves at the first signal; a later Ctrl-C ends the process at once. */
function untilTold(io: Io): Promise<void> {
  const shutdown = createShutdown();
  return new Promise((resolve) => {
    io.onSignal((signal) => {
      const next = shutdown(signal, performance.now());
      if (next === "drain") resolve();
      if (next === "quit") io.quit(ExitCode.failed);
    });
  });
}

/** Where it is and one line to try; a key that was given is not repeated. */
function welcome(url: string, { secretKeys }: StartSettings): string {
  const lines = [`trunkline ${version} listens on ${url}`];
  if (secretKeys.length > 0) {
    const data = `'{"event":"greeting","data":{"text":"hello"}}'`;
    lines.push(`try: curl ${url}${publishPath} -H "Authorization: Bearer $TRUNKLINE_API_KEY" -d ${data}`);
  } else {
    lines.push("nobody can publish yet: give a secret key with --api-key KEY");
  }
  return lines.join("\n");
}

function explainListen(error: unknown, host: string, port: number): string {
  const { code } = error as { readonly code?: unknown };
  const cause = error instanceof Error ? error.cause : undefined;
  const causeCode = (cause as { readonly code?: unknown } | undefined)?.code;
  switch (causeCode ?? code) {
    case "EADDRINUSE":
      return `port ${port} on ${host} is in use: end what listens there, or choose another with --port or PORT (0: any free one)`;
    case "EACCES":
      return `no permission to listen on port ${port}: choose one above 1023 with --port or PORT`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${host} is no address of this machine: choose another with --host or HOST`;
    default:
      return `can't listen on ${host}:${port}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function bad(message: string): UsageError {
  return new UsageError("usage.bad-argument", message);
}
