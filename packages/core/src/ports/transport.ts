// The Transport port is push: a promise per message costs too much. `createConnection` (core/drive) adapts it to pull.

/** How one link is opened. */
export interface LinkRequest {
  /** ws: or wss: URL. May hold a key in the plain dialect: never log it unredacted. */
  readonly url: string;
  /** Subprotocols to offer, best first; empty for the plain dialect. */
  readonly protocols: readonly string[];
}

/** How a link ended. */
export interface LinkClose {
  /** RFC 6455 code as the peer meant it; 1006 when no close frame came. */
  readonly code: number;
  readonly reason: string;
  /** What went wrong, when something did. Holds no secret. */
  readonly cause?: unknown;
}

/**
 * What a link tells its owner. `onOpen` at most once and first, `onClose` exactly once and last (also when the link
 * never opened), messages between them. Never called before `open` has returned.
 */
export interface LinkListener {
  onOpen(protocol: string): void;
  onMessage(data: string | Uint8Array): void;
  onClose(close: LinkClose): void;
  /** Answer to `Link.ping`, in order. */
  onPong?(): void;
}

/** One connection, from its first byte to its last. */
export interface Link {
  /** Sends one frame. Dropped when the link is not open. */
  send(data: string | Uint8Array): void;
  /**
   * Closes with a close frame; idempotent. Codes this transport may not send are mapped (PROTOCOL §6.2) and the reason
   * is cut to 123 bytes. No message follows; `onClose` still comes, within the transport's own close timeout.
   */
  close(code: number, reason: string): void;
  /** Drops the connection without waiting for the peer; `onClose` (1006) is told before this returns. */
  terminate(): void;
  /** Bytes accepted by `send` and not yet given to the network. */
  readonly bufferedAmount: number;
  /** Stops `onMessage` until `resume`, where the transport can hold back the peer. */
  pause?(): void;
  resume?(): void;
  /** Sends a protocol-level ping, where the transport has one. */
  ping?(): void;
  /** The socket underneath, for those who need what the port does not say. */
  readonly raw: unknown;
}

/** Opens links. Stateless: one transport serves any number of clients. */
export interface Transport {
  readonly name: string;
  /** Starts a link and returns at once. Never throws: what fails is told by `onClose`. */
  open(request: LinkRequest, listener: LinkListener): Link;
}
