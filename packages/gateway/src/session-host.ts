// What a session needs of its gateway: the same for all.
import type { Logger } from "@trunkline/core/ports";
import type { RequestInfo } from "./auth/request-info.ts";
import type { FilterSubject } from "./control-command.ts";
import type { Fence } from "./fence.ts";
import type { Hub } from "./hub/hub.ts";
import type { IncomingData } from "./incoming.ts";
import type { LinkPublishing } from "./link-publishing.ts";
import type { GatewayStats } from "./metrics.ts";
import type { Expulsion } from "./revocation.ts";
import type { SessionDriver } from "./session-driver.ts";
import type { SessionIdentityHost } from "./session-identity.ts";
import type { SessionConfig } from "./session-state.ts";

/** What all connections of a gateway share. */
export interface SessionHost extends SessionIdentityHost {
  readonly config: SessionConfig;
  readonly hub: Hub;
  readonly fence: Fence;
  /** Bytes that answers may leave unread, beyond what events may. */
  readonly maxUnreadBytes: number;
  readonly stats: GatewayStats;
  readonly logger: Logger;
  /** What was said since `mark` about a connection that is about to be let in: why it has to go, or null. */
  expulsionOf(connection: FilterSubject, mark: number): Expulsion | null;
  readonly publishing: LinkPublishing;
  /** The connection key of the page that a link was opened by, or null. */
  pageOf(request: RequestInfo): string | null;
  spreadMs(): number;
  /** Shows a connection to gateway code; a promise when that takes a while. */
  announce(connection: SessionDriver): Promise<unknown> | null;
  /** Shows gateway code what a client said. */
  incoming(data: IncomingData, connection: SessionDriver): void;
  /** One more or less link that has not said hello, or waits to be let in. */
  onGreeting(change: 1 | -1): void;
  /** The session is over; its link may still be saying goodbye. `announced`: gateway code has seen it. */
  onOver(driver: SessionDriver, announced: boolean, code: number): void;
  /** The link is gone. */
  onGone(driver: SessionDriver): void;
}
