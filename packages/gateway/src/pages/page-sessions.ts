// Visitors of an app on `node:http`: where their key is read from and put.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { GatewayError, UsageError } from "@trunkline/core/errors";
import type { HmacKey } from "./page-keys.ts";
import { newSessionKey, readSessionKey, sessionKeyOf, setCookieText } from "./session-key.ts";

/** A request for a page, or for the connection of one. */
export interface SessionRequest {
  readonly headers: IncomingHttpHeaders;
}

/** For apps with sessions of their own: the visitor's key is kept in there, and no cookie is set. */
export interface SessionStore {
  /** The key in the session that the request belongs to; nothing when there is none yet. */
  get(request: SessionRequest): string | null | undefined | Promise<string | null | undefined>;
  /** Puts a key there, for as long as the session lasts. */
  set(request: IncomingMessage, response: ServerResponse, key: string): void | Promise<void>;
}

export interface PageSessionsOptions {
  /** Signs the cookie: `pageKeys(secret).session`. */
  readonly signingKey: HmacKey;
  /** Whether a request came over TLS: its cookie is then for TLS alone. */
  readonly isSecure: (request: IncomingMessage) => boolean;
  /** @defaultValue the cookie `tl_key` */
  readonly store?: SessionStore | undefined;
}

/** The keys of visitors. */
export class PageSessions {
  readonly #options: PageSessionsOptions;
  /** Within a request it is the same however often it is asked for, and a new one is given out once. */
  readonly #known = new WeakMap<IncomingMessage, Promise<string>>();

  constructor(options: PageSessionsOptions) {
    this.#options = options;
  }

  /**
   * The key of the visitor that a request came from; one without gets a new one. The cookie is on the response by the time this returns, before the promise is
   * fulfilled.
   * @throws {UsageError} `usage.bad-argument`: a cookie is needed, and the response has begun
   * @throws {GatewayError} `gateway.internal`: the app's store failed
   */
  of(request: IncomingMessage, response: ServerResponse): Promise<string> {
    let key = this.#known.get(request);
    if (key === undefined) {
      const { store } = this.#options;
      key = store === undefined ? this.#byCookie(request, response) : fromStore(store, request, response);
      this.#known.set(request, key);
      key.catch(() => this.#known.delete(request));
    }
    return key;
  }

  /** The key of the visitor that a request came from, or null. @throws {GatewayError} `gateway.internal`: the app's store failed */
  async read(request: SessionRequest): Promise<string | null> {
    const { store, signingKey } = this.#options;
    if (store === undefined) return readSessionKey(request.headers.cookie, signingKey);
    try {
      return await keyIn(store, request);
    } catch (cause) {
      throw storeFailed(cause);
    }
  }

  async #byCookie(request: IncomingMessage, response: ServerResponse): Promise<string> {
    const { signingKey, isSecure } = this.#options;
    const { key, isNew } = sessionKeyOf(request.headers.cookie, signingKey);
    if (!isNew) return key;
    if (response.headersSent)
      throw new UsageError(
        "usage.bad-argument",
        "expected a response that has not begun, to put the visitor's cookie on it; ask for the page's socket before the first write",
      );
    // Beside those of the app.
    response.appendHeader("Set-Cookie", setCookieText(key, { signingKey, secure: isSecure(request) }));
    return key;
  }
}

async function fromStore(store: SessionStore, request: IncomingMessage, response: ServerResponse): Promise<string> {
  try {
    const known = await keyIn(store, request);
    if (known !== null) return known;
    const key = newSessionKey();
    await store.set(request, response, key);
    return key;
  } catch (cause) {
    throw storeFailed(cause);
  }
}

async function keyIn(store: SessionStore, request: SessionRequest): Promise<string | null> {
  const key: unknown = (await store.get(request)) ?? "";
  if (typeof key !== "string") throw new TypeError(`expected a key as text, got ${typeof key}`);
  return key === "" ? null : key;
}

function storeFailed(cause: unknown): GatewayError {
  return new GatewayError("gateway.internal", "the session store failed to give or take the visitor's key", { cause });
}
