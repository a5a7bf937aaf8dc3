// A stream on which the gateways of one broker tell each other what need not be kept.
import type { Broker, BrokerListener, BrokerSession, StreamName } from "@trunkline/core/ports";

export interface VolatileLineOptions {
  readonly broker: Broker;
  readonly stream: StreamName;
  /** Must not throw. `time`: ms since 1970 by the broker's clock. */
  readonly onTold: (body: string, time: number) => void;
  /** What was told may be lost, to us and by us. @defaultValue nobody is told */
  readonly onDoubt?: () => void;
  /** @defaultValue nobody is told */
  readonly onAvailable?: (available: boolean) => void;
}

export class VolatileLine {
  readonly #options: VolatileLineOptions;
  #session: BrokerSession | null = null;
  #opened: Promise<void> | null = null;
  #isReady = false;

  constructor(options: VolatileLineOptions) {
    this.#options = options;
  }

  /** Whether `ready` has resolved. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Resolves once all that is told arrives here. Rejects when the broker can't be used; tried again when it can be, and by the next call. */
  ready(): Promise<void> {
    const { broker, stream } = this.#options;
    this.#session ??= broker.open(this.#listener());
    this.#opened ??= this.#session.subscribe(stream).then(
      () => void (this.#isReady = true),
      (error: unknown) => {
        this.#opened = null;
        throw error;
      },
    );
    return this.#opened;
  }

  async close(): Promise<void> {
    await this.#session?.close();
  }

  #listener(): BrokerListener {
    const { onTold, onDoubt = () => {}, onAvailable } = this.#options;
    return {
      onVolatile: (_, body, time) => onTold(body, time),
      onEntry: () => {},
      onDoubt,
      onAvailable: (available) => {
        if (available && this.#session !== null && this.#opened === null) this.ready().catch(() => {});
        onAvailable?.(available);
      },
    };
  }
}
