// One string that says where Redis is: a single server, a Cluster, or Sentinels.
import type { ConnectionOptions } from "node:tls";

/** Where a Redis process listens. */
export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

interface Access {
  readonly username?: string;
  readonly password?: string;
  readonly sentinelPassword?: string;
  /** null: plain TCP. */
  readonly tls: ConnectionOptions | null;
}

export type RedisPlace = Access &
  (
    | { readonly kind: "single"; readonly node: RedisNode; readonly db: number }
    | { readonly kind: "cluster"; readonly nodes: readonly RedisNode[] }
    | {
        readonly kind: "sentinel";
        readonly sentinels: readonly RedisNode[];
        readonly name: string;
        readonly db: number;
      }
  );

const urlPattern = /^(redis|rediss|redis\+sentinel|rediss\+sentinel):\/\/(?:([^@/]*)@)?([^/?#@]*)(?:\/([^?#]*))?$/;
const formsText =
  "redis://host:port, rediss://host:port, redis://host:port,host:port (a Cluster) or redis+sentinel://host:port,host:port/NAME";

/** The place, or what is wrong with the URL: a text that repeats nothing of it, since it may hold a password. */
export function readRedisUrl(url: string): RedisPlace | string {
  const match = urlPattern.exec(url);
  if (match === null) return `url: expected ${formsText}`;
  const [, scheme = "", credentials, hosts = "", path = ""] = match;
  const sentinel = scheme.endsWith("+sentinel");
  const nodes: RedisNode[] = [];
  for (const host of hosts.split(",")) {
    const node = readNode(host, sentinel ? 26_379 : 6379);
    if (node === null)
      return `url: expected host:port between "//" (or "@") and the end or "/"; the forms are ${formsText}`;
    nodes.push(node);
  }
  const access = readCredentials(credentials);
  if (access === null) return "url: expected user and password to be percent-encoded";
  const common = { ...access, tls: scheme.startsWith("rediss") ? {} : null };
  if (sentinel) {
    const [name = "", db = ""] = path.split("/");
    if (name === "")
      return "url: expected the name of the primary behind the Sentinels: redis+sentinel://host:port/NAME";
    const number = readDb(db);
    return number === null
      ? dbProblem
      : { ...common, kind: "sentinel", sentinels: nodes, name: decodeURIComponent(name), db: number };
  }
  const [node] = nodes;
  const db = readDb(path);
  if (db === null) return dbProblem;
  if (nodes.length === 1 && node !== undefined) return { ...common, kind: "single", node, db };
  if (db !== 0) return "url: a Cluster has no database but 0";
  return { ...common, kind: "cluster", nodes };
}

/** What is wrong with a Redis URL, for whoever takes one from a user; null when nothing is. It repeats nothing of the URL. */
export function redisUrlProblem(url: string): string | null {
  const read = readRedisUrl(url);
  return typeof read === "string" ? read.replace(/^url: /, "") : null;
}

const dbProblem = "url: expected a database number behind the host, such as /0";

/** As `readRedisUrl`, from the options of the same names. */
export function placeOf(given: {
  readonly nodes: readonly RedisNode[] | undefined;
  readonly sentinels: readonly RedisNode[] | undefined;
  readonly name: string | undefined;
}): RedisPlace | string {
  const option = given.nodes === undefined ? "sentinels" : "nodes";
  const nodes = given.nodes ?? given.sentinels ?? [];
  if (nodes.length === 0) return `${option}: expected at least one { host, port }`;
  const wrong = nodes.findIndex(({ host, port }) => typeof host !== "string" || host === "" || !isPort(port));
  if (wrong !== -1) return `${option}[${wrong}]: expected { host, port } with a port from 1 to 65535`;
  if (option === "nodes") return { kind: "cluster", nodes, tls: null };
  return { kind: "sentinel", sentinels: nodes, name: given.name ?? "", db: 0, tls: null };
}

function readNode(text: string, defaultPort: number): RedisNode | null {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+)(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return null;
  const [, host = "", port] = match;
  const number = port === undefined ? defaultPort : Number(port);
  return isPort(number) ? { host: host.replace(/^\[|\]$/g, ""), port: number } : null;
}

function readCredentials(text: string | undefined): Pick<Access, "username" | "password"> | null {
  if (text === undefined || text === "") return {};
  const colon = text.indexOf(":");
  try {
    const username = decodeURIComponent(colon === -1 ? text : text.slice(0, colon));
    const password = colon === -1 ? "" : decodeURIComponent(text.slice(colon + 1));
    return { ...(username !== "" && { username }), ...(password !== "" && { password }) };
  } catch {
    return null;
  }
}

function readDb(text: string): number | null {
  if (text === "") return 0;
  return /^\d{1,5}$/.test(text) ? Number(text) : null;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}
