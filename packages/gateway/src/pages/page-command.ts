// The body of `POST /api/v1/pages` (PROTOCOL §15.6): what a server that is no gateway has to say about a page. Pure.
import { channelProblem } from "@trunkline/core/wire";
import { channelGrantProblem } from "../channel-grant.ts";

/** A message for one page alone. */
interface PagePush {
  readonly channel: string;
  readonly data: unknown;
}

export interface PageCommand {
  /** The page: one that is there, by its connection key, or a new one, by the request of its visitor. */
  readonly page: { readonly key: string } | { readonly cookie: string | undefined; readonly secure: boolean };
  readonly unsubscribe: readonly string[];
  readonly subscribe: readonly string[];
  readonly push: readonly PagePush[];
}

const names = ["connection", "cookie", "secure", "unsubscribe", "subscribe", "push"];

/** What `value` says, or what is wrong with it, beginning with the field's name. Total. */
export function readPageCommand(value: unknown): PageCommand | string {
  if (!isObject(value)) return `expected an object with "connection" or "cookie", got ${kindOf(value)}`;
  const stranger = Object.keys(value).find((field) => !names.includes(field));
  if (stranger !== undefined) return `${stranger}: expected one of ${names.join(", ")}`;
  const page = pageOf(value);
  if (typeof page === "string") return page;
  const unsubscribe = channelsOf("unsubscribe", value["unsubscribe"]);
  if (typeof unsubscribe === "string") return unsubscribe;
  const subscribe = channelsOf("subscribe", value["subscribe"]);
  if (typeof subscribe === "string") return subscribe;
  const push = pushesOf(value["push"]);
  return typeof push === "string" ? push : { page, unsubscribe, subscribe, push };
}

function pageOf(value: Readonly<Record<string, unknown>>): PageCommand["page"] | string {
  const { connection, cookie, secure = false } = value;
  if ((connection === undefined) === (cookie === undefined))
    return 'connection: expected the key of a page, or "cookie" (null when the visitor sent none) for a new one, and not both';
  if (typeof secure !== "boolean") return `secure: expected true or false, got ${kindOf(secure)}`;
  if (connection === undefined) {
    if (cookie !== null && typeof cookie !== "string")
      return `cookie: expected the visitor's Cookie header or null, got ${kindOf(cookie)}`;
    return { cookie: cookie ?? undefined, secure };
  }
  return typeof connection === "string" && /^[0-9a-f]{64}$/.test(connection)
    ? { key: connection }
    : "connection: expected 64 hex digits, got another";
}

function channelsOf(field: string, value: unknown): readonly string[] | string {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return `${field}: expected a list of channels, got ${kindOf(value)}`;
  for (const [index, channel] of (value as readonly unknown[]).entries()) {
    const problem = channelGrantProblem(channel);
    if (problem !== null) return `${field}[${index}]: ${problem}`;
  }
  return [...new Set(value as readonly string[])];
}

function pushesOf(value: unknown): readonly PagePush[] | string {
  if (value === undefined) return [];
  if (!Array.isArray(value))
    return `push: expected a list such as [{"channel":"news","data":{}}], got ${kindOf(value)}`;
  const pushes: PagePush[] = [];
  for (const [index, item] of (value as readonly unknown[]).entries()) {
    if (!isObject(item)) return `push[${index}]: expected {"channel","data"}, got ${kindOf(item)}`;
    const { channel, data = null, ...rest } = item;
    const [stranger] = Object.keys(rest);
    if (stranger !== undefined) return `push[${index}].${stranger}: expected one of channel, data`;
    const problem = channelProblem(channel);
    if (problem !== null) return `push[${index}].channel: ${problem}`;
    pushes.push({ channel: channel as string, data });
  }
  return pushes;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : typeof value;
}
