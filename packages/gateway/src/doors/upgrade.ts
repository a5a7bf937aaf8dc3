// Where WebSockets come in: admission decides, `ws` shakes hands.
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Logger } from "@trunkline/core/ports";
import { subprotocol } from "@trunkline/core/wire";
import { WebSocketServer } from "ws";
import { type Admitted, type Applicant, type Refused, type Situation, admit, decideAdmission } from "../admission.ts";
import type { Authenticated } from "../auth/entrance.ts";
import type { Reception } from "../auth/reception.ts";
import type { RequestInfo } from "../auth/request-info.ts";
import type { Unavailable } from "../auth/waiting-room.ts";
import { type GatewayStats, countRefused } from "../metrics.ts";
import type { LinkOwner, SessionLink } from "../session-link.ts";
import { RawLink } from "./raw-link.ts";
import { refuseUpgrade } from "./refuse-upgrade.ts";
import { GatewaySocket, WsLink } from "./ws-link.ts";

export interface UpgradeDoorOptions extends Reception {
  /** Longest frame taken, in bytes. */
  readonly incomingBytes: number;
  readonly stats: GatewayStats;
  readonly logger: Logger;
  /** What the paths of raw links begin with; null: there are none. */
  readonly rawPrefix: string | null;
  /** Bytes of answers that a link may leave unread. */
  readonly maxUnreadBytes: number;
  situation(): Situation;
  /** A link is wanted: starts its session. */
  accept(admitted: Admitted, request: RequestInfo, linkTo: (session: LinkOwner) => SessionLink): void;
}

/**
 * An `upgrade` listener. False when the path is somebody else's, and nothing was done.
 * @param alone whether nobody else takes upgrades of this server: where somebody does, raw links need a prefix of their own
 */
export type UpgradeDoor = (request: IncomingMessage, socket: Duplex, head: Buffer, alone: boolean) => boolean;

/**
 * Whether a request asks for a WebSocket. Others are answered as if they asked for nothing, as RFC 9110 §7.8 allows: some clients of HTTP offer
 * `Upgrade: h2c` with all they ask for.
 */
export function isWebSocketUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket";
}

/** How long a peer may take to answer a close frame, in milliseconds. */
const closeTimeout = 10_000;

export function createUpgradeDoor(options: UpgradeDoorOptions): UpgradeDoor {
  const { stats, logger, entrance, waitingRoom, maxUnreadBytes } = options;
  const settings = {
    noServer: true,
    // Frames are shared by all sockets and written past `ws`, which compression would forbid.
    perMessageDeflate: false,
    clientTracking: false,
    // The link answers, as long as somebody reads.
    autoPong: false,
    maxPayload: options.incomingBytes,
    closeTimeout,
    WebSocket: GatewaySocket,
    handleProtocols: (offered: Set<string>) => (offered.has(subprotocol) ? subprotocol : false),
  } as const;
  const server = new WebSocketServer(settings);

  return (message, socket, head, alone) => {
    const request = options.readRequest(message);
    const refuse = ({ status, error }: Refused): void => {
      countRefused(stats, error.code);
      logger.info("upgrade refused", { path: request.path, status, code: error.code });
      refuseUpgrade(socket, status, error);
    };
    // A peer that is gone before the answer is no news; `ws` listens for itself from then on.
    const open = (opened: (ws: GatewaySocket) => void): void => server.handleUpgrade(message, socket, head, opened);
    const shakeHands = (admitted: Admitted): void => {
      request.settle();
      const link = { socket: socket as Socket, maxUnreadBytes };
      if (admitted.dialect !== "raw")
        return open((ws) => options.accept(admitted, request, (owner) => new WsLink({ ...link, ws, owner })));
      if (!socket.destroyed)
        options.accept(admitted, request, (owner) => new RawLink({ ...link, owner, shakeHands: open }));
    };
    const decide = (applicant: Applicant, who: Authenticated | Unavailable | null): void => {
      const admission = admit(applicant, who, options.situation());
      if (admission.kind === "refused") refuse(admission);
      else shakeHands(admission);
    };

    const rawPrefix = options.rawPrefix === "/" && !alone ? null : options.rawPrefix;
    const admission = decideAdmission(request, options.situation(), rawPrefix);
    if (admission.kind === "not-ours") return false;
    if (admission.kind === "refused") refuse(admission);
    else if (admission.kind === "turned-away") shakeHands(admission);
    else {
      const { dialect, token } = admission;
      const entry = { token, request };
      const who = dialect === "v1" ? entrance.beforeHello(entry) : entrance.enter(entry);
      // Somebody who goes away while it is found out is no news either.
      socket.on("error", destroyed);
      waitingRoom.wait(who, (said) => {
        socket.off("error", destroyed);
        decide(admission, said);
      });
    }
    return true;
  };
}

function destroyed(this: Duplex): void {
  this.destroy();
}
