/**
 * Every code Trunkline throws or rejects with. The family says whose fault it is: `usage` the caller's, `link` the
 * network's, `peer` the other side's (it broke the protocol), `gateway` a refusal by the gateway. Codes are API:
 * branch on `code`, show `message`.
 */
export type ErrorCode =
  | "usage.bad-option"
  | "usage.bad-argument"
  | "usage.bad-scope"
  | "usage.closed"
  | "usage.aborted"
  | "usage.already-open"
  | "usage.unsupported"
  | "usage.listener-failed"
  | "usage.overflow"
  | "usage.not-started"
  | "usage.stop-timeout"
  | "link.lost"
  | "link.closed"
  | "link.timeout"
  | "link.token-failed"
  | "link.start-failed"
  | "peer.bad-frame"
  | "peer.too-large"
  | "gateway.bad-request"
  | "gateway.unauthorized"
  | "gateway.forbidden"
  | "gateway.unsupported"
  | "gateway.unknown-method"
  | "gateway.too-large"
  | "gateway.rate-limited"
  | "gateway.limit"
  | "gateway.conflict"
  | "gateway.outcome-unknown"
  | "gateway.superseded"
  | "gateway.unavailable"
  | "gateway.internal";

type Of<Family extends string> = Extract<ErrorCode, `${Family}.${string}`>;

/** Base of everything Trunkline throws or rejects with. */
export class TrunklineError<Code extends ErrorCode = ErrorCode> extends Error {
  // A literal, because minifiers rename classes.
  override readonly name: string = "TrunklineError";
  readonly code: Code;

  constructor(code: Code, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The caller asked for something that can't be: a bad option, a closed client, an aborted wait. */
export class UsageError extends TrunklineError<Of<"usage">> {
  override readonly name: string = "UsageError";
}

/** The network failed: a link lost, refused or silent for too long. */
export class LinkError extends TrunklineError<Of<"link">> {
  override readonly name: string = "LinkError";
}

/** How a connection that was read from ended: by the peer's close frame, or without one. */
export class TransportCloseError extends LinkError {
  override readonly name = "TransportCloseError";
  /** RFC 6455 close code as the peer meant it; 1006 when no close frame came. */
  readonly closeCode: number;
  /** The peer's words; "" when it gave none. */
  readonly reason: string;

  constructor(close: { readonly code: number; readonly reason: string; readonly cause?: unknown }) {
    const said = close.reason === "" ? "" : ` (${close.reason})`;
    super("link.lost", `the connection ended with close code ${close.code}${said}: dial again`, { cause: close.cause });
    this.closeCode = close.code;
    this.reason = close.reason;
  }
}

/** The connection that was to be used is closed, or none was ever dialled. */
export class AlreadyClosedError extends LinkError {
  override readonly name = "AlreadyClosedError";

  constructor(options?: { readonly cause?: unknown }) {
    super("link.closed", "expected an established connection, got a closed one: dial first", options);
  }
}

/** The other side broke the protocol. */
export class PeerError extends TrunklineError<Of<"peer">> {
  override readonly name = "PeerError";
}

/** The gateway refused, and said why. */
export class GatewayError extends TrunklineError<Of<"gateway">> {
  override readonly name = "GatewayError";
}
