import { createGateway } from "@trunkline/gateway";
import { publishPath } from "@trunkline/core/wire";
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
    "Runs until SIGINT or SIGTERM, then lets its connections leave and exits 0. Everything is kept in memory. A flag wins",
    "over the environment, the environment over the config file. Only loopback can connect unless --host says otherwise.",
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
      help: "secret key: publishes and listens in its account (TRUNKLINE_API_KEY: other users can read arguments)",
    },
    "public-key": {
      type: "string",
      multiple: true,
      value: "KEY:CHANNEL[@ACCOUNT]",
      help: "key for browsers: listens to one channel",
    },
    anonymous: { type: "boolean", help: "let anyone listen without a key" },
    origin: {
      type: "string",
      multiple: true,
      value: "URL",
      help: "origin whose pages may connect, besides the gateway's own",
    },
    redis: { type: "string", value: "URL", help: "not in this version" },
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
    "trunkline start --config trunkline.config.json --log-level debug",
    'echo \'{"port":8080,"apiKeys":["s3cret:acme"],"origins":["https://app.example.com"]}\' > trunkline.config.json',
  ],
  async run({ flags, positionals }, io, output) {
    if (positionals.length > 0) throw bad(`expected flags only, got ${positionals.length} other argument(s)`);
    const file = flags.config === undefined ? {} : await loadConfig(flags.config);
    return serve(resolveStart(flags, io.env, file), io, output);
  },
});
