import { UsageError } from "@trunkline/core/errors";
import { pushProblem } from "@trunkline/core/publish";
import { byteLength, type PublishRequest } from "@trunkline/core/wire";
import type { Readable } from "node:stream";
import { defaultUrl, resolveBase } from "../base-url.ts";
import { defineCommand } from "../command.ts";
import { ExitCode } from "../exit-codes.ts";
import { readJson } from "../json-problem.ts";
import { type Line, packBatches, readLines } from "../line-reader.ts";
import type { Output } from "../output.ts";
import { explainStatus, postPublish, type PublishTarget } from "../publish-api.ts";

/** One request's worth of lines. The gateway takes 1,000 events and 1 MiB. */
const maxBatchItems = 500;
const maxBatchBytes = 512 * 1024;

export const publish = defineCommand({
  name: "publish",
  summary: "publish one event, or one per line of stdin",
  usage: "EVENT [JSON|-] [--url URL] [--api-key KEY] [--channel NAME] [--id ID]",
  details: [
    "JSON is the event's data (null when left out); a string needs its JSON quotes: '\"text\"'. With -, each line of stdin",
    "is the data of one event, published in order; empty lines are skipped, a bad line is reported with its number and the",
    'rest go on. One JSON receipt per event goes to stdout: {"stream","offset","epoch"}.',
  ].join("\n"),
  flags: {
    url: { type: "string", value: "URL", help: `where the gateway is (TRUNKLINE_URL; default ${defaultUrl})` },
    "api-key": {
      type: "string",
      value: "KEY",
      help: "secret key; better in TRUNKLINE_API_KEY",
    },
    channel: {
      type: "string",
      value: "NAME",
      help: "channel, or a pattern with * in it (default: the key's own, account.<id>)",
    },
    id: {
      type: "string",
      value: "ID",
      help: "makes a retry safe: the same id again is answered with the first receipt",
    },
  },
  examples: [
    `trunkline publish post.created '{"id":1,"title":"Hello"}'`,
    "trunkline publish cache.flushed --channel ops",
    "jq -c .rows[] rows.json | trunkline publish row.imported -",
  ],
  async run({ flags, positionals }, io, output) {
    const [event, data, ...more] = positionals;
    if (event === undefined) throw bad("expected the name of an event: trunkline publish EVENT [JSON|-]");
    if (more.length > 0)
      throw bad(`expected EVENT and one JSON value, got ${positionals.length} arguments; quote the JSON`);
    const apiKey = flags["api-key"] ?? io.env["TRUNKLINE_API_KEY"];
    if (apiKey === undefined || apiKey === "")
      throw bad("expected a secret key: set TRUNKLINE_API_KEY, or give --api-key KEY");
    if (!/^[\u0021-\u007e]+$/.test(apiKey)) throw bad("--api-key: expected visible ASCII characters only");
    const target: PublishTarget = { base: resolveBase(flags.url ?? io.env["TRUNKLINE_URL"] ?? defaultUrl), apiKey };
    const request = { event, channel: flags.channel, id: flags.id };
    const problem = pushProblem(request);
    if (problem !== null) throw bad(problem);
    if (data !== "-") return publishOne(target, { ...request, data: argumentData(data) }, output);
    if (flags.id !== undefined) throw bad("--id names one event; it can't be used with -");
    return publishLines(target, request, io.stdin, output);
  },
});

function argumentData(text: string | undefined): unknown {
  if (text === undefined) return null;
  const result = readJson(text);
  if (result.kind === "value") return result.value;
  throw bad(`JSON: ${result.message}; a string needs its quotes: '"text"'`);
}

async function publishOne(target: PublishTarget, request: PublishRequest, output: Output): Promise<ExitCode> {
  const answer = await postPublish(target, JSON.stringify(request));
  if (answer.kind === "failed") {
    output.note(`trunkline publish: ${answer.message}`);
    return ExitCode.failed;
  }
  output.print(receiptLine(answer.body));
  return ExitCode.ok;
}

interface Item {
  readonly line: number;
  readonly text: string;
}

/** One request at a time, so that order is kept; what stdin brings meanwhile is the next one. */
async function publishLines(
  target: PublishTarget,
  request: Omit<PublishRequest, "data">,
  stdin: Readable,
  output: Output,
): Promise<ExitCode> {
  let failed = false;
  const report = (where: string, problem: string): void => {
    failed = true;
    output.note(`trunkline publish: ${where}: ${problem}`);
  };
  for await (const lines of readLines(stdin)) {
    const items = lines.flatMap((line) => readLine(line, request, report));
    for (const batch of packBatches(items, (item) => byteLength(item.text), maxBatchItems, maxBatchBytes)) {
      const where = lineRange(batch);
      const answer = await postPublish(target, `[${batch.map((item) => item.text).join(",")}]`);
      if (answer.kind === "failed") {
        // The whole request failed, and the next one would fail alike.
        const rest = answer.sent
          ? "the lines after them were not sent"
          : "they and the lines after them were not published";
        report(where, `${answer.message}; ${rest}`);
        return ExitCode.failed;
      }
      if (!Array.isArray(answer.body) || answer.body.length !== batch.length) {
        report(where, `expected ${batch.length} answers from the gateway, got something else`);
        return ExitCode.failed;
      }
      for (const [index, item] of batch.entries()) {
        const result = answer.body[index] as { readonly status?: unknown } | null;
        const status = typeof result?.status === "number" ? result.status : 202;
        if (status >= 200 && status < 300) output.print(receiptLine(result));
        else report(`line ${item.line}`, explainStatus(status, result));
      }
    }
  }
  return failed ? ExitCode.failed : ExitCode.ok;
}

function readLine(
  line: Line,
  request: Omit<PublishRequest, "data">,
  report: (where: string, problem: string) => void,
): readonly Item[] {
  const where = `line ${line.number}`;
  if (line.text === null) {
    report(where, "longer than 1 MiB; left out");
    return [];
  }
  if (line.text.trim() === "") return [];
  const result = readJson(line.text);
  if (result.kind === "value") return [{ line: line.number, text: JSON.stringify({ ...request, data: result.value }) }];
  report(where, result.message);
  return [];
}

function lineRange(batch: readonly Item[]): string {
  const first = batch[0]?.line ?? 0;
  const last = batch.at(-1)?.line ?? first;
  return first === last ? `line ${first}` : `lines ${first}–${last}`;
}

/** The receipt's own fields, whatever else the answer holds. */
function receiptLine(body: unknown): string {
  const { stream, offset, epoch } = body as {
    readonly stream?: unknown;
    readonly offset?: unknown;
    readonly epoch?: unknown;
  };
  return JSON.stringify({ stream, offset, epoch });
}

function bad(message: string): UsageError {
  return new UsageError("usage.bad-argument", message);
}
