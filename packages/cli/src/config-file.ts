// `trunkline start --config FILE`: what a file may say, checked key by key so that a mistake is named.
import { readFile } from "node:fs/promises";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { UsageError } from "@trunkline/core/errors";
import type { Contract } from "@trunkline/core/wire";
import type { GatewayOptions, JwtOptions, PagesOptions } from "@trunkline/gateway";
import { lineAndColumn, readJson } from "./json-problem.ts";
import { type LogLevel, logLevels } from "./logger.ts";
import {
  action,
  actions,
  type Check,
  expected,
  isObject,
  keysProblem,
  kindOf,
  shape,
  text,
  texts,
  whole,
  wordOrShape,
} from "./setting-checks.ts";

/** What a gateway is given as it is. */
type Passed = Pick<
  GatewayOptions,
  | "anonymous"
  | "authenticate"
  | "scope"
  | "subscriptions"
  | "authorize"
  | "authorizePublish"
  | "authorizePresence"
  | "presence"
  | "listeners"
  | "raw"
  | "history"
  | "serialize"
>;

/** The flags of `start`, by their names in camel case, lists holding what the repeated flag would; and options of `createGateway`. */
export interface FileConfig extends Passed {
  readonly host?: string;
  /** 0–65535. */
  readonly port?: number;
  /** `KEY` or `KEY:ACCOUNT`. */
  readonly apiKeys?: readonly string[];
  /** `KEY:CHANNEL` or `KEY:CHANNEL@ACCOUNT`. */
  readonly publicKeys?: readonly string[];
  readonly origins?: readonly string[];
  /** Which tokens are taken: what `jwt` of the gateway takes; from JSON all but its functions. */
  readonly jwt?: JwtOptions;
  /** Page sessions; the secret may come from the environment. With `redis` what they are subscribed to is there. */
  readonly pages?: Partial<Omit<PagesOptions, "registry">>;
  readonly redis?: string;
  readonly logLevel?: LogLevel;
  /** What `defineContract` returns; in JSON `{"events": {"NAME": {"delivery": "log" | "volatile"}}}`. */
  readonly contract?: Contract;
}

const checks: { readonly [Key in keyof Required<FileConfig>]: Check } = {
  host: text,
  port: expected("an integer from 0 to 65535", isPort),
  apiKeys: texts,
  publicKeys: texts,
  anonymous: wordOrShape([true, false], { mayListen: texts, mayPublish: texts, mayAttend: texts }),
  origins: texts,
  jwt: expected('an object such as {"jwksUrl": "https://id.example.com/jwks.json"}', isObject),
  pages: shape({
    secret: text,
    account: text,
    session: shape({ get: action, set: action }),
    timeouts: shape({ initialMs: whole, disconnectMs: whole }),
    onUnknownConnection: expected('"silent" or "reject"', (value) => value === "silent" || value === "reject"),
  }),
  redis: text,
  logLevel: expected(`one of ${logLevels.join(", ")}`, (value) => logLevels.some((level) => level === value)),
  contract: expected('an object such as {"events": {"cursor.moved": {"delivery": "volatile"}}}', isContract),
  raw: wordOrShape([true, false], { prefix: text }),
  presence: wordOrShape([false], { graceMs: whole, leaseMs: whole, maxMembers: whole }),
  history: shape({ count: whole, ageMs: whole }),
  authenticate: actions,
  scope: action,
  subscriptions: actions,
  authorize: action,
  authorizePublish: action,
  authorizePresence: action,
  serialize: action,
  listeners: expected("what defineListener makes, or an array of that (which an .mjs file can hold)", (value) =>
    [value].flat().every((item) => isObject(item)),
  ),
};

export function isPort(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 65_535;
}

function isContract(value: unknown): boolean {
  const events = isObject(value) ? value["events"] : undefined;
  const deliveries = ["log", "state", "volatile"];
  return (
    isObject(events) &&
    Object.values(events).every((event) => isObject(event) && deliveries.some((name) => name === event["delivery"]))
  );
}

/** @throws {UsageError} `usage.bad-option` naming the file, the key and what was expected; never the value: it may be a key. */
export function checkConfig(value: unknown, file: string): FileConfig {
  if (!isObject(value)) throw bad(file, `expected an object of settings, got ${kindOf(value)}`);
  const problem = keysProblem(value, checks, "");
  if (problem !== null) throw bad(file, problem);
  // Calls have no meaning to the gateway, so JSON may leave them out.
  const config: FileConfig = value;
  return config.contract === undefined
    ? config
    : { ...config, contract: { ...config.contract, calls: config.contract.calls ?? {} } };
}

/** Reads `.json`, or the default export of `.mjs` and `.js`. @throws {UsageError} `usage.bad-option` */
export async function loadConfig(file: string): Promise<FileConfig> {
  switch (extname(file)) {
    case ".json":
      return checkConfig(parseJsonFile(await readText(file), file), file);
    case ".mjs":
    case ".js":
      return checkConfig(await importDefault(file), file);
    default:
      throw bad(file, "expected a .json or .mjs file");
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw bad(file, `can't be read (${codeOf(cause)})`, cause);
  }
}

function parseJsonFile(content: string, file: string): unknown {
  const result = readJson(content);
  if (result.kind === "value") return result.value;
  throw bad(`${file}:${lineAndColumn(content, result.index)}`, `broken JSON: ${result.message}`);
}

async function importDefault(file: string): Promise<unknown> {
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(resolve(file)).href)) as { readonly default?: unknown };
  } catch (cause) {
    throw bad(file, `can't be loaded: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  if (module.default === undefined) throw bad(file, "expected a default export: export default { … }");
  return module.default;
}

function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown }).code;
  return code === "ENOENT" ? "no such file" : typeof code === "string" ? code : String(error);
}

function bad(file: string, problem: string, cause?: unknown): UsageError {
  return new UsageError("usage.bad-option", `${file}: ${problem}`, cause === undefined ? undefined : { cause });
}
