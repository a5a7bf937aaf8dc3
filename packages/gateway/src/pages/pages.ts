// Page sessions: what a route subscribes its page to, the socket of that page is on.
import type { IncomingMessage, ServerResponse } from "node:http";
import { GatewayError, UsageError } from "@trunkline/core/errors";
import type { Broker, Clock, Registered } from "@trunkline/core/ports";
import type { PublishObserver } from "@trunkline/core/publish";
import { byteLength, channelProblem, companion } from "@trunkline/core/wire";
import type { Entrance } from "../auth/entrance.ts";
import { streamName } from "../auth/principal.ts";
import type { ReadRequest, RequestInfo, RequestSource } from "../auth/request-info.ts";
import { closedError } from "../closed-error.ts";
import type { GatewayOptions } from "../options.ts";
import type { SubscriptionSource } from "../subscription-source.ts";
import { newConnectionId, signConnectionId } from "./connection-id.ts";
import { connectionKey } from "./connection-key.ts";
import { memoryRegistry } from "./memory-registry.ts";
import { type Page, type PageHost, createPage } from "./page.ts";
import { type PageConnection, PageConnections } from "./page-connections.ts";
import { PageEntrance } from "./page-entrance.ts";
import { type PageKeys, pageKeys } from "./page-keys.ts";
import { PageLine } from "./page-line.ts";
import { type PagesOptions, pagesDefaults } from "./page-options.ts";
import { PageSessions } from "./page-sessions.ts";
import { pushBody } from "./push-body.ts";
import { sessionKeyOf, setCookieText } from "./session-key.ts";
import { TimelyRegistry } from "./timely-registry.ts";

/** What pages need of their gateway. */
export interface PagesHost {
  readonly broker: Broker;
  /** Whether other gateways may be on it. */
  readonly isShared: boolean;
  readonly clock: Clock;
  /** How long a link may take to come in, in milliseconds. */
  readonly greetTimeoutMs: number;
  /** The one that the app gave, if it did. */
  readonly givenClock: Clock | undefined;
  /** Largest event, as JSON text in bytes. */
  readonly maxEventBytes: number;
  readonly observer: PublishObserver;
  readonly readRequest: (source: RequestSource) => ReadRequest;
  readonly isClosed: () => boolean;
  readonly onError: (error: unknown) => void;
  /** A callback of the app's failed. */
  readonly onFailure: (what: string, cause: unknown) => void;
  readonly onJoin: (connection: PageConnection) => Promise<unknown> | null;
  readonly onLeave: (connection: PageConnection) => void;
}

/** A request for a page, in the words of no framework. */
export interface PageRequest {
  /** Its `Cookie` header. */
  readonly cookie: string | undefined;
  /** Whether it came over TLS: the cookie is then for TLS alone. @defaultValue false */
  readonly secure?: boolean;
}

/** `setCookie`: the value of a `Set-Cookie` header that the answer has to have; null where the visitor has its cookie. */
export type NeutralPage = Page & { readonly setCookie: string | null };

const notOfNode =
  "gateway.page: expected the request and the response of node:http, got others; use gateway.pageFor({ cookie, secure }) for those of other frameworks";

/** The requests of other frameworks have headers of another kind: each of their visitors would be a new one. */
function isOfNode(request: unknown, response: unknown): boolean {
  const { setHeader } = (response ?? {}) as Partial<ServerResponse>;
  return typeof request === "object" && request !== null && "socket" in request && typeof setHeader === "function";
}

/** How long the registry may take to answer, in milliseconds; half of what a link may take to come in, where that is less. */
const registryMs = 5000;

export class Pages implements PageHost {
  readonly #options: PagesOptions;
  readonly #host: PagesHost;
  /** Whose channels its pages are on. */
  readonly account: string;
  readonly #keys: PageKeys;
  readonly #sessions: PageSessions;
  readonly #registry: TimelyRegistry;
  readonly #connections: PageConnections;
  readonly #line: PageLine;
  readonly #entrance: PageEntrance;
  /** Within a request it is the same, however often it is asked for. */
  readonly #pages = new WeakMap<IncomingMessage, Promise<Page>>();

  constructor(options: PagesOptions, host: PagesHost) {
    const { account = pagesDefaults.account, registry, session: store, onUnknownConnection } = options;
    const { clock, givenClock, onError, onJoin, onLeave } = host;
    this.#options = options;
    this.#host = host;
    this.account = account;
    this.#keys = pageKeys(options.secret);
    const kept = registry ?? memoryRegistry(givenClock === undefined ? {} : { clock: givenClock });
    this.#registry = new TimelyRegistry(kept, clock, Math.min(registryMs, host.greetTimeoutMs / 2));
    this.#sessions = new PageSessions({
      signingKey: this.#keys.session,
      isSecure: (request) => host.readRequest(request).secure,
      store,
    });
    const { disconnectMs = pagesDefaults.timeouts.disconnectMs } = options.timeouts ?? {};
    const connections = new PageConnections({
      registry: this.#registry,
      clock,
      disconnectMs,
      onError,
      onJoin,
      onLeave,
    });
    this.#connections = connections;
    this.#line = new PageLine({
      broker: host.isShared ? host.broker : null,
      onError,
      onChanged: (key) => void connections.refresh(key),
      onDoubt: () => void connections.refreshAll(),
    });
    const rejects = onUnknownConnection === "reject";
    this.#entrance = new PageEntrance({
      keys: this.#keys,
      sessions: this.#sessions,
      account,
      mayEnter: async (key) => !rejects || this.#isKnown(key),
      onFailure: (cause) => host.onFailure("pages.session", cause),
    });
  }

  /** The same options, with visitors let in that bring nothing but their page. */
  letIn(options: GatewayOptions): GatewayOptions {
    const { authenticate = [] } = options;
    const asked = typeof authenticate === "function" ? [authenticate] : authenticate;
    return { ...options, authenticate: [...asked, this.#entrance.authenticate] };
  }

  /** `links` for those whose page, if they name one, is in order. */
  before(links: Entrance): Entrance {
    return this.#entrance.before(links);
  }

  /** The connection key of the page that a link was opened by; null: by none. */
  keyOf(request: RequestInfo): string | null {
    return this.#entrance.keyOf(request);
  }

  /** Sees to it that a connection is on the channels of its page. It names none itself, since those change without it. */
  readonly source: SubscriptionSource = ({ connection, principal, request }) => {
    const key = this.keyOf(request);
    // Its channels are those of an account.
    if (key === null || principal.account !== this.account) return [];
    // Whoever asks sources is one of the gateway's own connections.
    return this.#arrive(key, connection as PageConnection);
  };

  /** A connection was announced: it joins its page. Never rejects; null where there is nothing to wait for. */
  enter(connection: PageConnection): Promise<void> | null {
    return this.#connections.enter(connection);
  }

  /** A connection is over. */
  leave(connection: PageConnection): void {
    this.#connections.leave(connection);
  }

  async page(request: IncomingMessage, response: ServerResponse): Promise<Page> {
    if (!isOfNode(request, response)) throw new UsageError("usage.bad-argument", notOfNode);
    let page = this.#pages.get(request);
    if (page === undefined) {
      page = this.#sessions.of(request, response).then((sessionKey) => this.#newPage(sessionKey));
      this.#pages.set(request, page);
      page.catch(() => this.#pages.delete(request));
    }
    return page;
  }

  async pageFor({ cookie, secure = false }: PageRequest): Promise<NeutralPage> {
    if (this.#options.session !== undefined) {
      const key = await this.#sessions.read({ headers: cookie === undefined ? {} : { cookie } });
      if (key !== null) return { ...this.#newPage(key), setCookie: null };
      throw new UsageError(
        "usage.bad-argument",
        "gateway.pageFor: expected a session that holds a key, got none; put `newSessionKey()` there before",
      );
    }
    const signingKey = this.#keys.session;
    const { key, isNew } = sessionKeyOf(cookie, signingKey);
    return { ...this.#newPage(key), setCookie: isNew ? setCookieText(key, { signingKey, secure }) : null };
  }

  subscribe(key: string, channels: readonly string[]): Promise<void> {
    return this.#change("page.subscribe", key, async () => this.#add(key, channels));
  }

  unsubscribe(key: string, channels: readonly string[]): Promise<void> {
    return this.#change("page.unsubscribe", key, () => this.#registry.remove(key, channels));
  }

  /** @throws {UsageError} `usage.bad-argument`, `usage.closed` @throws {GatewayError} as `Gateway.publish` */
  async pushTo(key: string | null, channel: string, message: unknown): Promise<void> {
    const problem = channelProblem(channel);
    if (problem !== null) throw new UsageError("usage.bad-argument", `gateway.pushTo: channel: ${problem}`);
    const { broker, clock, observer, maxEventBytes } = this.#host;
    const body = pushBody(channel, message);
    const bytes = byteLength(body);
    if (bytes > maxEventBytes)
      throw new GatewayError(
        "gateway.too-large",
        `gateway.pushTo: expected an event of at most ${maxEventBytes} bytes as JSON, got ${bytes}`,
      );
    if (this.#host.isClosed()) throw closedError("pushTo");
    if (typeof key !== "string" || key === "") return;
    const own = companion("page", key);
    const startedAt = clock.now();
    // In turn, so that the order of calls is that of the messages.
    await this.#connections.inTurn(key, async () => {
      const known = await this.#registry.read(key);
      if (known === null) return;
      const isNew = !known.some((registered) => registered.channel === own);
      if (isNew) await this.#add(key, [own]);
      if (isNew || this.#line.isUntold(key)) {
        void this.#connections.refresh(key);
        await this.#line.tell(key);
      }
      await broker.append(streamName(this.account, own), { body });
      observer.accepted("log", false, clock.now() - startedAt);
      // By the channel that it is meant for: logs are no place for keys.
      observer.saw?.({ account: this.account, channel, event: "message", data: message, bytes });
    });
  }

  /** Once all connections are over. A registry that does not answer has as long for all of it as it has for one answer. */
  async close(): Promise<void> {
    const { clock } = this.#host;
    const timer = clock.setTimer(() => this.#registry.giveUp(), this.#registry.withinMs);
    await this.#connections.close();
    clock.clearTimer(timer);
    await this.#line.close();
    if (this.#options.registry === undefined) await this.#registry.close();
  }

  #newPage(sessionKey: string): Page {
    const { connectionId, connection } = this.#keys;
    const id = newConnectionId();
    return createPage(this, signConnectionId(id, connectionId), connectionKey(connection, sessionKey, id));
  }

  async #arrive(key: string, connection: PageConnection): Promise<readonly string[]> {
    // From here on no change goes by unheard.
    await this.#line.ready();
    await this.#connections.arrive(key, connection);
    return [];
  }

  /** What can't be found out is taken for a yes: its connection comes back when that is so still once it is in. */
  async #isKnown(key: string): Promise<boolean> {
    if (key === "") return false;
    try {
      return (await this.#registry.read(key)) !== null;
    } catch (error) {
      this.#host.onError(error);
      return true;
    }
  }

  async #change(method: string, key: string, make: () => Promise<void>): Promise<void> {
    if (this.#host.isClosed()) throw closedError(method);
    await this.#connections.change(key, make);
    await this.#line.tell(key);
  }

  /** From where the channels are now, so that what comes before the socket does is not lost to it. */
  async #add(key: string, channels: readonly string[]): Promise<void> {
    const { initialMs = pagesDefaults.timeouts.initialMs } = this.#options.timeouts ?? {};
    const heads = await this.#host.broker.heads(channels.map((channel) => streamName(this.account, channel)));
    const registered = channels.map<Registered>((channel, index) => ({ channel, position: heads[index] ?? null }));
    await this.#registry.add(key, registered, initialMs);
  }
}
