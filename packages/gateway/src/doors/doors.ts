// All doors of a gateway: WebSockets, event streams, HTTP publishes, and what operators ask for.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock, Logger } from "@trunkline/core/ports";
import type { Publishing } from "@trunkline/core/publish";
import { publishPath, streamPath } from "@trunkline/core/wire";
import type { Situation } from "../admission.ts";
import type { Entrance } from "../auth/entrance.ts";
import type { Reception } from "../auth/reception.ts";
import { pathOf } from "../auth/request-info.ts";
import type { LinkRelay } from "../link-relay.ts";
import { type GatewayStats, metricsPage } from "../metrics.ts";
import type { ResolvedOptions } from "../options.ts";
import { pagesPath } from "../own-paths.ts";
import { type EventStreamDoorOptions, createEventStreamDoor } from "./event-stream.ts";
import { type HealthOptions, createHealth } from "./health.ts";
import { type PagesApiOptions, createPagesApi } from "./pages-api.ts";
import { createPublishApi } from "./publish-api.ts";
import { noEventStream, noUpgrade } from "./switched-off.ts";
import { type UpgradeDoor, createUpgradeDoor } from "./upgrade.ts";

export interface DoorsOptions {
  readonly options: ResolvedOptions;
  readonly reception: Reception;
  /** Who may have a link. */
  readonly links: Entrance;
  readonly publishing: Publishing;
  /** null: the gateway has no page sessions. */
  readonly pages: PagesApiOptions["pages"] | null;
  readonly relay: LinkRelay;
  readonly clock: Clock;
  readonly stats: GatewayStats;
  readonly logger: Logger;
  /** Bytes of answers that a WebSocket may leave unread. */
  readonly maxUnreadBytes: number;
  readonly readiness: HealthOptions["readiness"];
  situation(): Situation;
  /** A link is wanted: starts its session. */
  readonly accept: EventStreamDoorOptions["accept"];
}

export interface Doors {
  readonly upgrade: UpgradeDoor;
  /** Answers a request for one of the gateway's paths; false when it is none of them, and nothing is done. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
}

export function createDoors(given: DoorsOptions): Doors {
  const { options, reception, links, publishing, pages, relay, clock, stats, logger, accept } = given;
  const { bodyTimeoutMs, enabled, origins, limits } = options;
  const { incomingBytes } = limits;
  const situation = (): Situation => given.situation();
  const posts = {
    ...reception,
    origins,
    isAccepting: () => !stats.draining,
    maxBodyBytes: limits.bodyBytes,
    bodyTimeoutMs,
    clock,
    stats,
    logger,
  };
  const publishApi = createPublishApi({ ...posts, publishing });
  const pagesApi = pages === null ? null : createPagesApi({ ...posts, pages });
  const health = createHealth({ readiness: given.readiness, metrics: metricsPage(stats) });
  const door = { ...reception, entrance: links, incomingBytes, stats, logger, situation };
  const eventStream = createEventStreamDoor({ ...door, bodyTimeoutMs, clock, accept, relay });
  const upgrade = createUpgradeDoor({
    ...door,
    rawPrefix: options.rawPrefix,
    accept,
    maxUnreadBytes: given.maxUnreadBytes,
  });
  return {
    upgrade: enabled ? upgrade : noUpgrade,
    handle(request, response) {
      const path = pathOf(request.url ?? "/");
      if (path === publishPath) publishApi(request, response);
      else if (path === pagesPath && pagesApi !== null) pagesApi(request, response);
      else if (path === streamPath) (enabled ? eventStream : noEventStream)(request, response);
      else return health(path, request, response);
      return true;
    },
  };
}
