// One connection of an engine, from its dial to its end.
import { AlreadyClosedError, PeerError, TransportCloseError, UsageError } from "../errors.ts";
import type { AbortSignalLike, PlatformSignal } from "../ports/abort-signal.ts";
import type { Link, LinkClose, Transport } from "../ports/transport.ts";
import { CloseCode } from "../wire/codes.ts";
import { AbortError } from "./engine-errors.ts";
import type { EngineMessage, ReadableConnection } from "./engine-hooks.ts";
import { Inbox } from "./inbox.ts";
import { sessionId } from "./session-id.ts";

// Every JavaScript runtime has it; hooks get the platform's own signal.
declare class AbortController {
  readonly signal: AbortSignalLike;
  abort(reason?: unknown): void;
}

/** Unread messages at which a link that can't be paused is given up, with as many hands as there usually are. */
const giveUpAt = 10_000;

const unopened: Link = { send: () => {}, close: () => {}, terminate: () => {}, bufferedAmount: 0, raw: null };

const misbehaves = (expected: string): UsageError =>
  new UsageError("usage.bad-argument", `expected of the transport ${expected}: see the Transport port`);

export interface SessionOptions<Value> {
  readonly url: string;
  readonly protocols: readonly string[];
  readonly transport: Transport;
  readonly decode: ((data: string | Uint8Array) => Value) | undefined;
  /** Unread messages above which the link is paused. */
  readonly pauseAbove: number;
}

/** What a session tells its engine. */
export interface SessionListener {
  onOpen(): void;
  onMessage(): void;
  onClose(close: LinkClose): void;
}

export class EngineSession<Value> {
  readonly id = sessionId();
  /** The machine's number for it. */
  readonly attempt: number;
  readonly conn: ReadableConnection<Value>;
  /** What the handshake selected; null before its end. */
  protocol: string | null = null;
  /** How it ended, as told by its transport; null before. */
  close: LinkClose | null = null;
  #closedByHand = false;
  /** Whether what comes is for `onMessage` and leases. */
  #handedOver = false;
  /** A dead one until its transport has opened it. */
  #link: Link = unopened;
  readonly #inbox: Inbox<string | Uint8Array>;
  readonly #controller = new AbortController();
  readonly #options: SessionOptions<Value>;
  readonly #listener: SessionListener;

  constructor(attempt: number, options: SessionOptions<Value>, listener: SessionListener) {
    this.attempt = attempt;
    this.#options = options;
    this.#listener = listener;
    const { pauseAbove } = options;
    this.#inbox = new Inbox({ pauseAbove, giveUpAt: Math.max(giveUpAt, 2 * pauseAbove) }, () => this.#link);
    this.conn = this.#connection();
  }

  /** Opens its link; what the transport does against the port means nothing, or ends the session. Never throws. */
  dial(): void {
    const { url, protocols, transport } = this.#options;
    let opening = true;
    let early = false;
    // Whether what the transport tells is heeded: not before `open` has returned, nothing after the close.
    const heeded = (): boolean => {
      early ||= opening;
      return !early && this.close === null;
    };
    try {
      const link: Partial<Link> | undefined = transport.open(
        { url, protocols },
        {
          onOpen: (protocol) => {
            if (!heeded() || this.protocol !== null) return;
            this.protocol = protocol;
            this.#listener.onOpen();
          },
          onMessage: (data) => {
            if (!heeded() || this.protocol === null) return;
            this.#inbox.push(data);
            this.#listener.onMessage();
          },
          onClose: (close) => {
            if (heeded()) this.#ended(close);
          },
        },
      );
      if (typeof link?.close !== "function" || typeof link.terminate !== "function") {
        throw misbehaves("a link from open");
      }
      this.#link = link as Link;
      if (early) throw misbehaves("no call of its listener before open has returned");
    } catch (cause) {
      this.terminate(cause);
    }
    opening = false;
  }

  get signal(): PlatformSignal {
    return this.#controller.signal as PlatformSignal;
  }

  /** Whether its handshake was done. */
  get opened(): boolean {
    return this.protocol !== null;
  }

  /** Whether it was closed by hand, or given up, on this side. */
  get closedHere(): boolean {
    return this.#closedByHand || this.#inbox.gaveUp;
  }

  /** Whether every message was taken. */
  get empty(): boolean {
    return this.#inbox.size === 0;
  }

  get handshake(): { readonly protocol: string; readonly extensions: string } {
    const { extensions } = (this.#link.raw ?? {}) as { readonly extensions?: unknown };
    return { protocol: this.protocol ?? "", extensions: typeof extensions === "string" ? extensions : "" };
  }

  /** Takes the oldest message, which must be there. @throws {PeerError} when it can't be decoded */
  take(): EngineMessage<Value> {
    return this.#decoded(this.#inbox.take() as string | Uint8Array);
  }

  /**
   * @param reader who reads, until it is dismissed
   * @throws {TransportCloseError} once it has ended @throws {PeerError} when the message can't be decoded
   */
  async read(reader: object, signal?: AbortSignalLike): Promise<EngineMessage<Value>> {
    if (signal?.aborted) throw new AbortError("the read was aborted by its signal", { cause: signal.reason });
    return this.#decoded(await this.#inbox.read(signal, reader));
  }

  /** `reader` gets nothing of what comes later: whom it is for now would miss it. */
  dismiss(reader: object): void {
    this.#inbox.dismiss(
      reader,
      new UsageError("usage.closed", "expected the read to end while it was one's turn to read"),
    );
  }

  /** `onOpen` has returned: what comes is not for its reads any more. */
  handOver(): void {
    this.#handedOver = true;
    this.dismiss(this.conn);
  }

  /** @throws {AlreadyClosedError} */
  send(data: string | Uint8Array): void {
    if (this.close !== null) throw new AlreadyClosedError();
    this.#link.send(data);
  }

  /** Messages that nobody took are not taken any more. */
  drop(): void {
    this.#inbox.clear();
  }

  /** It is over for whoever uses it: `signal` aborts. */
  abort(reason: unknown): void {
    this.#controller.abort(reason);
    this.#inbox.end(new AlreadyClosedError({ cause: reason }));
  }

  /** Closes it politely, or drops it when it is not open yet. @throws what a misbehaving transport throws */
  leave(code: number, reason: string): void {
    if (this.close !== null) return;
    if (this.protocol !== null) return this.#link.close(code, reason);
    this.#link.terminate();
    this.#ended({ code: CloseCode.abnormal, reason: "" });
  }

  /** Drops the connection without waiting for the peer; then it has ended, whatever the transport does. */
  terminate(cause?: unknown): void {
    if (this.close !== null) return;
    this.#closedByHand = true;
    try {
      this.#link.terminate();
    } catch {
      // It is as gone as it can be.
    }
    this.#ended({ code: CloseCode.abnormal, reason: "", ...(cause === undefined ? {} : { cause }) });
  }

  #ended(close: LinkClose): void {
    if (this.close !== null) return;
    this.close = close;
    this.#inbox.end(new TransportCloseError(close));
    this.#listener.onClose(close);
  }

  #decoded(data: string | Uint8Array): EngineMessage<Value> {
    const type = typeof data === "string" ? "text" : "binary";
    // Without `decode` the value is the data: the type parameter's default.
    if (this.#options.decode === undefined) return { type, data, value: data as Value };
    try {
      return { type, data, value: this.#options.decode(data) };
    } catch (cause) {
      throw new PeerError("peer.bad-frame", `expected a ${type} frame that can be decoded, got one that can't`, {
        cause,
      });
    }
  }

  #connection(): ReadableConnection<Value> {
    const link = (): Link => this.#link;
    return {
      get bufferedAmount() {
        return link().bufferedAmount;
      },
      get raw() {
        return link().raw;
      },
      send: (data) => this.send(data),
      read: async ({ signal } = {}) => {
        if (!this.#handedOver) return this.read(this.conn, signal);
        throw new UsageError(
          "usage.closed",
          "expected a read before onOpen has returned, got one after it: take a lease",
        );
      },
      ping: () => {
        link().ping?.();
        return link().ping !== undefined;
      },
      close: (code = CloseCode.normal, reason = "") => {
        this.#closedByHand = true;
        this.leave(code, reason);
      },
    };
  }
}
