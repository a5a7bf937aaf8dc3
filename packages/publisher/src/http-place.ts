// Where a gateway takes publishes, and with which key.
import { UsageError } from "@trunkline/core/errors";
import { publishPath } from "@trunkline/core/wire";

/** Where `trunkline start` listens when nothing else is said. */
const defaultUrl = "http://127.0.0.1:7777";

export interface HttpPlace {
  /** Of the publish path; holds no secret. */
  readonly url: string;
  readonly key: string | undefined;
}

/**
 * What is not given comes from `TRUNKLINE_URL` and `TRUNKLINE_API_KEY`, where there is an environment. `ws` becomes `http`.
 * @throws {UsageError} `usage.bad-option`; the message repeats nothing that may be a secret
 */
export function httpPlace(given: { readonly url?: string | undefined; readonly key?: string | undefined }): HttpPlace {
  const env = (globalThis as { readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> } })
    .process?.env;
  const key = given.key ?? presence(env?.["TRUNKLINE_API_KEY"]);
  if (key !== undefined && !/^[\u0021-\u007e]+$/.test(key)) throw bad("key: expected visible ASCII characters only");
  return { url: publishUrl(given.url ?? presence(env?.["TRUNKLINE_URL"]) ?? defaultUrl), key };
}

function publishUrl(base: string): string {
  const spelled = /^[a-z][a-z0-9+.-]*:\/\//i.test(base) ? base : `https://${base}`;
  let url: URL;
  try {
    url = new URL(spelled.replace(/^ws/i, "http"));
  } catch {
    throw bad(`url: expected a URL such as ${defaultUrl}, got one that can't be read`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw bad(`url: expected http, https, ws or wss, got ${url.protocol.slice(0, -1)}`);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    throw bad("url: expected no user, query or fragment; give the key as `key`");
  return url.href.replace(/\/$/, "") + publishPath;
}

function presence(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function bad(problem: string): UsageError {
  return new UsageError("usage.bad-option", `createPublisher: ${problem}`);
}
