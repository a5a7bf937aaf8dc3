// One WebSocket, written to by hand: data frames are prebuilt buffers that go straight to the socket, so that one buffer
// serves all subscribers. That is in order with what `ws` writes (close and pong), because without compression it writes
// whole frames synchronously.
import type { Socket } from "node:net";
import { maxCloseReasonBytes, meantCloseCode, truncateBytes } from "@trunkline/core/wire";
import { WebSocket } from "ws";
import type { LinkOwner, SessionLink } from "../session-link.ts";

/** The `ws` socket of a gateway. Its link is a field, so that no connection needs listeners of its own. */
export class GatewaySocket extends WebSocket {
  link: WsLink | null = null;

  /** `ws` calls this when the peer's close frame arrives: nothing may be written after the answer. */
  override close(code?: number, data?: string | Buffer): void {
    this.link?.leaving();
    super.close(code, data);
  }
}

export interface WsLinkOptions {
  readonly ws: GatewaySocket;
  readonly socket: Socket;
  readonly owner: LinkOwner;
  /** A peer that leaves more unread is given no pong, which is small but may be asked for for ever. */
  readonly maxUnreadBytes: number;
}

export class WsLink implements SessionLink {
  readonly #socket: Socket;
  readonly #ws: GatewaySocket;
  readonly #owner: LinkOwner;
  readonly #maxUnreadBytes: number;
  #open = true;
  /** While somebody waits for the kernel to take what was written. */
  #drained: Promise<void> | null = null;

  constructor({ ws, socket, owner, maxUnreadBytes }: WsLinkOptions) {
    this.#maxUnreadBytes = maxUnreadBytes;
    this.#ws = ws;
    this.#socket = socket;
    this.#owner = owner;
    ws.link = this;
    ws.on("message", onMessage);
    ws.on("ping", onPing);
    ws.on("close", onClose);
    ws.on("error", onError);
  }

  get unread(): number {
    return this.#socket.writableLength;
  }

  write(frames: Buffer): void {
    if (!this.#open) return;
    try {
      this.#socket.write(frames);
    } catch {
      this.#owner.onFailure();
      this.terminate();
    }
  }

  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  drained(): Promise<void> {
    const socket = this.#socket;
    // Gone, or not full yet and the kernel takes the rest soon: the others get their turn meanwhile, and the news of its end can come.
    if (!this.#open || socket.destroyed || !socket.writableNeedDrain)
      return new Promise((resolve) => void setImmediate(resolve));
    // One for all of its streams that wait: a listener for each would take ever longer to be taken off.
    this.#drained ??= new Promise((resolve) => {
      const done = (): void => {
        socket.off("drain", done).off("close", done);
        this.#drained = null;
        resolve();
      };
      socket.on("drain", done).on("close", done);
    });
    return this.#drained;
  }

  /** Says goodbye after everything written; the peer gets a while to answer. */
  close(code: number, reason: string): void {
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.close(code, truncateBytes(reason, maxCloseReasonBytes));
  }

  /** Drops the socket at once. */
  terminate(): void {
    this.leaving();
    this.#ws.terminate();
  }

  ping(data: Buffer): void {
    if (this.#open && this.unread <= this.#maxUnreadBytes) this.#ws.pong(data);
  }

  pong(): void {
    if (this.#open) this.#owner.onPong();
  }

  leaving(): void {
    this.#open = false;
  }

  text(text: string): void {
    if (this.#open) this.#owner.onText(text);
  }

  binary(): void {
    if (this.#open) this.#owner.onBinary();
  }

  end(code: number): void {
    this.leaving();
    // Asked now instead of listened for: a listener per socket would weigh on every idle connection.
    if (this.#socket.errored !== null) this.#owner.onFailure();
    this.#owner.onEnd(meantCloseCode(code));
  }

  failed(): void {
    this.#owner.onFailure();
  }
}

// Shared by all sockets; `ws` calls them with the socket as `this`.
function onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  const { link } = this as GatewaySocket;
  if (isBinary) link?.binary();
  else link?.text(String(data));
}

function onPing(this: WebSocket, data: Buffer): void {
  (this as GatewaySocket).link?.ping(data);
}

function onClose(this: WebSocket, code: number): void {
  (this as GatewaySocket).link?.end(code);
}

/** Broken frames end here too (`ws` has closed with 1002, 1007 or 1009 already); the close event follows. */
function onError(this: WebSocket): void {
  (this as GatewaySocket).link?.failed();
}
