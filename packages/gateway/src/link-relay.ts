// Links over event streams (PROTOCOL §11.3): finds the one that a client's request is for, here or on another gateway of the
// same broker.
import { randomBytes } from "node:crypto";
import type { Broker, Clock, StreamName, TimerHandle } from "@trunkline/core/ports";
import { CloseCode } from "@trunkline/core/wire";
import { Inbox } from "./inbox.ts";
import { VolatileLine } from "./volatile-line.ts";

/** The session at the other end of a link. */
export interface Recipient {
  onText(text: string): void;
  close(code: number, reason: string): void;
}

/** One frame of a client on its way to its link. */
export interface Posted {
  readonly link: string;
  /** Counts the frames of the link from 1. */
  readonly number: number;
  readonly text: string;
}

export interface LinkRelayOptions {
  /** The broker that other gateways may be on too; null when there can be no others. */
  readonly broker: Broker | null;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

/** How long frames wait for one before them, in milliseconds: the way over a broker and back, many times. */
const orderMs = 5000;

interface OpenLink {
  readonly recipient: Recipient;
  readonly inbox: Inbox;
  timer: TimerHandle | null;
}

export class LinkRelay {
  /** 128 random bits, as in each id: nobody guesses a link. */
  readonly #gateway = randomId();
  readonly #links = new Map<string, OpenLink>();
  readonly #options: LinkRelayOptions;
  readonly #line: VolatileLine | null;

  constructor(options: LinkRelayOptions) {
    const { broker } = options;
    this.#options = options;
    const onTold = (body: string): void => this.#onForwarded(body);
    this.#line = broker && new VolatileLine({ broker, stream: controlStream(this.#gateway), onTold });
  }

  /** Resolves once frames that other gateways took arrive here. Rejects when the broker can't be used; the next call tries again. */
  async ready(): Promise<void> {
    await this.#line?.ready();
  }

  /** An id for a new link. */
  nextId(): string {
    return `${this.#gateway}.${randomId()}`;
  }

  add(link: string, recipient: Recipient): void {
    this.#links.set(link, { recipient, inbox: new Inbox(), timer: null });
  }

  remove(link: string): void {
    const timer = this.#links.get(link)?.timer ?? null;
    if (timer !== null) this.#options.clock.clearTimer(timer);
    this.#links.delete(link);
  }

  /** Whether `link` may be open; false is sure. */
  mayBeOpen(link: string): boolean {
    if (this.#isOwn(link)) return this.#links.has(link);
    return this.#options.broker !== null && linkPattern.test(link);
  }

  /**
   * Takes a frame from a client. Whether it was handed on; false: its link is gone.
   * @throws {GatewayError} `gateway.unavailable` when the broker can't be used
   */
  async take(posted: Posted): Promise<boolean> {
    const { link } = posted;
    if (this.#isOwn(link)) return this.#deliver(posted);
    const { broker } = this.#options;
    if (broker === null || !this.mayBeOpen(link)) return false;
    await broker.broadcast(controlStream(link.slice(0, link.indexOf("."))), JSON.stringify(posted));
    return true;
  }

  #isOwn(link: string): boolean {
    return link.startsWith(`${this.#gateway}.`);
  }

  async close(): Promise<void> {
    await this.#line?.close();
  }

  #onForwarded(body: string): void {
    try {
      const { link, number, text } = JSON.parse(body) as Partial<Posted>;
      if (typeof link === "string" && typeof number === "number" && typeof text === "string")
        this.#deliver({ link, number, text });
    } catch (error) {
      this.#options.onError(error);
    }
  }

  #deliver({ link, number, text }: Posted): boolean {
    const open = this.#links.get(link);
    if (open === undefined) return false;
    const due = open.inbox.take(number, text);
    if (due === null) lost(open.recipient);
    else for (const frame of due) open.recipient.onText(frame);
    this.#watch(open);
    return true;
  }

  /** A frame that is lost on its way is never sent again: its client has to come back with its positions. */
  #watch(open: OpenLink): void {
    if (!open.inbox.waits || open.timer !== null) return;
    const { next } = open.inbox;
    open.timer = this.#options.clock.setTimer(() => {
      open.timer = null;
      if (open.inbox.waits && open.inbox.next === next) lost(open.recipient);
      else this.#watch(open);
    }, orderMs);
  }
}

/** `<gateway>.<link>`, each 22 characters of base64url. */
const linkPattern = /^[\w-]{22}\.[\w-]{22}$/;

function randomId(): string {
  return randomBytes(16).toString("base64url");
}

/** No account can be named so. */
function controlStream(gateway: string): StreamName {
  return `~gateway/${gateway}` as StreamName;
}

function lost(recipient: Recipient): void {
  recipient.close(CloseCode.tryAgainLater, "a frame was lost between two gateways; come back");
}
