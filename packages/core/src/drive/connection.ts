// The pull side of a Transport: one connection at a time, read by whoever asks. For leases, probes and scripts; the
// client itself listens to the push port.
import type { AbortSignalLike } from "../ports/abort-signal.ts";
import type { Link, LinkClose, Transport } from "../ports/transport.ts";
import { AlreadyClosedError, TransportCloseError, UsageError } from "../errors.ts";
import { CloseCode, MessageType } from "../wire/codes.ts";
import { Inbox } from "./inbox.ts";
import { aborted, Waiter } from "./waiter.ts";

/** One whole message; never a control frame. */
export type Message =
  | { readonly type: typeof MessageType.text; readonly data: string }
  | { readonly type: typeof MessageType.binary; readonly data: Uint8Array };

export interface DialOptions {
  /** Subprotocols to offer, best first. @defaultValue [] */
  readonly protocols?: readonly string[];
  readonly signal?: AbortSignalLike;
}

interface WaitOptions {
  readonly signal?: AbortSignalLike;
}

/** One slot for one link. An aborted wait rejects with {@link UsageError} `usage.aborted`. */
export interface Connection {
  /**
   * Resolves with the selected subprotocol ("" without) after the handshake. A connection can be dialled again after a
   * close or a loss.
   * @throws {UsageError} `usage.already-open` while a connection is dialled or established
   * @throws {TransportCloseError} when the link can't be established
   * @throws {AlreadyClosedError} when `close` came first
   */
  dial(url: string, options?: DialOptions): Promise<string>;
  /**
   * The next message, in order; what came before a loss can still be read after it.
   * @throws {TransportCloseError} when the peer or the network ended the connection
   * @throws {AlreadyClosedError} when `close` was called, or nothing was dialled
   */
  read(options?: WaitOptions): Promise<Message>;
  /**
   * Resolves once the link has taken the message.
   * @throws {UsageError} `usage.bad-argument` unless text is a string and binary a Uint8Array
   * @throws {AlreadyClosedError} without a connection
   */
  write(type: MessageType, data: string | Uint8Array): Promise<void>;
  /**
   * Frees the slot, rejects everything that waits, drops unread messages, and resolves once the link has ended.
   * @throws {AlreadyClosedError} without a connection
   */
  close(code?: number, reason?: string): Promise<void>;
  /**
   * Resolves on the pong. At most 10 pings may be unanswered.
   * @throws {UsageError} `usage.unsupported` where the transport has no ping, as in browsers
   * @throws {TransportCloseError} when the connection is lost first
   * @throws {AlreadyClosedError} without a connection, or when `close` came first
   */
  ping(options?: WaitOptions): Promise<void>;
  /** The socket underneath, or null without a connection. */
  readonly raw: unknown;
}

/** Unread messages above which the link is paused; it resumes at half of that. */
const pauseAbove = 1_000;
/** Unread messages at which a link that can't be paused is given up. */
const giveUpAt = 10_000;
const maxPings = 10;

/** A {@link Connection} over `transport`. */
export function createConnection(transport: Transport): Connection {
  return new PullConnection(transport);
}

class PullConnection implements Connection {
  readonly #transport: Transport;
  /** The dialled link; null before the first dial and after its close. */
  #current: PulledLink | null = null;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get raw(): unknown {
    return this.#current?.ended === null ? this.#current.link.raw : null;
  }

  async dial(url: string, options: DialOptions = {}): Promise<string> {
    if (this.#current !== null && this.#current.ended === null) {
      throw new UsageError("usage.already-open", "a connection has already been established");
    }
    const { signal } = options;
    if (signal?.aborted) throw aborted(signal);
    const pulled = new PulledLink(this.#transport, url, options.protocols ?? []);
    this.#current = pulled;
    try {
      return await pulled.opened.wait(signal);
    } catch (error) {
      // Either it ended by itself or the signal gave it up; in both cases nothing may be left behind.
      if (this.#current === pulled) this.#current = null;
      if (pulled.ended === null && !pulled.left) pulled.link.terminate();
      throw error;
    }
  }

  async read(options: WaitOptions = {}): Promise<Message> {
    if (options.signal?.aborted) throw aborted(options.signal);
    if (this.#current === null) throw new AlreadyClosedError();
    return this.#current.read(options.signal);
  }

  async write(type: MessageType, data: string | Uint8Array): Promise<void> {
    if ((type === MessageType.text) !== (typeof data === "string")) {
      const expected = type === MessageType.text ? "a string for a text message" : "a Uint8Array for a binary message";
      throw new UsageError(
        "usage.bad-argument",
        `expected ${expected}, got ${typeof data === "string" ? "a string" : "bytes"}`,
      );
    }
    this.#established().link.send(data);
  }

  async close(code: number = CloseCode.normal, reason = ""): Promise<void> {
    const pulled = this.#current;
    if (pulled === null || pulled.ended !== null) throw new AlreadyClosedError({ cause: pulled?.ended });
    this.#current = null;
    await pulled.leave(code, reason);
  }

  async ping(options: WaitOptions = {}): Promise<void> {
    if (options.signal?.aborted) throw aborted(options.signal);
    await this.#established().ping(options.signal);
  }

  #established(): PulledLink {
    const pulled = this.#current;
    if (pulled === null || pulled.ended !== null || !pulled.opened.settled) {
      throw new AlreadyClosedError({ cause: pulled?.ended });
    }
    return pulled;
  }
}

/** One link, from its dial to its end, with all that waits on it. */
class PulledLink {
  readonly link: Link;
  readonly opened = new Waiter<string>();
  /** How it ended, or null. */
  ended: TransportCloseError | null = null;
  /** Whether the owner closed it. */
  left = false;
  readonly #closed = new Waiter<void>();
  readonly #inbox = new Inbox<Message>({ pauseAbove, giveUpAt }, () => this.link);
  #pings: Waiter<void>[] = [];

  constructor(transport: Transport, url: string, protocols: readonly string[]) {
    this.link = transport.open(
      { url, protocols },
      {
        onOpen: (protocol) => this.opened.resolve(protocol),
        onMessage: (data) => this.#onMessage(data),
        onPong: () => this.#pings.shift()?.resolve(),
        onClose: (close) => this.#onClose(close),
      },
    );
  }

  read(signal: AbortSignalLike | undefined): Promise<Message> {
    return this.#inbox.read(signal);
  }

  ping(signal: AbortSignalLike | undefined): Promise<void> {
    if (this.link.ping === undefined) {
      throw new UsageError(
        "usage.unsupported",
        "expected a transport with protocol pings, got one without: ping in your own protocol",
      );
    }
    if (this.#pings.length >= maxPings) {
      throw new UsageError(
        "usage.bad-argument",
        `expected at most ${maxPings} unanswered pings, got one more: await them first`,
      );
    }
    // An aborted ping keeps its place: its pong is still to come and must not be taken for the next one's.
    const waiter = new Waiter<void>();
    this.#pings.push(waiter);
    const pong = waiter.wait(signal);
    this.link.ping();
    return pong;
  }

  leave(code: number, reason: string): Promise<void> {
    this.left = true;
    this.#inbox.clear();
    this.#rejectAll(new AlreadyClosedError());
    const closed = this.#closed.wait();
    this.link.close(code, reason);
    return closed;
  }

  #onMessage(data: string | Uint8Array): void {
    this.#inbox.push(typeof data === "string" ? { type: MessageType.text, data } : { type: MessageType.binary, data });
  }

  #onClose(close: LinkClose): void {
    const ended = new TransportCloseError(close);
    this.ended = ended;
    this.#rejectAll(ended);
    this.#closed.resolve();
  }

  #rejectAll(error: AlreadyClosedError | TransportCloseError): void {
    this.#inbox.end(error);
    const waiters = [this.opened, ...this.#pings];
    this.#pings = [];
    for (const waiter of waiters) waiter.reject(error);
  }
}
