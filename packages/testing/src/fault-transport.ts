// A transport whose links fail when a test says so.
import type { Clock, Transport } from "@trunkline/core/ports";
import { systemClock } from "@trunkline/core/clock";
import { FaultLink, type FaultLinkOptions } from "./fault-link.ts";
import type { MessageFaults } from "./fault-lane.ts";
import { seededRandom } from "./seeded-random.ts";

export interface LaneFaults {
  /** What happens to messages from the gateway. @defaultValue nothing */
  readonly toClient?: MessageFaults;
  /** What happens to messages from the client. @defaultValue nothing */
  readonly toGateway?: MessageFaults;
}

export interface FaultTransportOptions extends LaneFaults {
  /** Whose time delays take. @defaultValue the system's */
  readonly clock?: Clock;
  /** Chance is the same for the same seed. @defaultValue 1 */
  readonly seed?: number;
  /** After how long a close that nobody hears is given up, in milliseconds. @defaultValue 10_000 */
  readonly closeTimeoutMs?: number;
}

/** Links opened through it fail as told. What is said of links means all that are open or opening, of all clients. */
export interface FaultTransport extends Transport {
  /** Links that have not ended for their client. */
  readonly links: number;
  /** From now on, in place of what was set before; `set({})`: nothing goes wrong with messages any more. */
  set(faults: LaneFaults): void;
  /** Breaks the links: the client is told 1006. */
  cut(): void;
  /** The links take what is sent and deliver nothing, for ever, and nobody is told: a cable pulled, a table entry of a router lost. */
  halfOpen(): void;
  /** Nothing moves on the links, in either direction, nor on those opened meanwhile: a laptop is closed. */
  sleep(): void;
  /** What was under way when it slept arrives at once; or, with `cut`, the links turn out to be broken. */
  wake(options?: { readonly cut?: boolean }): void;
  /** The next links are refused. @param times how many. @defaultValue all, until `accept` */
  refuse(times?: number): void;
  /** Links are opened again. */
  accept(): void;
}

/**
 * `createClient({ …, transport: faultTransport(gateway.transport) })`: the transport handed in, with faults on demand. Without any it
 * adds nothing, not even a tick.
 */
export function faultTransport(inner: Transport, options: FaultTransportOptions = {}): FaultTransport {
  return new FaultyTransport(inner, options);
}

class FaultyTransport implements FaultTransport {
  readonly name: string;
  readonly #inner: Transport;
  readonly #linkOptions: FaultLinkOptions;
  readonly #links = new Set<FaultLink>();
  #faults: LaneFaults;
  #refusals = 0;
  #asleep = false;

  constructor(
    inner: Transport,
    { clock = systemClock, seed = 1, closeTimeoutMs = 10_000, ...faults }: FaultTransportOptions,
  ) {
    this.name = `faulty ${inner.name}`;
    this.#inner = inner;
    this.#faults = faults;
    this.#linkOptions = {
      clock,
      random: seededRandom(seed),
      closeTimeoutMs,
      toClient: () => this.#faults.toClient ?? {},
      toGateway: () => this.#faults.toGateway ?? {},
      onOver: (link) => this.#links.delete(link),
    };
  }

  readonly open: Transport["open"] = (request, listener) => {
    const refused = this.#refusals > 0;
    if (refused) this.#refusals -= 1;
    const link = new FaultLink(this.#linkOptions, listener, refused ? null : (told) => this.#inner.open(request, told));
    this.#links.add(link);
    if (this.#asleep) link.sleep(true);
    return link.client;
  };

  get links(): number {
    return this.#links.size;
  }

  /** Those of this moment: a client that hears of an end may open another at once. */
  get #open(): readonly FaultLink[] {
    return [...this.#links];
  }

  set(faults: LaneFaults): void {
    this.#faults = faults;
  }

  cut(): void {
    for (const link of this.#open) link.cut();
  }

  halfOpen(): void {
    for (const link of this.#open) link.halfOpen();
  }

  sleep(): void {
    this.#asleep = true;
    for (const link of this.#open) link.sleep(true);
  }

  wake({ cut = false }: { readonly cut?: boolean } = {}): void {
    this.#asleep = false;
    if (cut) this.cut();
    else for (const link of this.#open) link.sleep(false);
  }

  refuse(times = Infinity): void {
    this.#refusals = times;
  }

  accept(): void {
    this.#refusals = 0;
  }
}
