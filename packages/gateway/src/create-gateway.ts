// The gateway: assembles hub, doors and sessions, and owns the one timer that serves them all.
import type { IncomingMessage, ServerResponse } from "node:http";
import { systemClock } from "@trunkline/core/clock";
import { UsageError } from "@trunkline/core/errors";
import type { ChannelListener } from "@trunkline/core/listener";
import type { Clock, StreamName } from "@trunkline/core/ports";
import type { Publishes } from "@trunkline/core/publish";
import type { PublishReceipt, PublishRequest } from "@trunkline/core/wire";
import type { Admitted, Situation } from "./admission.ts";
import { createReception } from "./auth/reception.ts";
import type { RequestInfo } from "./auth/request-info.ts";
import type { WaitingRoom } from "./auth/waiting-room.ts";
import { closedError } from "./closed-error.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionFilter } from "./control-command.ts";
import { type Doors, createDoors } from "./doors/doors.ts";
import type { Readiness } from "./doors/health.ts";
import { type AttachableServer, type Attachment, attachTo } from "./doors/attach.ts";
import { type Address, type ListenOptions, type OwnServer, openServer } from "./doors/own-server.ts";
import { spreadMsOf } from "./drain.ts";
import { Fence } from "./fence.ts";
import type { Gateway } from "./gateway.ts";
import { GatewayEmitter, type GatewayEvents, type GatewayListener } from "./gateway-events.ts";
import { Grants } from "./grants.ts";
import { HeadTimer } from "./hub/head-timer.ts";
import { Hub } from "./hub/hub.ts";
import { serializerOf } from "./hub/serializer.ts";
import { letGo } from "./let-go.ts";
import { linkEntrance } from "./link-entrance.ts";
import { Listeners } from "./listeners.ts";
import { LinkRelay } from "./link-relay.ts";
import { createLinkPublishing } from "./link-publishing.ts";
import { memoryBroker } from "./memory-broker.ts";
import { warnOfMemory } from "./memory-warning.ts";
import { type StatsSnapshot, createStats, publishObserver, statsSnapshot } from "./metrics.ts";
import { listenerProblem } from "./listener-problem.ts";
import { type GatewayOptions, resolveOptions, sessionConfig } from "./options.ts";
import { OwnPublishing } from "./own-publishing.ts";
import type { Page } from "./pages/page.ts";
import { type NeutralPage, type PageRequest, Pages } from "./pages/pages.ts";
import { pushLine } from "./push-line.ts";
import { Attendance } from "./presence/attendance.ts";
import { noPresence } from "./presence/attending.ts";
import type { Member } from "./presence/member.ts";
import { membersFrom } from "./presence/members-from.ts";
import { Presence } from "./presence/presence.ts";
import { publishLog } from "./publish-log.ts";
import { type DisconnectOptions, Revocation } from "./revocation.ts";
import { Roster } from "./roster.ts";
import { SessionDriver } from "./session-driver.ts";
import type { SessionHost } from "./session-host.ts";
import type { SessionLink } from "./session-link.ts";
import type { VolatileLine } from "./volatile-line.ts";

/**
 * `createGateway({ secretKeys: [{ key, account }], publicKeys: [{ key, channel }] })`
 * @throws {UsageError} `usage.bad-option` naming what is wrong; also when nobody could come in
 */
export function createGateway(options: GatewayOptions): Gateway {
  return new NodeGateway(options);
}

/** Bytes of answers that a peer may leave unread, beyond the budget for events; far above what it gets at once. */
const answersBytes = 4 * 1024 * 1024;
/** How often it is looked who is due, as a part of the shortest time that can be. */
const sweepsPerPeriod = 20;

class NodeGateway implements Gateway {
  readonly #stats = createStats();
  readonly #events: GatewayEmitter;
  readonly #host: SessionHost;
  readonly #hub: Hub;
  readonly #clock: Clock;
  readonly #drainMs: number;
  readonly #roster: Roster;
  readonly #doors: Doors;
  readonly #relay: LinkRelay;
  readonly #headTimer: HeadTimer;
  readonly #fence: Fence;
  readonly #revocation: Revocation;
  readonly #pushes: VolatileLine;
  readonly #waitingRoom: WaitingRoom;
  readonly #own: OwnPublishing;
  readonly #presence: Presence | null;
  readonly #listeners: Listeners;
  readonly #pages: Pages | null;
  readonly #closeBroker: () => Promise<void>;
  readonly #attachments = new Set<Attachment>();
  #server: OwnServer | null = null;
  #greeting = 0;
  #brokerAvailable = true;
  #closing: Promise<void> | null = null;
  #closed = false;

  constructor(options: GatewayOptions) {
    const resolved = resolveOptions(options);
    const { limits } = resolved;
    const stats = this.#stats;
    const clock = options.clock ?? systemClock;
    this.#clock = clock;
    this.#drainMs = resolved.drainMs;
    const sweepMs = Math.max(1, Math.min(resolved.heartbeatMs, resolved.greetTimeoutMs) / sweepsPerPeriod);
    const roster = new Roster(clock, sweepMs);
    this.#roster = roster;
    this.#events = new GatewayEmitter(options.logger, () => (stats.errors += 1));
    const { logger } = this.#events;
    warnOfMemory(options, logger);
    const { logPayload } = options;
    const onUnlogged = (cause: unknown): void => this.#events.callbackFailed("logPayload", cause);
    const log = options.logger && publishLog({ logger, logPayload, onFailure: onUnlogged });
    const observer = publishObserver(stats, log);
    // A broker of the gateway's own has no other gateways.
    const others = options.broker ?? null;
    const onError = (error: unknown): void => this.#events.report(error);
    const onGreeting = (change: 1 | -1): void => void (this.#greeting += change);
    this.#revocation = new Revocation({ broker: others, clock, onError, connections: () => [...roster.sessions] });
    const attendance = new Attendance(options.authorizePresence, (cause) =>
      this.#events.callbackFailed("authorizePresence", cause),
    );
    const { history } = options;
    const own = { logger, ...(history !== undefined && { history }), ...(options.clock !== undefined && { clock }) };
    const broker = options.broker ?? memoryBroker(own);
    this.#closeBroker = options.broker === undefined ? () => broker.close() : async () => {};
    const pages =
      options.pages === undefined
        ? null
        : new Pages(options.pages, {
            broker,
            isShared: others !== null,
            clock,
            greetTimeoutMs: resolved.greetTimeoutMs,
            givenClock: options.clock,
            maxEventBytes: limits.eventBytes,
            observer,
            readRequest: (source) => reception.readRequest(source),
            isClosed: () => this.#closed,
            onError,
            onFailure: (what, cause) => this.#events.callbackFailed(what, cause),
            onJoin: (connection) => this.#events.emit("join", connection, connection.request),
            onLeave: (connection) => void this.#events.emit("leave", connection, connection.request),
          });
    this.#pages = pages;
    const grants = new Grants({
      scope: options.scope,
      sources: pages === null ? resolved.sources : [...resolved.sources, pages.source],
      authorize: options.authorize,
      attendance: resolved.presence === null ? null : attendance,
      clock,
      withinMs: resolved.greetTimeoutMs,
      onFailure: (what, cause) => this.#events.callbackFailed(what, cause),
    });
    const reception = createReception(pages === null ? options : pages.letIn(options), resolved, {
      clock,
      greeting: () => this.#greeting,
      onGreeting,
      onFailure: (cause) => this.#events.callbackFailed("authenticate", cause),
    });
    this.#waitingRoom = reception.waitingRoom;
    this.#hub = new Hub({
      broker,
      clock,
      stats,
      frameBytes: limits.frameBytes,
      unreadBytes: limits.unreadBytes,
      onError,
      onAvailable: (available) => {
        this.#brokerAvailable = available;
        if (available) this.#presence?.onAvailable();
      },
      onOpen: (stream) => this.#presence?.opened(stream),
      serializerOf: serializerOf(options.serialize, (cause) => this.#events.callbackFailed("serialize", cause)),
    });
    this.#pushes = pushLine(broker, this.#hub, (push, time) => this.#listeners.onPush(push, time));
    const entrance = linkEntrance(reception.entrance, grants, this.#revocation.line, this.#pushes);
    const links = pages === null ? entrance : pages.before(entrance);
    const { presence: settings } = resolved;
    const isShared = others !== null;
    const open = (): Iterable<StreamName> => this.#hub.streams;
    const rates = { rate: limits.messagesPerSecond, burst: limits.messageBurst };
    this.#presence =
      settings === null
        ? null
        : new Presence({ broker, isShared, clock, settings, limits: rates, attendance, stats, open, onError });
    this.#headTimer = new HeadTimer({
      clock,
      everyMs: resolved.heartbeatMs,
      check: async (isOver) => {
        this.#restHeadTimer();
        await Promise.all([
          this.#hub.checkHeads(isOver),
          this.#revocation.line.checkHead(isOver),
          this.#listeners.checkHeads(isOver),
          this.#presence?.checkHeads(isOver),
        ]);
      },
      onError,
    });
    this.#own = new OwnPublishing({
      broker,
      contract: options.contract,
      maxEventBytes: limits.eventBytes,
      observer,
      clock,
      logger,
      isClosed: () => this.#closed,
    });
    const { publishing } = this.#own;
    this.#listeners = new Listeners({
      broker,
      clock,
      logger,
      onError,
      publisher: (account) => this.#own.publisher(account),
    });
    const maxUnreadBytes = limits.unreadBytes + limits.eventBytes + answersBytes;
    const situation = (): Situation => ({
      origins: resolved.origins,
      draining: stats.draining,
      greeting: this.#greeting,
      maxGreeting: limits.greetings,
    });
    const accept = (
      admitted: Admitted,
      request: RequestInfo,
      linkTo: (session: SessionDriver) => SessionLink,
    ): void => {
      const driver = new SessionDriver(this.#host, admitted, request);
      roster.add(driver);
      this.#headTimer.start();
      driver.start(linkTo(driver), admitted);
    };
    this.#relay = new LinkRelay({ broker: others, clock, onError });
    this.#fence = new Fence({ broker: others, onError });
    this.#doors = createDoors({
      options: resolved,
      reception,
      links,
      publishing,
      pages,
      relay: this.#relay,
      clock,
      stats,
      logger,
      maxUnreadBytes,
      readiness: () => this.#readiness(),
      situation,
      accept,
    });
    this.#host = {
      config: sessionConfig(resolved, options),
      hub: this.#hub,
      entrance: links,
      waitingRoom: reception.waitingRoom,
      grants,
      expulsionOf: (connection, mark) => this.#revocation.missed(connection, mark),
      fence: this.#fence,
      clock,
      maxUnreadBytes,
      stats,
      logger,
      publishing: createLinkPublishing({
        publishing,
        authorize: options.authorizePublish,
        stats,
        onFailure: (cause) => this.#events.callbackFailed("authorizePublish", cause),
      }),
      presence: this.#presence ?? noPresence,
      spreadMs: () => spreadMsOf(roster.sessions.length),
      pageOf: (request) => pages?.keyOf(request) ?? null,
      announce: (driver) => {
        const announced = this.#events.emit("connection", driver);
        const entered = pages?.enter(driver) ?? null;
        return announced === null || entered === null ? (announced ?? entered) : Promise.all([announced, entered]);
      },
      incoming: (data, connection) => void this.#events.emit("incoming", { data, connection }),
      onGreeting,
      onOver: (driver, announced, code) => {
        roster.over(driver);
        this.#restHeadTimer();
        if (announced) void this.#events.emit("disconnection", driver, code);
        pages?.leave(driver);
      },
      onGone: (driver) => roster.gone(driver),
    };
    for (const listener of resolved.listeners) this.addListener(listener);
  }

  attach(server: AttachableServer): () => void {
    this.#expectOpen("attach");
    const attachment = attachTo(server, {
      handle: (request, response) => this.handle(request, response),
      upgrade: this.#doors.upgrade,
    });
    this.#attachments.add(attachment);
    return () => {
      if (this.#attachments.delete(attachment)) attachment.detach();
    };
  }

  async listen(options: ListenOptions = {}): Promise<Address> {
    this.#expectOpen("listen");
    if (this.#server !== null) {
      throw new UsageError("usage.already-open", "gateway.listen: expected to be called once; it is listening already");
    }
    const handle = this.handle.bind(this);
    const server = openServer(options, handle, this.#doors.upgrade, this.#clock, this.ready());
    this.#server = server;
    try {
      return await server.opened;
    } catch (error) {
      this.#server = null;
      throw error;
    }
  }

  addListener(listener: ChannelListener): () => void {
    this.#expectOpen("addListener");
    const problem = listenerProblem(listener);
    if (problem !== null) throw new UsageError("usage.bad-argument", `gateway.addListener: ${problem}`);
    const undo = this.#listeners.add(listener);
    this.#headTimer.start();
    return undo;
  }

  async ready(): Promise<void> {
    this.#expectOpen("ready");
    await Promise.all([this.#listeners.ready(), this.#listeners.size > 0 ? this.#pushes.ready() : undefined]);
  }

  handle(request: IncomingMessage, response: ServerResponse): boolean {
    return this.#doors.handle(request, response);
  }

  on<Name extends keyof GatewayEvents>(name: Name, listener: GatewayListener<Name>): () => void {
    return this.#events.on(name, listener);
  }

  async publish(request: PublishRequest, { account }: { readonly account?: string } = {}): Promise<PublishReceipt> {
    return this.#own.send(account)(request, {});
  }

  publisher(account?: string): Publishes {
    return this.#own.publisher(account);
  }

  push(message: unknown, ...channels: readonly string[]): Promise<readonly PublishReceipt[]> {
    return this.#own.publisher().push(message, ...channels);
  }

  async disconnect(filter: ConnectionFilter, options?: DisconnectOptions): Promise<void> {
    if (this.#closed) throw closedError("disconnect");
    await this.#revocation.disconnect(filter, options);
    this.#watchHeads();
  }

  async reauthorize(filter: ConnectionFilter): Promise<void> {
    if (this.#closed) throw closedError("reauthorize");
    await this.#revocation.reauthorize(filter);
    this.#watchHeads();
  }

  async members(channel: string, { account }: { readonly account?: string } = {}): Promise<readonly Member[]> {
    if (this.#closed) throw closedError("members");
    return membersFrom(this.#presence, channel, account);
  }

  async page(request: IncomingMessage, response: ServerResponse): Promise<Page> {
    return this.#expectPages("page").page(request, response);
  }

  async pageFor(request: PageRequest): Promise<NeutralPage> {
    return this.#expectPages("pageFor").pageFor(request);
  }

  async pushTo(key: string | null, channel: string, message: unknown): Promise<void> {
    await this.#expectPages("pushTo").pushTo(key, channel, message);
  }

  stats(): StatsSnapshot {
    return statsSnapshot(this.#stats);
  }

  connections(): Iterable<Connection> {
    return this.#roster.sessions.filter(({ announced }) => announced);
  }

  close({ drainMs = this.#drainMs }: { readonly drainMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(drainMs);
    return this.#closing;
  }

  async #close(drainMs: number): Promise<void> {
    this.#stats.draining = true;
    this.#waitingRoom.clear();
    this.#events.logger.info("draining", { connections: this.#roster.sessions.length, drainMs });
    await letGo(this.#roster, this.#hub, this.#clock, drainMs);
    for (const attachment of this.#attachments) attachment.detach();
    this.#attachments.clear();
    await this.#server?.close();
    // What they have heard is answered while publishing is possible.
    await this.#listeners.close();
    this.#closed = true;
    this.#roster.stop();
    this.#headTimer.stop();
    await this.#pages?.close();
    await this.#relay.close();
    await this.#fence.close();
    await this.#revocation.line.close();
    await this.#pushes.close();
    await this.#presence?.close();
    await this.#hub.close();
    await this.#closeBroker();
  }

  /** Something was said that has to be said again should the broker lose it, whether somebody is connected here or not. */
  #watchHeads(): void {
    if (!this.#closed && this.#revocation.line.hasSaid) this.#headTimer.start();
  }

  /** Nobody is connected or listens, and nothing was said that would be said again were it lost: heads mean nothing to anybody. */
  #restHeadTimer(): void {
    if (this.#roster.sessions.length === 0 && !this.#revocation.line.hasSaid && this.#listeners.size === 0)
      this.#headTimer.stop();
  }

  #readiness(): Readiness {
    if (this.#stats.draining) return { ready: false, reason: "draining" };
    return this.#brokerAvailable ? { ready: true } : { ready: false, reason: "broker-unavailable" };
  }

  #expectPages(method: string): Pages {
    if (this.#pages !== null) return this.#pages;
    const problem = "expected `pages` among the options of createGateway, got none; give pages: { secret }";
    throw new UsageError("usage.bad-option", `gateway.${method}: ${problem}`);
  }

  #expectOpen(method: string): void {
    if (this.#stats.draining) throw closedError(method);
  }
}
