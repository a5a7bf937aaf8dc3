// Tells the gateways of one broker for which pages something has changed. Nothing is kept of it: the registry is the truth, and is read
// again whenever a word may have been lost.
import { randomBytes } from "node:crypto";
import type { Broker, StreamName } from "@trunkline/core/ports";
import { VolatileLine } from "../volatile-line.ts";

export interface PageLineOptions {
  /** The broker that other gateways may be on too; null when there can be no others. */
  readonly broker: Broker | null;
  readonly onError: (error: unknown) => void;
  /** Another gateway has changed what a page is subscribed to. */
  readonly onChanged: (key: string) => void;
  /** Any of them may have changed, unheard. */
  readonly onDoubt: () => void;
}

/** No account can be named so. */
const controlStream = "~gateway/pages" as StreamName;

export class PageLine {
  readonly #gateway = randomBytes(16).toString("base64url");
  readonly #options: PageLineOptions;
  /** Pages whose last change others may not have heard of. */
  readonly #untold = new Set<string>();
  readonly #line: VolatileLine | null;

  constructor(options: PageLineOptions) {
    const { broker, onDoubt } = options;
    this.#options = options;
    const onTold = (body: string): void => this.#onTold(body);
    const onAvailable = (available: boolean): void => {
      if (available) this.#tellAll();
    };
    this.#line = broker && new VolatileLine({ broker, stream: controlStream, onTold, onDoubt, onAvailable });
  }

  /** Resolves once every later change reaches this gateway. Rejects when the broker can't be used; the next call tries again. */
  async ready(): Promise<void> {
    await this.#line?.ready();
  }

  /** Others may not have heard that a page has changed: `tell` was not fulfilled. */
  isUntold(key: string): boolean {
    return this.#untold.has(key);
  }

  /** Rejects when the broker can't be used. */
  async tell(key: string): Promise<void> {
    const { broker } = this.#options;
    if (broker === null) return;
    this.#untold.add(key);
    await broker.broadcast(controlStream, JSON.stringify({ gateway: this.#gateway, key }));
    this.#untold.delete(key);
  }

  async close(): Promise<void> {
    await this.#line?.close();
  }

  /** What fails again is told when the broker is back the next time. */
  #tellAll(): void {
    for (const key of this.#untold) this.tell(key).catch(this.#options.onError);
  }

  #onTold(body: string): void {
    try {
      const { gateway, key } = JSON.parse(body) as { readonly gateway?: unknown; readonly key?: unknown };
      if (gateway !== this.#gateway && typeof key === "string") this.#options.onChanged(key);
    } catch (error) {
      this.#options.onError(error);
    }
  }
}
