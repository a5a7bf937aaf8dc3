import type { Agent, IncomingMessage } from "node:http";
import type { ConnectionOptions } from "node:tls";
import { LinkError, PeerError } from "@trunkline/core/errors";
import type { Link, LinkRequest, Transport } from "@trunkline/core/ports";
import { CloseCode, browserCloseCode, maxCloseReasonBytes, truncateBytes, version } from "@trunkline/core/wire";
import { type ClientOptions, WebSocket } from "ws";
import { HeldListener } from "./held-listener.ts";
import { redactUrl } from "./redact-url.ts";

/** How the gateway's certificate is checked and one's own shown, as in `tls.connect`. */
export type TlsOptions = Pick<
  ConnectionOptions,
  "ca" | "cert" | "key" | "passphrase" | "pfx" | "rejectUnauthorized" | "servername" | "minVersion"
>;

export interface WebSocketTransportOptions {
  /** Further headers of the upgrade request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** @defaultValue `trunkline/<version>` */
  readonly userAgent?: string;
  readonly tls?: TlsOptions;
  /** What connects, for example through a proxy. */
  readonly agent?: Agent;
  /** Largest message taken from the gateway, in bytes; a larger one ends the link. @defaultValue 16 MiB */
  readonly maxPayloadBytes?: number;
  /** How long `close` waits for the peer's close frame, in milliseconds. @defaultValue 10_000 */
  readonly closeTimeoutMs?: number;
}

/** A Transport over `ws`, for Node ≥ 20.19. */
export function webSocketTransport(options: WebSocketTransportOptions = {}): Transport {
  const socketOptions: ClientOptions & { closeTimeout: number } = {
    ...options.tls,
    headers: { "User-Agent": options.userAgent ?? `trunkline/${version}`, ...options.headers },
    ...(options.agent === undefined ? {} : { agent: options.agent }),
    maxPayload: options.maxPayloadBytes ?? 16 * 1024 * 1024,
    closeTimeout: options.closeTimeoutMs ?? 10_000,
    perMessageDeflate: false,
  };
  return { name: "ws", open: (request, listener) => openLink(request, new HeldListener(listener), socketOptions) };
}

function openLink(request: LinkRequest, listener: HeldListener, options: ClientOptions): Link {
  try {
    return new NodeLink(new WebSocket(request.url, [...request.protocols], options), request.url, listener);
  } catch (error) {
    // The message of ws repeats the URL, which may hold a key.
    const said = (error as Error).message.replaceAll(request.url, redactUrl(request.url));
    const cause = new LinkError("link.lost", `expected a ws: or wss: URL and valid subprotocols: ${said}`);
    queueMicrotask(() => listener.close({ code: CloseCode.abnormal, reason: "", cause }));
    return unopened;
  }
}

/** Stands for a link whose socket could not even be created. */
const unopened: Link = { raw: undefined, bufferedAmount: 0, send: () => {}, close: () => {}, terminate: () => {} };

class NodeLink implements Link {
  readonly raw: WebSocket;
  readonly #listener: HeldListener;
  /** Pings sent and pongs told. */
  #pings = 0;
  #pongs = 0;
  /** Why the link ends, once something went wrong. */
  #failure: { readonly code: number; readonly cause: LinkError | PeerError } | null = null;

  constructor(socket: WebSocket, url: string, listener: HeldListener) {
    this.raw = socket;
    this.#listener = listener;
    socket.on("open", () => {
      listener.open(socket.protocol);
      if (listener.paused) socket.pause();
    });
    socket.on("message", (data, isBinary) => {
      // `binaryType` is left at "nodebuffer", so it is one Buffer.
      const buffer = data as Buffer;
      listener.message(isBinary ? bytes(buffer) : buffer.toString());
    });
    socket.on("pong", (data) => this.#onPong(data));
    socket.on("unexpected-response", (_request, response) => {
      this.#failure = refusal(response, url);
      response.destroy();
      socket.terminate();
    });
    socket.on("error", (error) => (this.#failure ??= failure(error, url)));
    socket.on("close", (code, reason) => {
      const failed = this.#failure;
      if (failed === null) listener.close({ code, reason: reason.toString() });
      else
        listener.close({
          code: code === CloseCode.abnormal ? failed.code : code,
          reason: reason.toString(),
          cause: failed.cause,
        });
    });
  }

  get bufferedAmount(): number {
    return this.raw.bufferedAmount;
  }

  send(data: string | Uint8Array): void {
    if (this.raw.readyState === WebSocket.OPEN) this.raw.send(data);
  }

  close(code: number, reason: string): void {
    this.#listener.leave();
    // A paused socket would never read the peer's close frame.
    this.raw.resume();
    if (code === CloseCode.noStatus) this.raw.close();
    else this.raw.close(canSend(code) ? code : browserCloseCode(code), truncateBytes(reason, maxCloseReasonBytes));
  }

  terminate(): void {
    this.#listener.leave();
    this.raw.terminate();
    this.#listener.close({ code: CloseCode.abnormal, reason: "" });
  }

  pause(): void {
    this.#listener.pause();
    this.raw.pause();
  }

  resume(): void {
    this.#listener.resume();
    if (!this.#listener.paused) this.raw.resume();
  }

  ping(): void {
    if (this.raw.readyState === WebSocket.OPEN) this.raw.ping(String(++this.#pings));
  }

  /** Unasked pongs are legal and mean nothing; one pong may stand for all pings before its own (RFC 6455 §5.5.3). */
  #onPong(data: Buffer): void {
    const answered = Number(data.toString());
    if (!(answered <= this.#pings)) return;
    while (this.#pongs < answered) {
      this.#pongs++;
      this.#listener.pong();
    }
  }
}

/** The same bytes without Buffer's own `slice`, `toString` and `toJSON`. */
function bytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Whether ws sends `code` as it is. */
function canSend(code: number): boolean {
  if (code === 1004 || code === CloseCode.noStatus || code === CloseCode.abnormal) return false;
  return (code >= 1000 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/** PROTOCOL §6.1: an upgrade refused with 401 or 403 counts as 4401 or 4403, so that the retry table applies. */
function refusal(response: IncomingMessage, url: string): { code: number; cause: LinkError } {
  const status = response.statusCode ?? 0;
  const code = status === 401 || status === 403 ? 4000 + status : CloseCode.abnormal;
  const message = `expected ${redactUrl(url)} to upgrade to a WebSocket (HTTP 101), got HTTP ${status}`;
  return { code, cause: new LinkError("link.lost", message) };
}

function failure(
  error: Error & { readonly code?: unknown },
  url: string,
): { code: number; cause: LinkError | PeerError } {
  const message = `the link to ${redactUrl(url)} failed: ${error.message}`;
  // Errors of ws about frames; all others come from the network.
  const code = typeof error.code === "string" && error.code.startsWith("WS_ERR_") ? error.code : null;
  const cause =
    code === null
      ? new LinkError("link.lost", message, { cause: error })
      : new PeerError(code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH" ? "peer.too-large" : "peer.bad-frame", message, {
          cause: error,
        });
  return { code: CloseCode.abnormal, cause };
}
