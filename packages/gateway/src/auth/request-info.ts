// What a request says about who sent it: the way in for authenticators, whichever door it came to.
import type { IncomingHttpHeaders } from "node:http";
import type { FarEnd, Origin } from "./trusted-proxies.ts";

/**
 * The request that a peer came in with. Everything in it is the peer's word, but for where it came from.
 * It prints without its URL and headers, so that no line of a log shows what they hold.
 */
export interface RequestInfo {
  /** As it came, without the query. @example "/organization/1234" */
  readonly path: string;
  /** The parts of the path, decoded. @example ["organization", "1234"] */
  readonly segments: readonly string[];
  /** The query, decoded. */
  readonly params: URLSearchParams;
  /** Names are in lower case. On a connection without `authorization`, which was judged, and those of the handshake. */
  readonly headers: IncomingHttpHeaders;
  readonly cookies: ReadonlyMap<string, string>;
  /** The page that the request came from, if one did: browsers send its origin; "null" of another page that they don't name. */
  readonly origin: string | undefined;
  /** How the peer calls this gateway: `Host`, or as a trusted proxy says. */
  readonly host: string | undefined;
  /** Address of the peer, as a trusted proxy says when it came by one; undefined when the socket had none. */
  readonly remoteAddress: string | undefined;
  /** Whether it came over TLS, likewise. */
  readonly secure: boolean;
}

/** What is read of a request; an `IncomingMessage` is one. */
export interface RequestSource {
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly socket?: { readonly remoteAddress?: string | undefined; readonly encrypted?: boolean };
}

/** The request of a peer, read when it is asked for. */
export class ReadRequest implements RequestInfo {
  readonly #url: string;
  #headers: IncomingHttpHeaders;
  /** The query holds a credential that was judged. */
  #keyUsed = false;
  readonly remoteAddress: string | undefined;
  readonly secure: boolean;
  readonly host: string | undefined;

  /** @param find looks behind proxies; absent: there are none that are trusted */
  constructor({ url = "/", headers, socket = {} }: RequestSource, find?: FarEnd) {
    this.#url = url;
    this.#headers = headers;
    // Read now: a socket that is gone has no address.
    const near: Origin = { remoteAddress: socket.remoteAddress, secure: socket.encrypted === true, host: headers.host };
    const end = find === undefined ? near : find(headers, near);
    this.remoteAddress = end.remoteAddress;
    this.secure = end.secure;
    this.host = end.host;
  }

  get path(): string {
    return pathOf(this.#url);
  }

  get segments(): readonly string[] {
    return this.path.split("/").filter(Boolean).map(decoded);
  }

  get params(): URLSearchParams {
    const query = this.#url.indexOf("?");
    const params = new URLSearchParams(query === -1 ? "" : this.#url.slice(query + 1).replace(/#.*$/s, ""));
    if (this.#keyUsed) params.delete(keyParam);
    return params;
  }

  get headers(): IncomingHttpHeaders {
    return this.#headers;
  }

  get cookies(): ReadonlyMap<string, string> {
    const cookies = new Map<string, string>();
    for (const pair of (this.#headers.cookie ?? "").split(";")) {
      const end = pair.indexOf("=");
      const name = pair.slice(0, Math.max(0, end)).trim();
      // The first one counts: it is the one of the longest path (RFC 6265 §5.4).
      if (name !== "" && !cookies.has(name)) cookies.set(name, decoded(unquoted(pair.slice(end + 1).trim())));
    }
    return cookies;
  }

  get origin(): string | undefined {
    const { origin, "sec-fetch-site": site } = this.#headers;
    if (origin !== undefined || typeof site !== "string") return origin;
    // Browsers name none when a page reads from its own host, or from another one without being shown the answer, but say so.
    if (site === "same-origin") return `http://${this.host ?? ""}`;
    return site === "none" ? undefined : "null";
  }

  /** The credential was judged: neither it nor what only the handshake needed is kept for as long as the connection. */
  settle(): void {
    this.#keyUsed = true;
    this.#headers = Object.fromEntries(Object.entries(this.#headers).filter(([name]) => !passing.test(name)));
  }
}

/** Headers that mean nothing once the connection is there. */
const passing = /^(authorization|connection|upgrade|sec-websocket-.*|accept-encoding|cache-control|pragma)$/;

/** Where the plain dialect has its key (PROTOCOL §10.1). */
export const keyParam = "api_key";

/** The path of a URL, fit for logs: a query may hold a key. */
export function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end === -1 ? url : url.slice(0, end);
}

function unquoted(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/** As it is where it is no encoding. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
