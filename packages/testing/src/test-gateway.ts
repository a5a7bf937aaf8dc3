// A real gateway without a network: sockets are pairs of streams in memory, the bytes on them are those of RFC 6455.
import { Agent, createServer } from "node:http";
import type { Duplex } from "node:stream";
import { UsageError } from "@trunkline/core/errors";
import type { Broker, Transport } from "@trunkline/core/ports";
import type { PublishReceipt, PublishRequest } from "@trunkline/core/wire";
import { type Connection, type Gateway, type GatewayOptions, createGateway, memoryBroker } from "@trunkline/gateway";
import { webSocketTransport } from "@trunkline/transport-node";
import { type PublishedEvent, recordingBroker } from "./recording-broker.ts";
import { socketPair } from "./socket-pair.ts";

/**
 * Those of `createGateway`, without `broker`: streams are kept in memory. Unless they are given, `secretKeys` is
 * `[{ key: "sk_test" }]`, clients without a key are let in, and every client may subscribe to every channel of its account.
 */
export type TestGatewayOptions = Omit<GatewayOptions, "broker">;

export interface TestGateway {
  /** Base URL for `createClient`. Nothing listens there: it works with `transport` alone. */
  readonly url: string;
  /** Opens links to this gateway. Like `@trunkline/transport-node`: clients can pause and ping. */
  readonly transport: Transport;
  /** A secret key that is let in: the first of `secretKeys`. @defaultValue "sk_test" */
  readonly apiKey: string;
  /** The connections of this moment that were let in. */
  readonly clients: readonly Connection[];
  /** As `Gateway.publish`: by default to `account.<account>` of the account "default". */
  publish(request: PublishRequest, options?: { readonly account?: string }): Promise<PublishReceipt>;
  /**
   * What was accepted since the gateway was made, oldest first, whoever published it; repetitions of an id count once.
   * @param filter `to`: the channel. @defaultValue all of all accounts
   */
  published(filter?: { readonly to?: string; readonly account?: string }): readonly PublishedEvent[];
  /** Cuts all links, without a close frame: clients see 1006 and come back. */
  disconnect(): void;
  /** Crashes and comes back with its streams lost: links are cut, epochs are new, clients are told gaps. */
  restart(): Promise<void>;
  /**
   * Replaces the gateway as a rolling deploy does: clients are asked to leave and come back to its successor, which has the same
   * streams. Resolves when the old one is gone.
   * @param options `drainMs`: milliseconds that clients get to leave. @defaultValue that of the options
   */
  drain(options?: { readonly drainMs?: number }): Promise<void>;
  /** Closes at once, with a close frame to everybody. Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * `const gateway = createTestGateway(); createClient({ url: gateway.url, transport: gateway.transport, apiKey: gateway.apiKey })`
 * @throws {UsageError} `usage.bad-option` as `createGateway`
 */
export function createTestGateway(options: TestGatewayOptions = {}): TestGateway {
  return new InMemoryGateway(options);
}

const defaults = {
  secretKeys: [{ key: "sk_test" }],
  anonymous: true,
  authorize: () => true,
} as const satisfies TestGatewayOptions;

/** One life of the gateway: a successor takes its place at the server. */
interface Life {
  readonly gateway: Gateway;
  readonly broker: Broker;
  readonly detach: () => void;
}

class InMemoryGateway implements TestGateway {
  readonly url = "http://gateway.test";
  readonly transport: Transport;
  readonly apiKey: string;
  readonly #options: TestGatewayOptions;
  /** Never listens: it is handed the gateway's ends of sockets. */
  readonly #server = createServer((_request, response) => response.writeHead(404).end());
  readonly #sockets = new Set<Duplex>();
  readonly #published: PublishedEvent[] = [];
  #life: Life;
  #closing: Promise<void> | null = null;

  constructor(options: TestGatewayOptions) {
    this.#options = { ...defaults, ...options };
    this.apiKey = this.#options.secretKeys?.[0]?.key ?? "";
    this.transport = { ...webSocketTransport({ agent: new MemoryAgent(() => this.#connect()) }), name: "test" };
    this.#life = this.#begin(this.#newBroker());
  }

  get clients(): readonly Connection[] {
    return [...this.#life.gateway.connections()];
  }

  publish(request: PublishRequest, options?: { readonly account?: string }): Promise<PublishReceipt> {
    return this.#life.gateway.publish(request, options);
  }

  published({ to, account }: { readonly to?: string; readonly account?: string } = {}): readonly PublishedEvent[] {
    return this.#published.filter(
      (event) => (to === undefined || event.channel === to) && (account === undefined || event.account === account),
    );
  }

  disconnect(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async restart(): Promise<void> {
    const old = this.#succeed(this.#newBroker());
    this.disconnect();
    await old.gateway.close({ drainMs: 0 });
    await old.broker.close();
  }

  async drain(options?: { readonly drainMs?: number }): Promise<void> {
    await this.#succeed(this.#life.broker).gateway.close(options);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { gateway, broker, detach } = this.#life;
    const closed = gateway.close({ drainMs: 0 });
    // A peer that never answers the goodbye must not hold up a test whose clock stands still.
    await Promise.race([closed, new Promise((resolve) => setImmediate(resolve))]);
    detach();
    this.disconnect();
    await closed;
    await broker.close();
  }

  #newBroker(): Broker {
    const { history, clock, logger } = this.#options;
    const inner = memoryBroker({
      ...(history !== undefined && { history }),
      ...(clock !== undefined && { clock }),
      ...(logger !== undefined && { logger }),
    });
    return recordingBroker(inner, (event) => this.#published.push(event));
  }

  #begin(broker: Broker): Life {
    const gateway = createGateway({ ...this.#options, broker });
    return { gateway, broker, detach: gateway.attach(this.#server) };
  }

  /** Another life takes over. @returns the old one, which goes on with the links it has */
  #succeed(broker: Broker): Life {
    if (this.#closing !== null) {
      throw new UsageError("usage.closed", "the test gateway is closed: create another");
    }
    const old = this.#life;
    old.detach();
    this.#life = this.#begin(broker);
    return old;
  }

  /** The client's end of a new socket. */
  #connect(): Duplex {
    const [ours, theirs] = socketPair();
    this.#sockets.add(ours);
    ours.on("close", () => this.#sockets.delete(ours));
    this.#server.emit("connection", ours);
    return theirs;
  }
}

/** What `http` gets its sockets from. */
class MemoryAgent extends Agent {
  readonly #connect: () => Duplex;

  constructor(connect: () => Duplex) {
    super();
    this.#connect = connect;
  }

  override createConnection(): Duplex {
    return this.#connect();
  }
}
