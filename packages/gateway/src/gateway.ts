// What an embedder holds.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ChannelListener } from "@trunkline/core/listener";
import type { Publishes } from "@trunkline/core/publish";
import type { PublishReceipt, PublishRequest } from "@trunkline/core/wire";
import type { ConnectionFilter } from "./control-command.ts";
import type { Connection } from "./connection.ts";
import type { AttachableServer } from "./doors/attach.ts";
import type { Address, ListenOptions } from "./doors/own-server.ts";
import type { GatewayEvents, GatewayListener } from "./gateway-events.ts";
import type { Member } from "./presence/member.ts";
import type { Page } from "./pages/page.ts";
import type { NeutralPage, PageRequest } from "./pages/pages.ts";
import type { DisconnectOptions } from "./revocation.ts";
import type { StatsSnapshot } from "./metrics.ts";

export interface Gateway {
  /**
   * Serves WebSockets and the HTTP paths of the gateway on a server that has an app already: `/api/ws/v1/events`,
   * `/api/v1/events`, `/api/v1/publish`, `/api/v1/pages` (with `pages`), `/healthz`, `/readyz` and `/metrics` are answered here, everything else is left to the app. Attach after the
   * app's own `request` listeners were added: they are wrapped, so that they do not also see the gateway's requests. Servers of other
   * WebSockets may be added before or after.
   * @returns its undo; `close` undoes it too
   * @throws {UsageError} `usage.closed`
   */
  attach(server: AttachableServer): () => void;
  /**
   * Serves on a server of its own. Resolves once it is `ready` and the port is bound.
   * @throws {UsageError} `usage.bad-option` when the port is taken or not allowed, or `tls` can't be used; `usage.already-open`, `usage.closed`
   * @throws {GatewayError} `gateway.unavailable` when there are listeners and the broker can't be used; call again
   */
  listen(options?: ListenOptions): Promise<Address>;
  /** Answers a request for one of the gateway's paths, for apps that route by themselves; false when it is none of them. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
  /**
   * Runs a listener (`defineListener`) from now on, whoever is connected here; while the broker can't be used it is tried again. Who has to know that it
   * hears awaits `ready`.
   * @returns its undo, which may be called twice; `close` undoes it too
   * @throws {UsageError} `usage.closed`, `usage.bad-argument`
   */
  addListener(listener: ChannelListener): () => void;
  /**
   * Resolves once every listener is sure to hear what is published from now on, on any gateway: at once where there is none. For gateways that are
   * attached; `listen` awaits it by itself.
   * @throws {GatewayError} `gateway.unavailable` when the broker can't be used; it is tried again all the same @throws {UsageError} `usage.closed`
   */
  ready(): Promise<void>;
  /** @returns its undo */
  on<Name extends keyof GatewayEvents>(name: Name, listener: GatewayListener<Name>): () => void;
  /**
   * Publishes one event, by default to `account.<account>` of the account "default".
   * @throws {GatewayError} as over HTTP (PROTOCOL §8.4) @throws {UsageError} `usage.closed`, `usage.bad-argument`
   */
  publish(request: PublishRequest, options?: { readonly account?: string }): Promise<PublishReceipt>;
  /**
   * The verbs of `@trunkline/publisher` inside an account, with the same bytes on the broker:
   * `gateway.publisher("acme").resource("Post", { scope: ["organization_id"] })`. @defaultValue account "default"
   * @throws {UsageError} `usage.bad-argument`
   */
  publisher(account?: string): Publishes;
  /**
   * `push` of the publisher of the account "default"; `gateway.publisher("acme").push(…)` in another.
   * @example gateway.push({ home: 2 }, "score:*")
   */
  push(message: unknown, ...channels: readonly string[]): Promise<readonly PublishReceipt[]>;
  /**
   * Ends the connections that match every field of `filter`, here and on every other gateway of the broker. Resolves once those here are told and
   * the command is on its way to the others, which follow within moments.
   * @example gateway.disconnect({ user: "42" }, { reason: "signed out" })
   * @throws {UsageError} `usage.bad-argument`, also for a filter without a field: `{ everyone: true }` means all
   * @throws {GatewayError} `gateway.unavailable`, `gateway.outcome-unknown`: done here, but others may not hear of it; call again
   */
  disconnect(filter: ConnectionFilter, options?: DisconnectOptions): Promise<void>;
  /**
   * Asks `scope`, `subscriptions` and `authorize` again for the connections that match, everywhere as `disconnect` does: takes them off what is not theirs
   * any more (`ended`), and puts them on what is new. Resolves once that is done here. One that is still coming in is closed with
   * 1013, and comes back.
   * @throws as `disconnect`
   */
  reauthorize(filter: ConnectionFilter): Promise<void>;
  /**
   * Who is on a channel, on all gateways of the broker (PROTOCOL §13). @defaultValue account "default"
   * @throws {UsageError} `usage.bad-argument`, `usage.closed`, `usage.unsupported` with `presence: false`
   * @throws {GatewayError} `gateway.unavailable`
   */
  members(channel: string, options?: { readonly account?: string }): Promise<readonly Member[]>;
  /**
   * The page that a route is about to answer `request` with: one page per request, however often it is asked for. A visitor without a key gets
   * a cookie, so this has to come before the head of the answer.
   * @throws {UsageError} `usage.bad-option` without `pages`; `usage.bad-argument`: a cookie is needed, and the answer has begun
   * @throws {GatewayError} `gateway.internal`: the app's session store failed
   */
  page(request: IncomingMessage, response: ServerResponse): Promise<Page>;
  /** As `page`, for frameworks without requests of Node: another page with each call, and the cookie is the caller's to set. */
  pageFor(request: PageRequest): Promise<NeutralPage>;
  /**
   * Sends `message` to one page alone, wherever its socket is, as an event `message` with `for`: `channel` (PROTOCOL §15). Before its socket comes it is kept for
   * it. A page that is not known, since it was subscribed to nothing or is forgotten, gets nothing, and that is no error.
   * @param key `page.key` or `connection.page`
   * @throws {UsageError} `usage.bad-argument`, `usage.bad-option` without `pages`
   * @throws {GatewayError} as `publish`; `gateway.unavailable` when the registry can't be used
   */
  pushTo(key: string | null, channel: string, message: unknown): Promise<void>;
  stats(): StatsSnapshot;
  /** The connections of this moment that were let in. */
  connections(): Iterable<Connection>;
  /**
   * Lets everybody go (PROTOCOL §7.4), then closes what it opened. Idempotent: a second call waits for the first.
   * @param options `drainMs`: milliseconds that connections get to leave; 0 closes them at once. @defaultValue the gateway's
   */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}
