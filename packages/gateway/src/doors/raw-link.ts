// One link of the raw door (PROTOCOL §16). It has no word for `connected`, so the handshake is it: until the session is on its
// channel, the upgrade is not answered, and a refusal is an HTTP status.
import type { Socket } from "node:net";
import { CloseCode } from "@trunkline/core/wire";
import type { LinkOwner, SessionLink } from "../session-link.ts";
import type { WebSocket } from "ws";
import { closeStatus } from "./close-status.ts";
import { refuseUpgrade } from "./refuse-upgrade.ts";
import { type GatewaySocket, WsLink, type WsLinkOptions } from "./ws-link.ts";

export interface RawLinkOptions extends Omit<WsLinkOptions, "ws"> {
  /** Answers the upgrade. Calls back synchronously, or not at all when the peer is gone or its request is no handshake. */
  readonly shakeHands: (opened: (ws: GatewaySocket) => void) => void;
}

export class RawLink implements SessionLink {
  readonly #owner: LinkOwner;
  readonly #socket: Socket;
  /** What is needed to open it; null once that is done, or will never be. */
  #options: RawLinkOptions | null;
  #ws: WsLink | null = null;

  constructor(options: RawLinkOptions) {
    this.#options = options;
    this.#owner = options.owner;
    this.#socket = options.socket;
    this.#socket.on("error", this.#onError).on("close", this.#onClose);
  }

  get unread(): number {
    return this.#ws?.unread ?? 0;
  }

  open(): void {
    const options = this.#options;
    if (options === null) return;
    this.#options = null;
    options.shakeHands((ws) => {
      this.#socket.off("error", this.#onError).off("close", this.#onClose);
      this.#ws = new WsLink({ ...options, ws });
      ws.on("pong", onPong);
    });
  }

  write(frames: Buffer): void {
    this.#ws?.write(frames);
  }

  cork(): void {
    this.#ws?.cork();
  }

  uncork(): void {
    this.#ws?.uncork();
  }

  async drained(): Promise<void> {
    await this.#ws?.drained();
  }

  close(code: number, reason: string): void {
    if (this.#ws !== null) return this.#ws.close(code, reason);
    if (this.#options === null) return;
    this.#options = null;
    const [status, errorCode] = closeStatus(code);
    refuseUpgrade(this.#socket, status, { code: errorCode, message: reason });
  }

  terminate(): void {
    if (this.#ws === null) this.#socket.destroy();
    else this.#ws.terminate();
  }

  readonly #onError = (): void => {
    this.#owner.onFailure();
    this.#socket.destroy();
  };

  readonly #onClose = (): void => {
    this.#options = null;
    this.#owner.onEnd(CloseCode.abnormal);
  };
}

function onPong(this: WebSocket): void {
  (this as GatewaySocket).link?.pong();
}
