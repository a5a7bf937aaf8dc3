// One connected client, as gateway code sees it.
import type { Principal } from "./auth/principal.ts";
import type { RequestInfo } from "./auth/request-info.ts";
import type { Dialect } from "./dialect.ts";

export interface Connection {
  /** A UUID: the same in `connected` and in the gateway's log lines. */
  readonly id: string;
  readonly principal: Principal;
  readonly dialect: Dialect;
  /** What part of the account it was given, such as `organization.1234`; null: no part in particular. */
  readonly scope: string | null;
  /** What it came in with: path, query, cookies, headers. */
  readonly request: RequestInfo;
  /** Address of the peer, as in `request`. */
  readonly remoteAddress: string | undefined;
  /** Of a page's socket, the connection key of that page: see `gateway.pushTo`. Else null. */
  readonly page: string | null;
  /** Channels the connection is on. */
  readonly channels: readonly string[];
  /**
   * Puts the connection on a channel of its account, whatever its client asked for. A client that names the channel's position in
   * `hello` continues from there. Nothing happens when it is on it already, or gone, or when its link
   * carries another channel alone (an event stream, a raw link).
   * @throws {UsageError} `usage.bad-argument` unless `channel` can name one
   */
  subscribe(channel: string): void;
  /** Takes the connection off a channel; its client is told `ended`. */
  unsubscribe(channel: string): void;
  /**
   * Closes the link after everything that was sent.
   * @param code 1000–1014 or 3000–4999; 4400–4499 have meanings of their own (PROTOCOL §6). @defaultValue 1000
   * @param reason cut to 123 bytes
   */
  close(code?: number, reason?: string): void;
}
