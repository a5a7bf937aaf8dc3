// Small on purpose: this file is part of every browser bundle.
import { LinkError } from "@trunkline/core/errors";
import type { Link, LinkClose, LinkListener, LinkRequest, Transport } from "@trunkline/core/ports";
import { CloseCode, browserCloseCode, maxCloseReasonBytes, meantCloseCode, truncateBytes } from "@trunkline/core/wire";

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

function openLink(Socket: WebSocketConstructor | undefined, request: LinkRequest, listener: LinkListener): Link {
  let ended = false;
  const end = (close: LinkClose): void => {
    if (ended) return;
    ended = true;
    listener.onClose(close);
  };
  const socket = create(Socket, request);
  if (socket) {
    socket.binaryType = "arraybuffer";
    socket.onopen = () => listener.onOpen(socket.protocol);
    socket.onmessage = ({ data }: { data: string | ArrayBuffer }) => {
      if (socket.readyState === open) listener.onMessage(typeof data === "string" ? data : new Uint8Array(data));
    };
    // Tells nothing, and `onclose` follows it; but a constructor like that of ws throws errors nobody listens to.
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }: LinkClose) => end({ code: meantCloseCode(code), reason });
  } else {
    const cause = new LinkError(
      "link.lost",
      Socket
        ? "WebSocket refused its arguments: check the URL and subprotocols"
        : "no global WebSocket here: pass one, webSocketTransport({ WebSocket })",
    );
    void Promise.resolve().then(() => end({ code: CloseCode.abnormal, reason: "", cause }));
  }
  return {
    raw: socket,
    get bufferedAmount() {
      return socket?.bufferedAmount ?? 0;
    },
    send: (data) => {
      // A DOM type excludes memory shared between threads, which no caller here has.
      if (socket?.readyState === open) socket.send(data as string | Uint8Array<ArrayBuffer>);
    },
    close: (code, reason) => socket?.close(browserCloseCode(code), truncateBytes(reason, maxCloseReasonBytes)),
    terminate: () => {
      socket?.close();
      end({ code: CloseCode.abnormal, reason: "" });
    },
  };
}

/** A socket, or undefined when there is none or it throws: its error repeats the URL, which may hold a key. */
function create(Socket: WebSocketConstructor | undefined, request: LinkRequest): WebSocketLike | undefined {
  try {
    return Socket && new Socket(request.url, [...request.protocols]);
  } catch {
    return undefined;
  }
}
