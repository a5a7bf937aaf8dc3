// A link between a real client and a real session: two queues that the schedule empties, and that a cut loses.
import type { Link, LinkListener } from "@trunkline/core/ports";
import type { FeedLink } from "../../packages/gateway/src/hub/feed.ts";

/** What the gateway's session is told. */
interface Owner {
  onText(text: string): void;
  onEnd(code: number): void;
}

export class ModelLink {
  /** Frames on their way, oldest first. */
  readonly toClient: string[] = [];
  readonly toGateway: string[] = [];
  readonly client: Link;
  readonly gateway: FeedLink & {
    readonly remoteAddress: undefined;
    readonly ended: boolean;
    send(text: string): void;
    close(code: number, reason: string): void;
    terminate(): void;
  };
  readonly #listener: LinkListener;
  #owner: Owner | null = null;
  #clientOpen = true;
  #gatewayOpen = true;
  /** The gateway said goodbye behind its last frame. */
  #goodbye: { readonly code: number; readonly reason: string } | null = null;
  #full = false;
  #drained: (() => void)[] = [];

  constructor(listener: LinkListener) {
    this.#listener = listener;
    this.client = {
      bufferedAmount: 0,
      raw: null,
      send: (data) => void (this.#clientOpen && this.toGateway.push(String(data))),
      close: (code, reason) => this.#endClient(code, reason),
      terminate: () => this.#endClient(1006, ""),
    };
    const write = (text: string): void => {
      if (this.#gatewayOpen && this.#goodbye === null) this.toClient.push(text);
    };
    const unread = (): number => (this.#full ? Number.MAX_SAFE_INTEGER : 0);
    const ended = (): boolean => !this.#gatewayOpen;
    this.gateway = {
      get unread() {
        return unread();
      },
      get ended() {
        return ended();
      },
      remoteAddress: undefined,
      write: (frames) => {
        for (const text of textsOf(frames)) write(text);
      },
      send: write,
      cork: () => {},
      uncork: () => {},
      drained: () =>
        new Promise((resolve) => {
          if (this.#full && this.#gatewayOpen) this.#drained.push(resolve);
          else resolve();
        }),
      close: (code, reason) => (this.#goodbye ??= { code, reason }),
      terminate: () => this.drop(),
    };
  }

  get alive(): boolean {
    return this.#clientOpen || this.#gatewayOpen;
  }

  /** The client's end is gone, and the gateway has not noticed. */
  get left(): boolean {
    return !this.#clientOpen && this.#gatewayOpen;
  }

  /** The handshake is done; from now on the session hears. */
  accept(owner: Owner): void {
    this.#owner = owner;
    if (this.#clientOpen) this.#listener.onOpen("trunkline.v1");
  }

  /** Passes the next frame on. */
  passToClient(): void {
    const next = this.toClient.shift();
    if (next !== undefined && this.#clientOpen) this.#listener.onMessage(next);
    if (this.toClient.length === 0 && this.#goodbye !== null && this.#gatewayOpen) {
      const { code, reason } = this.#goodbye;
      this.#endGateway(code);
      this.#endClient(code, reason);
    }
  }

  passToGateway(): void {
    const next = this.toGateway.shift();
    if (next !== undefined && this.#gatewayOpen) this.#owner?.onText(next);
    else if (next === undefined && !this.#clientOpen) this.#endGateway(1006);
  }

  /** The client's end is gone; the gateway notices when it looks. What was on its way is lost. */
  drop(): void {
    this.toClient.length = 0;
    this.toGateway.length = 0;
    this.#endClient(1006, "");
  }

  /** Whether the gateway's socket takes more. */
  fill(full: boolean): void {
    this.#full = full;
    if (full) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #endClient(code: number, reason: string): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    this.toClient.length = 0;
    this.#listener.onClose({ code, reason });
  }

  #endGateway(code: number): void {
    if (!this.#gatewayOpen) return;
    this.#gatewayOpen = false;
    this.#full = false;
    for (const resolve of this.#drained.splice(0)) resolve();
    this.#owner?.onEnd(code);
  }
}

/** The texts of whole, unmasked RFC 6455 text frames. */
function textsOf(frames: Buffer): readonly string[] {
  const texts: string[] = [];
  for (let at = 0; at < frames.length;) {
    const short = frames.readUInt8(at + 1);
    const header = short === 127 ? 10 : short === 126 ? 4 : 2;
    const length =
      short === 127 ? Number(frames.readBigUInt64BE(at + 2)) : short === 126 ? frames.readUInt16BE(at + 2) : short;
    texts.push(frames.toString("utf8", at + header, at + header + length));
    at += header + length;
  }
  return texts;
}
