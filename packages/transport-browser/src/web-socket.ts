// Small on purpose: this file is part of every browser bundle.
import { LinkError } from "@trunkline/core/errors";
import type { Link, LinkClose, LinkListener, LinkRequest, Transport } from "@trunkline/core/ports";
import { browserCloseCode, maxCloseReasonBytes, meantCloseCode } from "@trunkline/core/wire";

/** The part of the standard WebSocket that is used. */
export interface WebSocketLike {
  readonly readyState: number;
  readonly bufferedAmount: number;
  readonly protocol: string;
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

export interface WebSocketTransportOptions {
  /** @defaultValue `globalThis.WebSocket`, looked up for each link */
  readonly WebSocket?: WebSocketConstructor;
}

/** A Transport over the standard WebSocket: browsers, workers, Node ≥ 22, Bun, Deno. */
export function webSocketTransport(options: WebSocketTransportOptions = {}): Transport {
  return {
    name: "websocket",
    open: (request, listener) => openLink(options.WebSocket ?? globalThis.WebSocket, request, listener),
  };
}

/** `readyState` of an open WebSocket. */
const open = 1;
/** A literal, so that bundles need not carry the table of all codes. */
const abnormal: LinkClose = { code: 1006, reason: "" };

function openLink(Socket: WebSocketConstructor | undefined, request: LinkRequest, listener: LinkListener): Link {
  let ended = false;
  const end = (close: LinkClose): void => {
    if (ended) return;
    ended = true;
    listener.onClose(close);
  };
  let socket: WebSocketLike | undefined;
  try {
    // Without a constructor this throws too. Whatever is thrown may repeat the URL, and so a key: it is not passed on.
    const opened = new (Socket as WebSocketConstructor)(request.url, [...request.protocols]);
    opened.binaryType = "arraybuffer";
    opened.onopen = () => listener.onOpen(opened.protocol);
    opened.onmessage = ({ data }: { data: string | ArrayBuffer }) => {
      if (opened.readyState === open) listener.onMessage(typeof data === "string" ? data : new Uint8Array(data));
    };
    // Tells nothing, and `onclose` follows it; but sockets like those of ws throw errors nobody listens to.
    opened.onerror = () => {};
    opened.onclose = ({ code, reason }: LinkClose) => end({ code: meantCloseCode(code), reason });
    socket = opened;
  } catch {
    const message = Socket ? "bad WebSocket URL or subprotocol" : "no global WebSocket: pass one to webSocketTransport";
    void Promise.resolve().then(() => end({ ...abnormal, cause: new LinkError("link.lost", message) }));
  }
  return {
    raw: socket,
    get bufferedAmount() {
      return socket?.bufferedAmount ?? 0;
    },
    send: (data) => {
      // The cast: the DOM's type excludes memory shared between threads, which no caller here has.
      if (socket?.readyState === open) socket.send(data as string | Uint8Array<ArrayBuffer>);
    },
    close: (code, reason) => socket?.close(browserCloseCode(code), cutReason(reason)),
    terminate: () => {
      socket?.close();
      end(abnormal);
    },
  };
}

/** The platform's decoder keeps back a code point that was cut in two, and is no part of the bundle. */
function cutReason(reason: string): string {
  const bytes = new TextEncoder().encode(reason).subarray(0, maxCloseReasonBytes);
  return new TextDecoder().decode(bytes, { stream: true });
}
