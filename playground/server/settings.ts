import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { redisUrlProblem } from "@trunkline/broker-redis";

export interface Settings {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Path of the database, or ":memory:". */
  readonly database: string;
  /** Known to everybody on loopback; random elsewhere. */
  readonly secretKey: string;
  readonly publicKey: string;
  /** Where streams live; absent: in this process. */
  readonly redis?: string;
}

export const account = "demo";
export const channel = "account.demo";

/** What the environment asks for; a string says what is wrong with it. */
export function resolveSettings(env: Readonly<Record<string, string | undefined>>): Settings | string {
  const redis = given(env["REDIS_URL"]);
  const problem = redis === undefined ? null : redisUrlProblem(redis);
  if (problem !== null) return `REDIS_URL: ${problem}`;
  const host = given(env["HOST"]) ?? "127.0.0.1";
  const text = given(env["PORT"]) ?? "7777";
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) return `PORT: expected an integer from 0 to 65535, got ${JSON.stringify(text)}`;
  const keys = isLoopback(host)
    ? { secretKey: "demo-secret", publicKey: "demo-public" }
    : { secretKey: randomKey(), publicKey: randomKey() };
  const manifest = fileURLToPath(import.meta.resolve("@trunkline/playground/package.json"));
  const database = given(env["PLAYGROUND_DB"]) ?? manifest.replace(/package\.json$/, ".data/posts.sqlite");
  return { host, port, database, ...keys, ...(redis !== undefined && { redis }) };
}

/** Whether only this machine can connect. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function randomKey(): string {
  return randomBytes(18).toString("base64url");
}

function given(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
