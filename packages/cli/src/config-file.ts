// `trunkline start --config FILE`: what a file may say, checked key by key so that a mistake is named.
import { readFile } from "node:fs/promises";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { UsageError } from "@trunkline/core/errors";
import type { Contract } from "@trunkline/core/wire";
import type { JwtOptions } from "@trunkline/gateway";
import { lineAndColumn, readJson } from "./json-problem.ts";
import { type LogLevel, logLevels } from "./logger.ts";
import { nearest } from "@trunkline/core/nearest";

/** The flags of `start`, by their names in camel case; lists hold what the repeated flag would. */
export interface FileConfig {
  readonly host?: string;
  /** 0–65535. */
  readonly port?: number;
  /** `KEY` or `KEY:ACCOUNT`. */
  readonly apiKeys?: readonly string[];
  /** `KEY:CHANNEL` or `KEY:CHANNEL@ACCOUNT`. */
  readonly publicKeys?: readonly string[];
  readonly anonymous?: boolean;
  readonly origins?: readonly string[];
  /** Which tokens are taken: what `jwt` of the gateway takes; from JSON all but its functions. */
  readonly jwt?: JwtOptions;
  readonly redis?: string;
  readonly logLevel?: LogLevel;
  /** What `defineContract` returns; in JSON `{"events": {"NAME": {"delivery": "log" | "volatile"}}}`. */
  readonly contract?: Contract;
}

type Check = readonly [expected: string, fits: (value: unknown) => boolean];

const text: Check = ["a non-empty string", (value) => typeof value === "string" && value !== ""];
const texts: Check = ["an array of non-empty strings", (value) => Array.isArray(value) && value.every(text[1])];
const checks: { readonly [Key in keyof Required<FileConfig>]: Check } = {
  host: text,
  port: ["an integer from 0 to 65535", isPort],
  apiKeys: texts,
  publicKeys: texts,
  anonymous: ["true or false", (value) => typeof value === "boolean"],
  origins: texts,
  jwt: ['an object such as {"jwksUrl": "https://id.example.com/jwks.json"}', isObject],
  redis: text,
  logLevel: [`one of ${logLevels.join(", ")}`, (value) => logLevels.some((level) => level === value)],
  contract: ['an object such as {"events": {"cursor.moved": {"delivery": "volatile"}}}', isContract],
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

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @throws {UsageError} `usage.bad-option` naming the file, the key and what was expected; never the value: it may be a key. */
export function checkConfig(value: unknown, file: string): FileConfig {
  if (!isObject(value)) throw bad(file, `expected an object of settings, got ${kindOf(value)}`);
  const known = Object.keys(checks);
  for (const [key, setting] of Object.entries(value)) {
    const check = Object.hasOwn(checks, key) ? checks[key as keyof FileConfig] : undefined;
    if (check === undefined) {
      const near = nearest(key, known);
      throw bad(
        file,
        `unknown key ${JSON.stringify(key)}; ${near === null ? `expected one of ${known.join(", ")}` : `did you mean "${near}"?`}`,
      );
    }
    if (!check[1](setting)) throw bad(file, `${key}: expected ${check[0]}, got ${kindOf(setting)}`);
  }
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

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (value === "") return "an empty string";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown }).code;
  return code === "ENOENT" ? "no such file" : typeof code === "string" ? code : String(error);
}

function bad(file: string, problem: string, cause?: unknown): UsageError {
  return new UsageError("usage.bad-option", `${file}: ${problem}`, cause === undefined ? undefined : { cause });
}
