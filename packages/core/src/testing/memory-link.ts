// A Transport whose other end a test holds: no sockets, no time. What the test does reaches the listener synchronously,
// and never before `open` has returned.
import type { Link, LinkClose, LinkListener, LinkRequest, Transport } from "../ports/transport.ts";
import { CloseCode } from "../wire/codes.ts";
import { maxCloseReasonBytes, truncateBytes } from "../wire/limits.ts";

export interface MemoryTransportOptions {
  /** `"browser"` links have no `pause`, `resume` and `ping`. @defaultValue "node" */
  readonly like?: "node" | "browser";
  /** Plays the server: gets each new peer one microtask after its link was opened. */
  readonly onLink?: (peer: MemoryPeer) => void;
}

export interface MemoryTransport {
  readonly transport: Transport;
  /** The other ends of all links ever opened, oldest first. */
  readonly peers: readonly MemoryPeer[];
  /** The newest peer. @throws when no link was opened */
  readonly last: MemoryPeer;
  /** Links opened and not closed, those still connecting included. */
  readonly alive: number;
}

/** `const { transport, peers } = memoryTransport(); client.connect(); peers[0].accept(); peers[0].deliver("…")` */
export function memoryTransport(options: MemoryTransportOptions = {}): MemoryTransport {
  const peers: MemoryPeer[] = [];
  return {
    transport: {
      name: "memory",
      open: (request, listener) => {
        const peer = new MemoryPeer(request, listener);
        peers.push(peer);
        const { onLink } = options;
        if (onLink !== undefined) void Promise.resolve().then(() => onLink(peer));
        return options.like === "browser" ? browserLink(peer) : peer.link;
      },
    },
    peers,
    get last() {
      const peer = peers.at(-1);
      if (peer === undefined) throw new Error("memoryTransport: expected an opened link, got none");
      return peer;
    },
    get alive() {
      return peers.filter((peer) => peer.state !== "closed").length;
    },
  };
}

/** The server's end of one link. Its methods throw when the link is not in the state they need. */
export class MemoryPeer {
  readonly request: LinkRequest;
  /** The client's end. */
  readonly link: Required<Link>;
  /** What the client sent, oldest first. */
  readonly received: (string | Uint8Array)[] = [];
  /** Called after each message joined `received`. */
  onReceive: ((data: string | Uint8Array) => void) | null = null;
  /** The client's close frame, or null. */
  closedWith: { readonly code: number; readonly reason: string } | null = null;
  /** Whether the client dropped the link without a close frame. */
  terminated = false;
  /** Protocol pings the client sent. */
  pings = 0;
  /** Whether pings are answered at once; otherwise by `pong()`. */
  autoPong = true;
  /** What the client's end says of itself. */
  bufferedAmount = 0;
  #state: "connecting" | "open" | "closed" = "connecting";
  #vanished = false;
  #leaving = false;
  #paused = false;
  /** Messages held back while paused, and the close that must stay behind them. */
  readonly #held: (string | Uint8Array)[] = [];
  #heldClose: LinkClose | null = null;
  readonly #listener: LinkListener;

  constructor(request: LinkRequest, listener: LinkListener) {
    this.request = request;
    this.#listener = listener;
    this.link = this.#clientEnd();
  }

  get state(): "connecting" | "open" | "closed" {
    return this.#state;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Completes the handshake. @param protocol the subprotocol; by default the first one offered */
  accept(protocol: string = this.request.protocols[0] ?? ""): void {
    this.#expect("connecting", "accept");
    this.#state = "open";
    this.#listener.onOpen(protocol);
  }

  /** Refuses the handshake; the client sees 1006. */
  refuse(cause?: unknown): void {
    this.#expect("connecting", "refuse");
    this.#end({ code: CloseCode.abnormal, reason: "", ...(cause === undefined ? {} : { cause }) });
  }

  /** Sends one message to the client. */
  deliver(data: string | Uint8Array): void {
    this.#expect("open", "deliver");
    if (this.#leaving) return;
    if (this.#paused) this.#held.push(data);
    else this.#listener.onMessage(data);
  }

  /** Sends a close frame to the client. */
  close(code: number, reason = ""): void {
    this.#expect("open", "close");
    this.#end({ code, reason });
  }

  /** Breaks the connection without a close frame, as a reset does; also how a close the peer never answered ends. */
  drop(cause?: unknown): void {
    if (this.#state === "closed")
      throw new Error("MemoryPeer.drop: expected a link that is not closed, got a closed one");
    this.#end({ code: CloseCode.abnormal, reason: "", ...(cause === undefined ? {} : { cause }) });
  }

  /** Makes the link half-open: what the client sends from now on is lost and its close is never answered. */
  vanish(): void {
    this.#vanished = true;
  }

  /** Answers one ping. */
  pong(): void {
    this.#expect("open", "pong");
    this.#listener.onPong?.();
  }

  #expect(state: "connecting" | "open", method: string): void {
    if (this.#state !== state)
      throw new Error(`MemoryPeer.${method}: expected a link that is ${state}, got ${this.#state}`);
  }

  #end(close: LinkClose): void {
    this.#state = "closed";
    if (this.#paused && !this.#leaving) this.#heldClose = close;
    else this.#listener.onClose(close);
  }

  #resume(): void {
    this.#paused = false;
    while (!this.#paused && this.#held.length > 0) this.#listener.onMessage(this.#held.shift() as string | Uint8Array);
    if (this.#paused || this.#heldClose === null) return;
    const close = this.#heldClose;
    this.#heldClose = null;
    this.#listener.onClose(close);
  }

  /** The client is done: nothing held back but the close reaches it any more. */
  #leave(close: LinkClose): void {
    this.#held.length = 0;
    this.#leaving = true;
    if (this.#heldClose !== null) this.#resume();
    else if (this.#state !== "closed") this.#end(close);
  }

  #close(code: number, reason: string): void {
    if (this.#leaving) return;
    const given = { code, reason: truncateBytes(reason, maxCloseReasonBytes) };
    const heard = this.#state === "open" && !this.#vanished;
    if (heard) this.closedWith = given;
    if (this.#state === "open" && this.#vanished) this.#leaving = true;
    else this.#leave(heard ? given : { code: CloseCode.abnormal, reason: "" });
  }

  #terminate(): void {
    if (this.#state !== "closed") this.terminated = true;
    this.#leave({ code: CloseCode.abnormal, reason: "" });
  }

  get #hears(): boolean {
    return this.#state === "open" && !this.#vanished && !this.#leaving;
  }

  #receive(data: string | Uint8Array): void {
    if (!this.#hears) return;
    this.received.push(data);
    this.onReceive?.(data);
  }

  #receivePing(): void {
    if (!this.#hears) return;
    this.pings++;
    if (this.autoPong) this.pong();
  }

  #clientEnd(): Required<Link> {
    const bufferedAmount = (): number => this.bufferedAmount;
    return {
      get bufferedAmount() {
        return bufferedAmount();
      },
      raw: this,
      send: (data) => this.#receive(data),
      close: (code, reason) => this.#close(code, reason),
      terminate: () => this.#terminate(),
      pause: () => {
        this.#paused = true;
      },
      resume: () => this.#resume(),
      ping: () => this.#receivePing(),
    };
  }
}

/** The client's end as a browser has it. */
function browserLink({ link }: MemoryPeer): Link {
  return {
    get bufferedAmount() {
      return link.bufferedAmount;
    },
    raw: link.raw,
    send: link.send,
    close: link.close,
    terminate: link.terminate,
  };
}
