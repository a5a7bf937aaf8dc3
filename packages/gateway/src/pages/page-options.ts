// What a gateway can be told about page sessions.
import { UsageError } from "@trunkline/core/errors";
import type { Registry } from "@trunkline/core/ports";
import { accountProblem, defaultAccount } from "../auth/principal.ts";
import { unknownOptions } from "../option-names.ts";
import { pageKeys } from "./page-keys.ts";
import type { SessionStore } from "./page-sessions.ts";

export interface PagesOptions {
  /** Signs what visitors get: at least 32 characters or bytes, random, the same on every gateway. */
  readonly secret: string | Uint8Array;
  /**
   * Where it is kept what pages are subscribed to; the same one on every gateway. Closed by whoever made it.
   * @defaultValue a `memoryRegistry()` of its own, closed with the gateway
   */
  readonly registry?: Registry;
  /** The account that pages hear; connections of other accounts get nothing by their page. @defaultValue "default" */
  readonly account?: string;
  /** The app's own sessions, to keep the visitor's key in. @defaultValue a cookie, `tl_key` */
  readonly session?: SessionStore;
  readonly timeouts?: {
    /** Milliseconds until a page is forgotten whose socket never comes. @defaultValue 60_000 */
    readonly initialMs?: number;
    /** Milliseconds until one is forgotten whose socket is gone. @defaultValue 86_400_000 */
    readonly disconnectMs?: number;
  };
  /**
   * A socket whose page is not known, such as one with the id of another visitor: "silent" opens it, and it hears nothing; "reject" answers 403.
   * @defaultValue "silent"
   */
  readonly onUnknownConnection?: "silent" | "reject";
}

export const pagesDefaults = {
  account: defaultAccount,
  timeouts: { initialMs: 60_000, disconnectMs: 86_400_000 },
  onUnknownConnection: "silent",
} as const;

const names: Readonly<Record<keyof PagesOptions, true>> = {
  secret: true,
  registry: true,
  account: true,
  session: true,
  timeouts: true,
  onUnknownConnection: true,
};

const methods = ["add", "remove", "read", "hold", "release", "renew", "drop", "close"] as const;

function isRegistry(value: unknown): boolean {
  const methodsOf = (value ?? {}) as Partial<Record<(typeof methods)[number], unknown>>;
  return methods.every((name) => typeof methodsOf[name] === "function");
}

function kindOf(value: unknown): string {
  return value === null ? "null" : typeof value;
}

/** The longest that timers take. */
const maxMs = 2 ** 31 - 1;

/** What is wrong with them, one line each. */
export function pagesProblems(options: unknown): readonly string[] {
  if (typeof options !== "object" || options === null)
    return [`pages: expected an object such as { secret }, got ${kindOf(options)}`];
  const { secret, registry, account, session, onUnknownConnection } = options as Partial<PagesOptions>;
  const given: unknown = (options as PagesOptions).timeouts;
  const timeouts = typeof given === "object" && given !== null ? (given as NonNullable<PagesOptions["timeouts"]>) : {};
  const problems = [
    ...unknownOptions(options, Object.keys(names), "pages."),
    ...unknownOptions(timeouts, Object.keys(pagesDefaults.timeouts), "pages.timeouts."),
  ];
  if (given !== undefined && given !== timeouts)
    problems.push(`pages.timeouts: expected an object such as { initialMs: 60_000 }, got ${kindOf(given)}`);
  if (registry !== undefined && !isRegistry(registry))
    problems.push(`pages.registry: expected what memoryRegistry() or redisRegistry() returns, got ${kindOf(registry)}`);
  try {
    pageKeys(secret as string);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    problems.push(error.message);
  }
  const badAccount = account === undefined ? null : accountProblem(account);
  if (badAccount !== null) problems.push(`pages.account: ${badAccount}`);
  if (session !== undefined && (typeof session?.get !== "function" || typeof session.set !== "function"))
    problems.push("pages.session: expected { get, set }, two functions");
  for (const name of ["initialMs", "disconnectMs"] as const) {
    const value = timeouts[name] ?? pagesDefaults.timeouts[name];
    if (!Number.isSafeInteger(value) || value < 1 || value > maxMs)
      problems.push(`pages.timeouts.${name}: expected an integer from 1 to ${maxMs}, got ${value}`);
  }
  if (onUnknownConnection !== undefined && onUnknownConnection !== "silent" && onUnknownConnection !== "reject")
    problems.push('pages.onUnknownConnection: expected "silent" or "reject", got another');
  return problems;
}
