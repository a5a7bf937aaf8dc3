// What `trunkline start` was told, from four places: a flag wins over the environment, that over the file, that over the default.
import { redisUrlProblem } from "@trunkline/broker-redis";
import { UsageError } from "@trunkline/core/errors";
import { channelProblem } from "@trunkline/core/wire";
import type { JwtOptions, PagesOptions } from "@trunkline/gateway";
import { type FileConfig, isPort } from "./config-file.ts";
import { type LogLevel, logLevels } from "./logger.ts";
import { nearest } from "@trunkline/core/nearest";

interface SecretKeySetting {
  readonly key: string;
  readonly account?: string;
}
interface PublicKeySetting extends SecretKeySetting {
  readonly channel: string;
}

/** What only a config file can say, and the gateway is given as it is. */
const passed = [
  "contract",
  "history",
  "authenticate",
  "scope",
  "subscriptions",
  "authorize",
  "authorizePublish",
  "authorizePresence",
  "presence",
  "listeners",
  "raw",
  "serialize",
] as const;

export interface StartSettings extends Pick<FileConfig, (typeof passed)[number]> {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly secretKeys: readonly SecretKeySetting[];
  readonly publicKeys: readonly PublicKeySetting[];
  readonly anonymous: NonNullable<FileConfig["anonymous"]>;
  readonly origins: readonly string[];
  /** Which tokens are taken; absent: none. */
  readonly jwt?: JwtOptions;
  /** Absent: no page sessions. */
  readonly pages?: PagesOptions;
  readonly logLevel: LogLevel;
  /** Where streams live; absent: in this process. May hold a password. */
  readonly redis?: string;
}

export const startDefaults = { host: "127.0.0.1", port: 7777, logLevel: "info" } as const;

/** The flags of `start`, as parsed. */
export interface StartFlags {
  readonly host: string | undefined;
  readonly port: string | undefined;
  readonly "api-key": readonly string[];
  readonly "public-key": readonly string[];
  readonly anonymous: boolean;
  readonly origin: readonly string[];
  readonly redis: string | undefined;
  readonly "log-level": string | undefined;
}

/** @throws {UsageError} `usage.bad-argument` naming where the setting came from, never a key. */
export function resolveStart(
  flags: StartFlags,
  env: Readonly<Record<string, string | undefined>>,
  file: FileConfig,
): StartSettings {
  const redis = resolveRedis([
    ["--redis", flags.redis],
    ["REDIS_URL", env["REDIS_URL"]],
    ["redis in the config file", file.redis],
  ]);
  const environmentKey = nonEmpty(env["TRUNKLINE_API_KEY"]);
  const apiKeys: Given<readonly string[]> = firstGiven<readonly string[]>([
    ["--api-key", nonEmptyList(flags["api-key"])],
    ["TRUNKLINE_API_KEY", environmentKey === undefined ? undefined : [environmentKey]],
    ["apiKeys", file.apiKeys],
  ]) ?? ["--api-key", []];
  const publicKeys = firstGiven<readonly string[]>([
    ["--public-key", nonEmptyList(flags["public-key"])],
    ["publicKeys", file.publicKeys],
  ]) ?? ["--public-key", []];
  const jwt = resolveJwt(env["TRUNKLINE_TOKEN_SECRET"], file.jwt);
  const pages = resolvePages(env["TRUNKLINE_PAGE_SECRET"], file.pages);
  const settings = {
    host: flags.host ?? nonEmpty(env["HOST"]) ?? file.host ?? startDefaults.host,
    port: resolvePort(flags.port, nonEmpty(env["PORT"]), file.port),
    secretKeys: apiKeys[1].map((text) => readSecretKey(text, apiKeys[0])),
    publicKeys: publicKeys[1].map((text) => readPublicKey(text, publicKeys[0])),
    anonymous: flags.anonymous || (file.anonymous ?? false),
    origins: nonEmptyList(flags.origin) ?? file.origins ?? [],
    logLevel: resolveLevel(flags["log-level"]) ?? file.logLevel ?? startDefaults.logLevel,
    ...(jwt === undefined ? {} : { jwt }),
    ...(pages === undefined ? {} : { pages }),
    ...passedOf(file),
    ...(redis === undefined ? {} : { redis }),
  };
  if (
    settings.secretKeys.length === 0 &&
    settings.publicKeys.length === 0 &&
    jwt === undefined &&
    file.authenticate === undefined &&
    pages === undefined &&
    settings.anonymous === false
  ) {
    throw bad(
      "nobody could connect: give a key with --api-key KEY (or TRUNKLINE_API_KEY), set TRUNKLINE_TOKEN_SECRET or TRUNKLINE_PAGE_SECRET, or say --anonymous to let anyone listen",
    );
  }
  return settings;
}

function passedOf(file: FileConfig): Pick<FileConfig, (typeof passed)[number]> {
  return Object.fromEntries(passed.filter((key) => file[key] !== undefined).map((key) => [key, file[key]]));
}

type Given<Value> = readonly [source: string, value: Value];

function firstGiven<Value>(
  places: readonly (readonly [source: string, value: Value | undefined])[],
): Given<Value> | undefined {
  for (const [source, value] of places) if (value !== undefined) return [source, value];
  return undefined;
}

function resolveRedis(places: readonly (readonly [source: string, value: string | undefined])[]): string | undefined {
  const given = firstGiven(places.map(([source, value]) => [source, nonEmpty(value)]));
  const problem = given === undefined ? null : redisUrlProblem(given[1]);
  if (problem !== null) throw bad(`${given?.[0]}: ${problem}`);
  return given?.[1];
}

/** The secret of the environment takes the place of the file's key; what else the file says of tokens stays. */
function resolveJwt(secret: string | undefined, file: JwtOptions | undefined): JwtOptions | undefined {
  const given = nonEmpty(secret);
  if (given === undefined) return file;
  const { publicKey: _, jwks: __, jwksUrl: ___, ...rest } = file ?? {};
  return { ...rest, secret: given };
}

/** The secret of the environment takes the place of the file's. */
function resolvePages(secret: string | undefined, file: FileConfig["pages"]): PagesOptions | undefined {
  const given = nonEmpty(secret) ?? file?.secret;
  if (given !== undefined) return { ...file, secret: given };
  if (file === undefined) return undefined;
  throw bad(
    "pages: expected a secret: set TRUNKLINE_PAGE_SECRET, such as to `openssl rand -base64 48`, or pages.secret",
  );
}

function resolvePort(flag: string | undefined, environment: string | undefined, file: number | undefined): number {
  const given = firstGiven([
    ["--port", flag],
    ["PORT", environment],
  ]);
  if (given === undefined) return file ?? startDefaults.port;
  const port = /^\d{1,5}$/.test(given[1]) ? Number(given[1]) : -1;
  if (!isPort(port)) throw bad(`${given[0]}: expected an integer from 0 to 65535, got ${JSON.stringify(given[1])}`);
  return port;
}

function resolveLevel(given: string | undefined): LogLevel | undefined {
  if (given === undefined) return undefined;
  const level = logLevels.find((name) => name === given);
  if (level !== undefined) return level;
  const near = nearest(given, logLevels);
  throw bad(`--log-level: expected one of ${logLevels.join(", ")}${near === null ? "" : `; did you mean ${near}?`}`);
}

/** `KEY` or `KEY:ACCOUNT`. */
function readSecretKey(text: string, source: string): SecretKeySetting {
  const colon = text.lastIndexOf(":");
  const key = colon === -1 ? text : text.slice(0, colon);
  const account = colon === -1 ? undefined : text.slice(colon + 1);
  if (key === "") throw bad(`${source}: expected KEY or KEY:ACCOUNT, got an empty key`);
  checkAccount(account, source);
  return account === undefined ? { key } : { key, account };
}

/** `KEY:CHANNEL` or `KEY:CHANNEL@ACCOUNT`. The key ends at the first colon: a channel may hold one. */
function readPublicKey(text: string, source: string): PublicKeySetting {
  const colon = text.indexOf(":");
  const key = text.slice(0, Math.max(colon, 0));
  const place = text.slice(colon + 1);
  const at = place.lastIndexOf("@");
  const channel = at === -1 ? place : place.slice(0, at);
  const account = at === -1 ? undefined : place.slice(at + 1);
  if (key === "" || channel === "") throw bad(`${source}: expected KEY:CHANNEL or KEY:CHANNEL@ACCOUNT`);
  const problem = channelProblem(channel);
  if (problem !== null) throw bad(`${source}: channel: ${problem}`);
  checkAccount(account, source);
  return account === undefined ? { key, channel } : { key, channel, account };
}

/** What stands there is not repeated: it may be the end of a key that holds a colon. */
function checkAccount(account: string | undefined, source: string): void {
  if (account === undefined || /^[A-Za-z0-9_-]{1,64}$/.test(account)) return;
  throw bad(
    `${source}: expected an account of 1–64 letters, digits, "_" or "-" after the ${source.includes("ublic") ? '"@"' : "last colon"}`,
  );
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function nonEmptyList(list: readonly string[]): readonly string[] | undefined {
  return list.length === 0 ? undefined : list;
}

function bad(message: string): UsageError {
  return new UsageError("usage.bad-argument", message);
}
