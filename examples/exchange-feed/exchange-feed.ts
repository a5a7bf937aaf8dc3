// A client for an exchange's market feed, whose answers carry no ids: they come in the order of the questions. Written on
// the public engine alone.
import {
  createEngine,
  type Engine,
  type EngineConnection,
  type EngineOptions,
  type Lease,
  type MessageContext,
  type OpenContext,
} from "@trunkline/core/engine";
import type { Transport } from "@trunkline/core/ports";
import { type Level, OrderBook, type Side } from "./order-book.ts";

/** What the exchange says. */
type Frame =
  | { readonly type: "subscribed" | "unsubscribed"; readonly product: string }
  | { readonly type: "refused"; readonly product: string; readonly message: string }
  | {
      readonly type: "snapshot";
      readonly product: string;
      readonly sequence: number;
      readonly bids: readonly Level[];
      readonly asks: readonly Level[];
    }
  | {
      readonly type: "change";
      readonly product: string;
      readonly sequence: number;
      readonly side: Side;
      readonly price: number;
      readonly size: number;
    }
  | { readonly type: "heartbeat" }
  | { readonly type: "time"; readonly ms: number };

export interface FeedOptions {
  readonly url: string;
  readonly transport: Transport;
  readonly engine?: EngineOptions;
  /** The exchange beats every few seconds: a connection quiet for this long is left. @defaultValue 15_000 */
  readonly quietMs?: number;
  /** A book is there, or has changed. */
  readonly onBook?: (product: string, book: OrderBook) => void;
}

/** A question that waits for its answer. */
interface Asked {
  readonly product: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class ExchangeFeed {
  readonly #options: FeedOptions;
  readonly #engine: Engine<Frame>;
  readonly #products = new Set<string>();
  readonly #books = new Map<string, OrderBook>();
  /** Oldest first: the next answer is for the first. */
  #asked: Asked[] = [];
  /** Null while there is no session. */
  #conn: EngineConnection | null = null;
  #watchdog: ReturnType<typeof setTimeout> | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#engine = createEngine<Frame>({
      url: options.url,
      transport: options.transport,
      // One at a time: changes have an order.
      options: { ...options.engine, messageConcurrency: 1 },
      decode: (data) => JSON.parse(String(data)) as Frame,
      hooks: {
        onOpen: (context) => this.#onOpen(context),
        onMessage: (context) => this.#onMessage(context),
        // It may have been an answer: whose the next ones are would be anybody's guess.
        onReadError: ({ restart }) => restart(),
        onClose: () => this.#onClose(),
      },
    });
  }

  /** The book of a subscribed product, once its snapshot is there. */
  book(product: string): OrderBook | undefined {
    return this.#books.get(product);
  }

  start(): Promise<void> {
    return this.#engine.start();
  }

  stop(): Promise<void> {
    return this.#engine.stop();
  }

  /** Now and after every reconnection. Rejects when the exchange refuses. */
  async subscribe(product: string): Promise<void> {
    await this.#ask("subscribe", product);
    this.#products.add(product);
  }

  async unsubscribe(product: string): Promise<void> {
    this.#products.delete(product);
    this.#books.delete(product);
    await this.#ask("unsubscribe", product);
  }

  /** The exchange's clock. Holds the connection until the answer is there; what else comes meanwhile is used as ever. */
  time(): Promise<number> {
    return this.#engine.exclusive(async (lease: Lease<Frame>) => {
      lease.send(JSON.stringify({ op: "time" }));
      for await (const { value } of lease) {
        if (value.type === "time") return value.ms;
        if (!this.#take(value)) this.#conn?.close(4000, "a change is missing");
      }
      throw new Error("expected an answer");
    });
  }

  #ask(op: string, product: string): Promise<void> {
    const conn = this.#conn;
    if (conn === null) return Promise.reject(new Error("expected a connection, got none: try again later"));
    return new Promise((resolve, reject) => {
      conn.send(JSON.stringify({ op, product }));
      this.#asked.push({ product, resolve, reject });
    });
  }

  /** Restores what was subscribed before anything else happens; when that fails, the engine tries again. */
  async #onOpen({ conn }: OpenContext<Frame>): Promise<void> {
    const missing = new Set(this.#products);
    for (const product of missing) conn.send(JSON.stringify({ op: "subscribe", product }));
    while (missing.size > 0) {
      const { value } = await conn.read();
      if (value.type === "refused") throw new Error(`${value.product} is refused: ${value.message}`);
      if (value.type === "subscribed") missing.delete(value.product);
      else this.#take(value);
    }
    this.#conn = conn;
    this.#watch();
  }

  #onMessage({ value, restart }: MessageContext<Frame>): void {
    this.#watch();
    // A new session brings new snapshots.
    if (!this.#take(value)) restart();
  }

  #onClose(): void {
    clearTimeout(this.#watchdog);
    this.#conn = null;
    this.#books.clear();
    for (const { reject } of this.#asked.splice(0)) reject(new Error("the connection was lost before the answer"));
  }

  #watch(): void {
    const { quietMs = 15_000 } = this.#options;
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#conn?.close(4000, "no heartbeat"), quietMs);
  }

  /** False when a change is missing. */
  #take(frame: Frame): boolean {
    switch (frame.type) {
      case "subscribed":
      case "unsubscribed":
        this.#asked.shift()?.resolve();
        return true;
      case "refused":
        this.#asked.shift()?.reject(new Error(`${frame.product}: ${frame.message}`));
        return true;
      case "snapshot":
        return this.#changed(frame.product, new OrderBook(frame.sequence, frame.bids, frame.asks));
      case "change": {
        const book = this.#books.get(frame.product);
        // Of a product that was just left.
        if (book === undefined) return true;
        if (!book.apply(frame.sequence, frame.side, frame.price, frame.size)) return false;
        return this.#changed(frame.product, book);
      }
      case "heartbeat":
      case "time":
        return true;
      // What the exchange has learnt to say since.
      default:
        return true;
    }
  }

  #changed(product: string, book: OrderBook): true {
    this.#books.set(product, book);
    this.#options.onBook?.(product, book);
    return true;
  }
}
