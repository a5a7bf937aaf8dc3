// A newer link of a client ends its older ones (PROTOCOL §7.6), on this gateway and on all others of the same broker.
import { createHash, randomBytes } from "node:crypto";
import type { Broker, StreamName } from "@trunkline/core/ports";
import { type Principal, principalKey } from "./auth/principal.ts";
import { VolatileLine } from "./volatile-line.ts";

/** A link that counts the links of its client. */
export interface FencedLink {
  readonly generation: number;
  /** A newer one is connected. */
  supersede(): void;
}

export interface FenceOptions {
  /** The broker that other gateways may be on too; null when there can be no others. */
  readonly broker: Broker | null;
  readonly onError: (error: unknown) => void;
}

/** No account can be named so. */
const controlStream = "~gateway/fence" as StreamName;
/** Clients told of in one message to the other gateways. */
const batch = 500;

/** Names a client in front of other gateways, without saying who it is. Instances of different principals never meet. */
export function clientKey(principal: Principal, instance: string): string {
  const name = JSON.stringify([principal.account, principal.kind, principalKey(principal), instance]);
  return createHash("sha256").update(name).digest().toString("base64url", 0, 16);
}

export class Fence {
  readonly #gateway = randomBytes(16).toString("base64url");
  /** Connected links by client; more than one while older ones drain. */
  readonly #links = new Map<string, FencedLink[]>();
  /** Clients whose newest link the other gateways have not been told of. */
  readonly #untold = new Set<string>();
  readonly #options: FenceOptions;
  readonly #line: VolatileLine | null;
  #telling = false;
  #closed = false;

  constructor(options: FenceOptions) {
    const { broker } = options;
    this.#options = options;
    this.#line =
      broker &&
      new VolatileLine({
        broker,
        stream: controlStream,
        onTold: (body) => this.#onTold(body),
        // What others told may be lost, and what was told to them.
        onDoubt: () => this.#tell(this.#links.keys()),
        onAvailable: (available) => this.#tell(available ? this.#untold : []),
      });
  }

  /** Whether a newer link of the client is connected here. What other gateways have, they say once this one is told of. */
  isSuperseded(client: string, generation: number): boolean {
    return this.#newest(client) > generation;
  }

  /** A link is connected: those before it have to go. */
  add(client: string, link: FencedLink): void {
    this.#end(client, link.generation);
    const links = this.#links.get(client);
    if (links === undefined) this.#links.set(client, [link]);
    else links.push(link);
    this.#tell([client]);
  }

  remove(client: string, link: FencedLink): void {
    const others = this.#links.get(client)?.filter((other) => other !== link) ?? [];
    if (others.length > 0) return void this.#links.set(client, others);
    this.#links.delete(client);
    this.#untold.delete(client);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#line?.close();
  }

  #newest(client: string): number {
    let newest = -1;
    for (const { generation } of this.#links.get(client) ?? []) newest = Math.max(newest, generation);
    return newest;
  }

  #end(client: string, generation: number): void {
    // `remove` leaves this list as it is.
    for (const link of this.#links.get(client) ?? []) if (link.generation < generation) link.supersede();
  }

  #tell(clients: Iterable<string>): void {
    if (this.#options.broker === null || this.#closed) return;
    for (const client of clients) this.#untold.add(client);
    if (this.#telling || this.#untold.size === 0) return;
    void this.#tellAll(this.#options.broker);
  }

  /** One message at a time, with all that came up meanwhile. What can't be told waits for the next occasion. */
  async #tellAll(broker: Broker): Promise<void> {
    this.#telling = true;
    let clients: string[] = [];
    try {
      // Of two gateways that begin at once, the one that listens last tells what the other can hear.
      await this.#line?.ready();
      while (this.#untold.size > 0 && !this.#closed) {
        clients = [...this.#untold].slice(0, batch);
        for (const client of clients) this.#untold.delete(client);
        const links = clients.map((client) => [client, this.#newest(client)]);
        await broker.broadcast(controlStream, JSON.stringify({ gateway: this.#gateway, links }));
      }
    } catch (error) {
      for (const client of clients) if (this.#links.has(client)) this.#untold.add(client);
      if (!this.#closed) this.#options.onError(error);
    } finally {
      this.#telling = false;
    }
  }

  #onTold(body: string): void {
    try {
      const { gateway, links } = JSON.parse(body) as {
        gateway: unknown;
        links: [client: string, generation: number][];
      };
      if (gateway === this.#gateway) return;
      for (const [client, generation] of links) {
        this.#end(client, generation);
        // It has let in one that is older than ours.
        if (this.isSuperseded(client, generation)) this.#tell([client]);
      }
    } catch (error) {
      this.#options.onError(error);
    }
  }
}
