import { UsageError } from "@trunkline/core/errors";
import { channelProblem } from "@trunkline/core/wire";
import { createClient } from "trunkline";
import { defaultUrl, resolveBase } from "../base-url.ts";
import { defineCommand } from "../command.ts";
import { eventFilter } from "../event-pattern.ts";
import { ExitCode } from "../exit-codes.ts";
import { createLineLogger } from "../logger.ts";
import type { Io, Output } from "../output.ts";

export const tail = defineCommand({
  name: "tail",
  summary: "print events as they happen",
  usage: "[--event NAME] … [--channel NAME] [--url URL] [--api-key KEY]",
  details: [
    'One JSON line per event goes to stdout: {"event","data","stream","offset","id"?,"time"}; offset is the revision of a',
    "state event, offset and time are null on volatile events. Everything else goes to stderr: status, what was caught up after a loss, and gaps. It reconnects until",
    "it is interrupted, and ends with 1 when the gateway refuses the key.",
  ].join("\n"),
  flags: {
    url: { type: "string", value: "URL", help: `where the gateway is (TRUNKLINE_URL; default ${defaultUrl})` },
    "api-key": {
      type: "string",
      value: "KEY",
      help: "secret or public key; better in TRUNKLINE_API_KEY",
    },
    event: {
      type: "string",
      multiple: true,
      value: "NAME",
      help: "only these events; * stands for any characters: 'post.*'",
    },
    channel: { type: "string", value: "NAME", help: "only this channel (default: those the gateway puts the key on)" },
  },
  examples: [
    "trunkline tail",
    "trunkline tail --event 'post.*' --url https://app.example.com | jq .data",
    "trunkline tail --event deploy.finished | head -1",
  ],
  async run({ flags, positionals }, io, output) {
    if (positionals.length > 0)
      throw bad(`expected flags only, got ${positionals.length} other argument(s); name events with --event`);
    const { channel } = flags;
    const problem = channel === undefined ? null : channelProblem(channel);
    if (problem !== null) throw bad(`--channel: ${problem}`);
    const apiKey = flags["api-key"] ?? io.env["TRUNKLINE_API_KEY"];
    return listen(
      {
        url: resolveBase(flags.url ?? io.env["TRUNKLINE_URL"] ?? defaultUrl),
        apiKey: apiKey === "" ? undefined : apiKey,
        wanted: eventFilter(flags.event),
        channel,
      },
      io,
      output,
    );
  },
});

interface Listening {
  readonly url: string;
  /** None: as anonymous, where the gateway allows it. */
  readonly apiKey: string | undefined;
  readonly wanted: (event: string) => boolean;
  readonly channel: string | undefined;
}

/** How long nothing is said about a gateway that does not answer, in milliseconds. */
const patienceMs = 2000;

/** Until a signal or the end of stdout's reader (ok), or a refusal (failed). */
async function listen({ url, apiKey, wanted, channel }: Listening, io: Io, output: Output): Promise<ExitCode> {
  const logger = createLineLogger({
    level: "info",
    format: "human",
    write: (line) => output.note(line),
    wallTime: Date.now,
  });
  const client = createClient({ url, logger, autoConnect: false, ...(apiKey === undefined ? {} : { apiKey }) });
  const ended = new Promise<ExitCode>((resolve) => {
    client.on("status", (status) => {
      if (status === "disconnected") resolve(ExitCode.failed);
      // Connected is not yet listening: a channel may still be asked for.
      if (status === "connected")
        client.ready().then(
          () => logger.info("listening", { url }),
          () => {},
        );
    });
    output.onClosed(() => resolve(ExitCode.ok));
    io.onSignal(() => resolve(ExitCode.ok));
    if (channel === undefined) return;
    client.subscribe(channel).catch((error: Error) => {
      // With the whole client gone, its own error says why.
      if (client.status === "connected") logger.error(error.message);
      resolve(ExitCode.failed);
    });
  });
  client.on("resumed", ({ channel: stream, count }) => logger.info("caught up", { stream, count }));
  client.on("gap", ({ channel: stream, from, to, reason }) =>
    logger.warn("gap: these events will not come", { stream, from, to, reason }),
  );
  client.on("*", (data, { event, channel: stream, revision = null, offset = revision, id, time = null }) => {
    if (!wanted(event) || (channel !== undefined && stream !== channel)) return;
    output.print(JSON.stringify({ event, data, stream, offset, id, time }));
  });
  // A refusal ends it by `status`; no answer does not, since a gateway may come back.
  client.connect().catch(() => {});
  client.ready({ timeoutMs: patienceMs }).catch(() => {
    if (client.status === "connecting") logger.warn("no gateway answers there; still trying", { url });
  });
  const code = await ended;
  const refusal = client.health().lastError?.code;
  if (code === ExitCode.failed && refusal === "gateway.unauthorized")
    output.note("check --api-key or TRUNKLINE_API_KEY");
  await client.close();
  return code;
}

function bad(message: string): UsageError {
  return new UsageError("usage.bad-argument", message);
}
