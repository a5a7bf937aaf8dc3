// What a gateway is made of: puts hub, doors, sessions and products together, and takes them apart in order.
import { systemClock } from "@trunkline/core/clock";
import type { Clock, StreamName } from "@trunkline/core/ports";
import type { Admitted, Situation } from "./admission.ts";
import { createReception } from "./auth/reception.ts";
import type { RequestInfo } from "./auth/request-info.ts";
import type { WaitingRoom } from "./auth/waiting-room.ts";
import { type Doors, createDoors } from "./doors/doors.ts";
import type { Readiness } from "./doors/health.ts";
import { spreadMsOf } from "./drain.ts";
import { Fence } from "./fence.ts";
import { GatewayEmitter } from "./gateway-events.ts";
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
import { createStats, publishObserver } from "./metrics.ts";
import { type GatewayOptions, resolveOptions, sessionConfig } from "./options.ts";
import { OwnPublishing } from "./own-publishing.ts";
import { Pages } from "./pages/pages.ts";
import { pushLine } from "./push-line.ts";
import { Attendance } from "./presence/attendance.ts";
import { noPresence } from "./presence/attending.ts";
import { Presence } from "./presence/presence.ts";
import { publishLog } from "./publish-log.ts";
import { Revocation } from "./revocation.ts";
import { Roster } from "./roster.ts";
import { SessionDriver } from "./session-driver.ts";
import type { SessionHost } from "./session-host.ts";
import type { SessionLink } from "./session-link.ts";
import type { VolatileLine } from "./volatile-line.ts";

/** Bytes of answers that a peer may leave unread, beyond the budget for events; far above what it gets at once. */
const answersBytes = 4 * 1024 * 1024;
/** How often it is looked who is due, as a part of the shortest time that can be. */
const sweepsPerPeriod = 20;

/** What a gateway is made of, put together. */
export class GatewayParts {
  readonly stats = createStats();
  readonly events: GatewayEmitter;
  readonly #host: SessionHost;
  readonly #hub: Hub;
  readonly clock: Clock;
  /** Milliseconds that connections get to leave when nothing else is said. */
  readonly drainMs: number;
  readonly roster: Roster;
  readonly doors: Doors;
  readonly #relay: LinkRelay;
  readonly #headTimer: HeadTimer;
  readonly #fence: Fence;
  readonly revocation: Revocation;
  readonly pushes: VolatileLine;
  readonly #waitingRoom: WaitingRoom;
  readonly own: OwnPublishing;
  readonly presence: Presence | null;
  readonly listeners: Listeners;
  readonly pages: Pages | null;
  readonly #closeBroker: () => Promise<void>;
  #greeting = 0;
  #brokerAvailable = true;
  #closed = false;

  constructor(options: GatewayOptions) {
    const resolved = resolveOptions(options);
    const { limits } = resolved;
    const stats = this.stats;
    const clock = options.clock ?? systemClock;
    this.clock = clock;
    this.drainMs = resolved.drainMs;
    const sweepMs = Math.max(1, Math.min(resolved.heartbeatMs, resolved.greetTimeoutMs) / sweepsPerPeriod);
    const roster = new Roster(clock, sweepMs);
    this.roster = roster;
    this.events = new GatewayEmitter(options.logger, () => (stats.errors += 1));
    const { logger } = this.events;
    warnOfMemory(options, logger);
    const { logPayload } = options;
    const onUnlogged = (cause: unknown): void => this.events.callbackFailed("logPayload", cause);
    const log = options.logger && publishLog({ logger, logPayload, onFailure: onUnlogged });
    const observer = publishObserver(stats, log);
    // A broker of the gateway's own has no other gateways.
    const others = options.broker ?? null;
    const onError = (error: unknown): void => this.events.report(error);
    const onGreeting = (change: 1 | -1): void => void (this.#greeting += change);
    this.revocation = new Revocation({ broker: others, clock, onError, connections: () => [...roster.sessions] });
    const attendance = new Attendance(options.authorizePresence, (cause) =>
      this.events.callbackFailed("authorizePresence", cause),
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
            onFailure: (what, cause) => this.events.callbackFailed(what, cause),
            onJoin: (connection) => this.events.emit("join", connection, connection.request),
            onLeave: (connection) => void this.events.emit("leave", connection, connection.request),
          });
    this.pages = pages;
    const grants = new Grants({
      scope: options.scope,
      sources: pages === null ? resolved.sources : [...resolved.sources, pages.source],
      authorize: options.authorize,
      attendance: resolved.presence === null ? null : attendance,
      clock,
      withinMs: resolved.greetTimeoutMs,
      onFailure: (what, cause) => this.events.callbackFailed(what, cause),
    });
    const reception = createReception(pages === null ? options : pages.letIn(options), resolved, {
      clock,
      greeting: () => this.#greeting,
      onGreeting,
      onFailure: (cause) => this.events.callbackFailed("authenticate", cause),
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
        if (available) this.presence?.onAvailable();
      },
      onOpen: (stream) => this.presence?.opened(stream),
      serializerOf: serializerOf(options.serialize, (cause) => this.events.callbackFailed("serialize", cause)),
    });
    this.pushes = pushLine(broker, this.#hub, (push, time) => this.listeners.onPush(push, time));
    const entrance = linkEntrance(reception.entrance, grants, this.revocation.line, this.pushes);
    const links = pages === null ? entrance : pages.before(entrance);
    const { presence: settings } = resolved;
    const isShared = others !== null;
    const open = (): Iterable<StreamName> => this.#hub.streams;
    const rates = { rate: limits.messagesPerSecond, burst: limits.messageBurst };
    this.presence =
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
          this.revocation.line.checkHead(isOver),
          this.listeners.checkHeads(isOver),
          this.presence?.checkHeads(isOver),
        ]);
      },
      onError,
    });
    this.own = new OwnPublishing({
      broker,
      contract: options.contract,
      maxEventBytes: limits.eventBytes,
      observer,
      clock,
      logger,
      isClosed: () => this.#closed,
    });
    const { publishing } = this.own;
    this.listeners = new Listeners({
      broker,
      clock,
      logger,
      onError,
      publisher: (account) => this.own.publisher(account),
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
    this.doors = createDoors({
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
      expulsionOf: (connection, mark) => this.revocation.missed(connection, mark),
      fence: this.#fence,
      clock,
      maxUnreadBytes,
      stats,
      logger,
      publishing: createLinkPublishing({
        publishing,
        authorize: options.authorizePublish,
        stats,
        onFailure: (cause) => this.events.callbackFailed("authorizePublish", cause),
      }),
      presence: this.presence ?? noPresence,
      spreadMs: () => spreadMsOf(roster.sessions.length),
      pageOf: (request) => pages?.keyOf(request) ?? null,
      announce: (driver) => {
        const announced = this.events.emit("connection", driver);
        const entered = pages?.enter(driver) ?? null;
        return announced === null || entered === null ? (announced ?? entered) : Promise.all([announced, entered]);
      },
      incoming: (data, connection) => void this.events.emit("incoming", { data, connection }),
      onGreeting,
      onOver: (driver, announced, code) => {
        roster.over(driver);
        this.#restHeadTimer();
        if (announced) void this.events.emit("disconnection", driver, code);
        pages?.leave(driver);
      },
      onGone: (driver) => roster.gone(driver),
    };
    for (const listener of resolved.listeners) this.listeners.add(listener);
    if (this.listeners.size > 0) this.#headTimer.start();
  }

  /** Nothing can be asked of it any more. */
  get closed(): boolean {
    return this.#closed;
  }

  get draining(): boolean {
    return this.stats.draining;
  }

  /** @param closeDoors lets nobody in any more; called once all connections are over */
  async close(drainMs: number, closeDoors: () => Promise<void>): Promise<void> {
    this.stats.draining = true;
    this.#waitingRoom.clear();
    this.events.logger.info("draining", { connections: this.roster.sessions.length, drainMs });
    await letGo(this.roster, this.#hub, this.clock, drainMs);
    await closeDoors();
    // What they have heard is answered while publishing is possible.
    await this.listeners.close();
    this.#closed = true;
    this.roster.stop();
    this.#headTimer.stop();
    await this.pages?.close();
    await this.#relay.close();
    await this.#fence.close();
    await this.revocation.line.close();
    await this.pushes.close();
    await this.presence?.close();
    await this.#hub.close();
    await this.#closeBroker();
  }

  /** Something is to be heard, or said again should the broker lose it, whether somebody is connected here or not. */
  watchHeads(): void {
    if (!this.#closed && (this.revocation.line.hasSaid || this.listeners.size > 0)) this.#headTimer.start();
  }

  /** Nobody is connected or listens, and nothing was said that would be said again were it lost: heads mean nothing to anybody. */
  #restHeadTimer(): void {
    if (this.roster.sessions.length === 0 && !this.revocation.line.hasSaid && this.listeners.size === 0)
      this.#headTimer.stop();
  }

  #readiness(): Readiness {
    if (this.stats.draining) return { ready: false, reason: "draining" };
    return this.#brokerAvailable ? { ready: true } : { ready: false, reason: "broker-unavailable" };
  }
}
