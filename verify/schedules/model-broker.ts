// A broker whose every answer and delivery waits until the schedule lets it through, and which forgets on demand.
import type {
  Append,
  Appended,
  Broker,
  BrokerListener,
  BrokerSession,
  Entry,
  Page,
  ReadFrom,
  StreamName,
} from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";
import type { Numbered } from "../world/contract.ts";
import { MemoryStream } from "../../packages/gateway/src/memory/memory-stream.ts";

interface Stored {
  readonly append: Append;
  readonly tag: string;
  readonly time: number;
}

interface Change {
  readonly key: string;
  readonly data: Numbered;
}

interface Life {
  readonly stream: MemoryStream<never>;
  readonly stored: Stored[];
}

/** What all gateways share. */
export class ModelStore {
  readonly brokers: ModelBroker[] = [];
  readonly #lives = new Map<StreamName, Life>();
  #epoch = 1;
  #time = 0;
  #tags = 0;

  broker(): ModelBroker {
    const broker = new ModelBroker(this);
    this.brokers.push(broker);
    return broker;
  }

  /** Accepts one event, and puts it on its way to the gateways. */
  append(name: StreamName, append: Append): Entry {
    const { stream, stored } = this.#life(name);
    const item: Stored = { append, tag: `t${++this.#tags}`, time: ++this.#time };
    stored.push(item);
    const entry = stream.append(append, item.tag, item.time);
    for (const broker of this.brokers) broker.post(name, entry);
    return entry;
  }

  head(name: StreamName): Position {
    return this.#life(name).stream.head;
  }

  read(name: StreamName, from: ReadFrom, limit: number): Page {
    return this.#life(name).stream.page(from, limit);
  }

  /** The value of each key: the number that its change carries. */
  held(name: StreamName): Readonly<Record<string, number>> {
    const { entries } = this.read(name, { offset: 0, revision: 0 }, Number.MAX_SAFE_INTEGER).state;
    const values = entries.filter(({ deleted }) => deleted !== true).map(({ body }) => JSON.parse(body) as Change);
    return Object.fromEntries(values.map(({ key, data }) => [key, data.n]));
  }

  /** Keeps the newest `count` log events and forgets all older deletions. */
  trim(name: StreamName, count: number): void {
    this.#life(name).stream.trim(count, 0);
    this.#life(name).stream.state.trim(this.#time);
  }

  /** Comes back without the newest `lost` events of each stream: another life, another epoch. */
  restart(lost: number): void {
    this.#epoch += 1;
    for (const [name, { stored }] of this.#lives) {
      const kept = stored.slice(0, Math.max(0, stored.length - lost));
      const stream = new MemoryStream<never>(`e${this.#epoch}`, 0);
      for (const { append, tag, time } of kept) stream.append(append, tag, time);
      this.#lives.set(name, { stream, stored: kept });
    }
    for (const broker of this.brokers) broker.lose(true);
  }

  #life(name: StreamName): Life {
    let life = this.#lives.get(name);
    if (life === undefined) {
      life = { stream: new MemoryStream<never>(`e${this.#epoch}`, 0), stored: [] };
      this.#lives.set(name, life);
    }
    return life;
  }
}

/** One gateway's view of the store. */
export class ModelBroker implements Broker {
  readonly name = "model";
  readonly #store: ModelStore;
  readonly #subscribed = new Set<StreamName>();
  #listener: BrokerListener | null = null;
  /** Entries on their way here, oldest first. */
  #deliveries: { readonly name: StreamName; readonly entry: Entry }[] = [];
  /** Questions that were answered there, their answers on their way back. */
  #answers: (() => void)[] = [];

  constructor(store: ModelStore) {
    this.#store = store;
  }

  get deliveries(): number {
    return this.#deliveries.length;
  }

  get answers(): number {
    return this.#answers.length;
  }

  post(name: StreamName, entry: Entry): void {
    if (this.#subscribed.has(name)) this.#deliveries.push({ name, entry });
  }

  /** Lets the next entry through. */
  deliver(): void {
    const next = this.#deliveries.shift();
    if (next !== undefined) this.#listener?.onEntry(next.name, next.entry);
  }

  /** Lets one answer through, whichever. */
  answer(index: number): void {
    const [next] = this.#answers.splice(index % Math.max(1, this.#answers.length), 1);
    next?.();
  }

  /** What is on its way here is lost. `told`: the gateway learns that something may have been. */
  lose(told: boolean): void {
    this.#deliveries = [];
    if (told) for (const name of this.#subscribed) this.#listener?.onDoubt(name);
  }

  open(listener: BrokerListener): BrokerSession {
    this.#listener = listener;
    return {
      subscribe: (name) => this.#later(() => void this.#subscribed.add(name)),
      unsubscribe: (name) => this.#later(() => void this.#subscribed.delete(name)),
      close: () => Promise.resolve(),
    };
  }

  append(): Promise<Appended> {
    throw new Error("ModelBroker.append: the schedule publishes by itself");
  }

  broadcast(): Promise<void> {
    throw new Error("ModelBroker.broadcast: the schedule publishes by itself");
  }

  read(name: StreamName, from: ReadFrom, limit: number): Promise<Page> {
    return this.#later(() => this.#store.read(name, from, limit));
  }

  heads(names: readonly StreamName[]): Promise<readonly Position[]> {
    return this.#later(() => names.map((name) => this.#store.head(name)));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Done now, known later. */
  #later<Value>(run: () => Value): Promise<Value> {
    const value = run();
    return new Promise((resolve) => this.#answers.push(() => resolve(value)));
  }
}
