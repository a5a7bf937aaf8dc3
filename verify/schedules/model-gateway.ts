// A gateway without sockets: the real sessions and the real hub over a model broker.
import { createEntrance } from "../../packages/gateway/src/auth/entrance.ts";
import { ReadRequest } from "../../packages/gateway/src/auth/request-info.ts";
import { WaitingRoom } from "../../packages/gateway/src/auth/waiting-room.ts";
import { Fence } from "../../packages/gateway/src/fence.ts";
import { Grants } from "../../packages/gateway/src/grants.ts";
import { Hub } from "../../packages/gateway/src/hub/hub.ts";
import { createLinkPublishing } from "../../packages/gateway/src/link-publishing.ts";
import { createStats, publishObserver } from "../../packages/gateway/src/metrics.ts";
import { noPresence } from "../../packages/gateway/src/presence/attending.ts";
import { createPublishing } from "@trunkline/core/publish";
import { SessionDriver } from "../../packages/gateway/src/session-driver.ts";
import type { SessionHost } from "../../packages/gateway/src/session-host.ts";
import { byAccount, gatewayDefaults } from "@trunkline/gateway";
import type { Clock, Logger } from "@trunkline/core/ports";
import { account, secretKey } from "../world/contract.ts";
import type { ModelBroker } from "./model-broker.ts";
import type { ModelLink } from "./model-link.ts";

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export class ModelGateway {
  readonly broker: ModelBroker;
  /** What went wrong inside, which is nothing. */
  readonly errors: unknown[] = [];
  readonly #sessions = new Set<SessionDriver>();
  readonly #host: SessionHost;
  readonly #clock: Clock;
  readonly #hub: Hub;

  constructor(broker: ModelBroker, clock: Clock) {
    this.broker = broker;
    this.#clock = clock;
    const { limits, heartbeatMs, greetTimeoutMs } = gatewayDefaults;
    const stats = createStats();
    const onError = (error: unknown): void => void this.errors.push(error);
    this.#hub = new Hub({
      broker,
      clock,
      stats,
      frameBytes: limits.frameBytes,
      unreadBytes: limits.unreadBytes,
      onError,
      onAvailable: () => {},
    });
    this.#host = {
      config: {
        greetTimeoutMs,
        heartbeatMs,
        frameBytes: limits.frameBytes,
        subscriptions: limits.subscriptions,
        rate: limits.messagesPerSecond,
        burst: limits.messageBurst,
        canSubscribe: true,
        pendingPublishes: 100,
      },
      hub: this.#hub,
      entrance: createEntrance({ secretKeys: [{ key: secretKey, account }] }, onError),
      waitingRoom: new WaitingRoom({ clock, withinMs: greetTimeoutMs, hasRoom: () => true, onWaiting: () => {} }),
      fence: new Fence({ broker: null, onError }),
      clock,
      maxUnreadBytes: Number.POSITIVE_INFINITY,
      stats,
      logger: silent,
      grants: new Grants({
        scope: undefined,
        sources: [byAccount()],
        authorize: () => true,
        attendance: null,
        clock,
        withinMs: greetTimeoutMs,
        onFailure: (_, cause) => onError(cause),
      }),
      expulsionOf: () => null,
      publishing: createLinkPublishing({
        publishing: createPublishing({ broker, observer: publishObserver(stats) }),
        authorize: undefined,
        stats,
        onFailure: onError,
      }),
      presence: noPresence,
      spreadMs: () => 0,
      pageOf: () => null,
      announce: () => null,
      incoming: () => {},
      onGreeting: () => {},
      onOver: (driver) => void this.#sessions.delete(driver),
      onGone: () => {},
    };
  }

  accept(link: ModelLink): void {
    const admitted = { kind: "admitted", dialect: "v1", principal: null } as const;
    const driver = new SessionDriver(this.#host, admitted, new ReadRequest({ headers: {} }));
    this.#sessions.add(driver);
    link.accept(driver);
    // Only what a session uses of a socket is there.
    driver.start(link.gateway as unknown as Parameters<SessionDriver["start"]>[0], admitted);
  }

  /** Asks all connections to leave (PROTOCOL §7.4). */
  drain(): void {
    for (const session of this.#sessions) session.drain(1_000);
  }

  /** Closes what has not left. */
  close(): void {
    for (const session of this.#sessions) session.close(1001);
  }

  /** One heartbeat: pings that are due, and the heads compared with the broker's. */
  beat(): void {
    for (const session of this.#sessions) session.sweep(this.#clock.now());
    void this.#hub.checkHeads();
  }
}
