// Two gateways on one store and two real clients, and what can happen to them. Everything that happens is decided outside.
import { createClient } from "@trunkline/core";
import type { StreamName, Transport } from "@trunkline/core/ports";
import { ManualClock } from "@trunkline/core/testing";
import { type Account, audit, sumOf } from "../ledger/ledger.ts";
import type { Accepted, AcceptedChange } from "../ledger/record.ts";
import { ClientDiary } from "../world/client-diary.ts";
import { account, secretKey } from "../world/contract.ts";
import { ModelGateway } from "./model-gateway.ts";
import { ModelLink } from "./model-link.ts";
import { ModelStore } from "./model-broker.ts";

const channels = ["orders", "prices"] as const;
const nameOf = (channel: string): StreamName => `${account}/${channel}` as StreamName;

/** Steps of a quiet world after which it must have come to rest. */
const patience = 200;

/** What can happen, and how often next to the others. Each takes a small number that says to whom, which or how much. */
export const happenings = {
  publish: 6,
  change: 4,
  deliver: 6,
  answer: 6,
  toClient: 6,
  toGateway: 6,
  handshake: 3,
  calm: 4,
  cut: 2,
  notice: 1,
  wait: 2,
  beat: 2,
  fill: 2,
  drain: 2,
  leave: 1,
  trim: 1,
  lose: 1,
  restart: 1,
} as const;

export type Happening = readonly [kind: keyof typeof happenings, argument: number];

export class World {
  readonly #clock = new ManualClock();
  readonly #store = new ModelStore();
  readonly #gateways: readonly ModelGateway[];
  readonly #diaries: readonly ClientDiary[];
  /** The links of each client that one end or both hold open, oldest first. */
  readonly #links: ModelLink[][] = [[], []];
  readonly #shaking: { readonly link: ModelLink; readonly gateway: ModelGateway }[] = [];
  readonly #books = new Map(
    channels.map((channel) => [
      channel as string,
      { log: [] as Accepted[], state: [] as AcceptedChange[], unknown: [] },
    ]),
  );
  #published = 0;
  #dials = 0;

  constructor() {
    this.#gateways = [0, 1].map(() => new ModelGateway(this.#store.broker(), this.#clock));
    this.#diaries = [0, 1].map((name) => {
      const transport: Transport = {
        name: "model",
        open: (_, listener) => {
          const link = new ModelLink(listener);
          const gateway = this.#gateways[this.#dials++ % this.#gateways.length] as ModelGateway;
          this.#links[name] = [...this.#linksOf(name), link];
          this.#shaking.push({ link, gateway });
          return link.client;
        },
      };
      // Chance gives each client its instance id, and this clock has none.
      this.#clock.randomValue = (name + 1) / 4;
      const client = createClient({
        url: "ws://model",
        transport,
        apiKey: secretKey,
        channels,
        clock: this.#clock,
        autoConnect: false,
      });
      return new ClientDiary(name, client);
    });
  }

  /** Lets all of `schedule` happen, then everything come to rest, and closes the books. @throws when it does not come to rest */
  async run(schedule: readonly Happening[]): Promise<Account> {
    const opened = Promise.all(this.#diaries.map((diary) => diary.open(channels)));
    await this.#rest();
    await opened;
    for (const happening of schedule) {
      this.#happen(happening);
      await turn();
    }
    await this.#rest();
    const accounts = this.#diaries.flatMap(({ name, seen }) =>
      channels.map((channel) => {
        const books = this.#books.get(channel) ?? { log: [], state: [], unknown: [] };
        const receipts = { ...books, held: this.#store.held(nameOf(channel)) };
        return audit(`client ${name}, ${channel}`, receipts, seen.get(channel) ?? []);
      }),
    );
    for (const { errors } of this.#gateways) if (errors.length > 0) throw errors[0];
    return sumOf(accounts);
  }

  #happen([kind, argument]: Happening): void {
    const one = argument % 2;
    const rest = argument >> 1;
    const gateway = this.#gateways[one] as ModelGateway;
    // Mostly the newest; another one while a client changes over.
    const link = this.#linksOf(one).at(rest === 3 ? 0 : -1);
    switch (kind) {
      case "publish":
        return this.#publish(channels[one] as string);
      case "change":
        return this.#change(channels[one] as string, `k${rest % 2}`, rest === 3);
      case "deliver":
        return gateway.broker.deliver();
      case "answer":
        return gateway.broker.answer(rest);
      case "toClient":
        return link?.passToClient();
      case "toGateway":
        return link?.passToGateway();
      case "handshake":
        return this.#shake();
      case "calm":
        return this.#calm();
      case "cut":
        return link?.drop();
      case "notice":
        return this.#notice();
      case "wait":
        return this.#clock.advance([1, 600, 2_000, 30_000][rest] ?? 0);
      case "beat":
        return gateway.beat();
      case "fill":
        return link?.fill(true);
      case "drain":
        return link?.fill(false);
      case "leave":
        return rest === 3 ? gateway.close() : gateway.drain();
      case "trim":
        return this.#store.trim(nameOf(channels[one] as string), rest);
      case "lose":
        return gateway.broker.lose(rest > 1);
      case "restart":
        return this.#store.restart(rest === 3 ? Number.MAX_SAFE_INTEGER : rest);
    }
  }

  #publish(channel: string): void {
    const n = ++this.#published;
    const { offset } = this.#store.append(nameOf(channel), { body: `{"event":"happened","data":{"n":${n}}}` });
    this.#books.get(channel)?.log.push({ n, epoch: this.#store.head(nameOf(channel)).epoch, offset });
  }

  #change(channel: string, key: string, deleted: boolean): void {
    const n = ++this.#published;
    const event = deleted ? "value.removed" : "value.set";
    const body = `{"event":"${event}","data":{"n":${n}},"key":"${key}"}`;
    const { offset } = this.#store.append(nameOf(channel), { body, state: { key, deleted } });
    this.#books.get(channel)?.state.push({ n, epoch: this.#store.head(nameOf(channel)).epoch, offset, key, deleted });
  }

  #linksOf(client: number): readonly ModelLink[] {
    return (this.#links[client] ?? []).filter((link) => link.alive);
  }

  /** The gateways see which clients are gone. */
  #notice(): void {
    for (const link of this.#links.flat()) if (link.left) link.passToGateway();
  }

  #shake(): void {
    const next = this.#shaking.shift();
    if (next?.link.alive) next.gateway.accept(next.link);
  }

  /** Everything that is under way arrives. */
  #calm(): void {
    this.#shake();
    for (const { broker } of this.#gateways) {
      for (let count = broker.deliveries; count > 0; count--) broker.deliver();
      for (let count = broker.answers; count > 0; count--) broker.answer(0);
    }
    for (const link of this.#links.flat()) {
      if (link.left || !link.alive) continue;
      for (let count = link.toGateway.length; count > 0; count--) link.passToGateway();
      for (let count = link.toClient.length + 1; count > 0; count--) link.passToClient();
    }
  }

  async #rest(): Promise<void> {
    for (let round = 0; round < patience; round++) {
      for (const link of this.#links.flat()) link.fill(false);
      this.#notice();
      for (let count = 0; count < 6; count++) {
        this.#calm();
        await turn();
      }
      this.#clock.advance(1_000);
      if (round % 5 === 0) for (const gateway of this.#gateways) gateway.beat();
      await turn();
      if (round > 15 && this.#isAtRest) return;
    }
    const where = this.#diaries.map(({ client }) => client.health());
    throw new Error(`no rest after ${patience} rounds: ${JSON.stringify(where)}`);
  }

  /** Every client is connected and where the store is. */
  get #isAtRest(): boolean {
    return this.#diaries.every(({ client }) => {
      const { status, streams } = client.health();
      if (status !== "connected") return false;
      return channels.every((channel) => {
        const position = streams.find((stream) => stream.channel === channel)?.position;
        const head = this.#store.head(nameOf(channel));
        return JSON.stringify(position) === JSON.stringify(head);
      });
    });
  }
}

/** Everything that follows by itself. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
