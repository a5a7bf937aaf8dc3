// Random grants, revocations and publishes on two gateways, beside an oracle that only knows who may hear what: nobody hears what is
// not theirs, and everybody hears, once, what is.
import { redisBroker } from "@trunkline/broker-redis";
import type { Broker } from "@trunkline/core/ports";
import { type Connection, type Gateway, createGateway, memoryBroker } from "@trunkline/gateway";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type FrameClient, connectV1 } from "../support/frame-client.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { until } from "../support/until.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.close());

const users = ["ada", "bob", "carl"] as const;
const channels = ["a", "b", "c", "d"] as const;
type User = (typeof users)[number];
type Channel = (typeof channels)[number];

/** What changes in one phase; events are published before it has reached anybody, on its way, and after. */
type Change =
  /** New rights for a user: what its sources name, and what the authorizer allows. */
  | {
      readonly kind: "rights";
      readonly user: User;
      readonly named: readonly Channel[];
      readonly allowed: readonly Channel[];
    }
  /** Its client asks, on one of the gateways. */
  | { readonly kind: "ask"; readonly user: User; readonly at: number; readonly channel: Channel }
  /** All its connections are ended, and come back. */
  | { readonly kind: "disconnect"; readonly user: User };
interface Phase {
  readonly change: Change;
  /** Index of the gateway that is told. */
  readonly by: number;
  readonly racing: readonly Channel[];
  readonly after: readonly Channel[];
}

const anyUser = fc.constantFrom(...users);
const anyChannel = fc.constantFrom(...channels);
const some = fc.subarray([...channels]);
const phase: fc.Arbitrary<Phase> = fc.record({
  change: fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant("rights" as const), user: anyUser, named: some, allowed: some }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant("ask" as const), user: anyUser, at: fc.nat(1), channel: anyChannel }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("disconnect" as const), user: anyUser }) },
  ),
  by: fc.nat(1),
  racing: fc.array(anyChannel, { maxLength: 4 }),
  after: fc.array(anyChannel, { minLength: 1, maxLength: 4 }),
});

/** One connection, and what the oracle thinks of it. */
interface Listener {
  readonly user: User;
  readonly at: number;
  client: FrameClient & { readonly hello: { readonly connection: string } };
  /** What it asked for and was allowed. */
  readonly asked: Set<Channel>;
  readonly must: Set<number>;
  readonly may: Set<number>;
  /** What its earlier links heard. */
  readonly heard: unknown[];
}

/** The channels that a client was told it is on. */
function toldOf({ messages }: FrameClient): ReadonlySet<string> {
  const told = new Set<string>();
  for (const message of messages) {
    if (message.type !== "connected" && message.type !== "verdict") continue;
    for (const { channel, verdict } of message.streams) {
      if (verdict === "ended" || verdict === "refused") told.delete(channel);
      else told.add(channel);
    }
  }
  return told;
}

function verdictsOn(client: FrameClient, channel: Channel): number {
  return client.all("verdict").flatMap(({ streams }) => streams.filter((stream) => stream.channel === channel)).length;
}

class World {
  readonly #gateways: readonly Gateway[];
  readonly #brokers: readonly Broker[];
  readonly #named = new Map<string, readonly Channel[]>(users.map((user) => [user, ["a"]]));
  readonly #allowed = new Map<string, readonly Channel[]>();
  #urls: readonly string[] = [];
  #listeners: Listener[] = [];
  #events = 0;

  constructor(brokers: readonly Broker[]) {
    this.#brokers = brokers;
    const idOf = (principal: object): string => ("id" in principal ? String(principal.id) : "");
    this.#gateways = brokers.map((broker) =>
      createGateway({
        broker,
        authenticate: ({ token: id }) => (id === undefined ? null : { kind: "user", account: "acme", id }),
        subscriptions: async ({ principal }) => this.#named.get(idOf(principal)) ?? [],
        authorize: async ({ principal, channel }) =>
          this.#allowed.get(idOf(principal))?.some((one) => one === channel) === true,
      }),
    );
  }

  async open(): Promise<void> {
    const addresses = await Promise.all(this.#gateways.map((gateway) => gateway.listen({ port: 0 })));
    this.#urls = addresses.map(({ url }) => `${url.replace("http", "ws")}/api/ws/v1/events`);
    const places = users.flatMap((user) => [0, 1].map((at) => ({ user, at })));
    this.#listeners = await Promise.all(
      places.map(async ({ user, at }) => {
        const client = await this.#connect(user, at);
        return { user, at, client, asked: new Set(), must: new Set(), may: new Set(), heard: [] } as Listener;
      }),
    );
    await this.#settled();
  }

  async play({ change, by, racing, after }: Phase): Promise<void> {
    const before = this.#whoIsOn();
    const changing = this.#apply(change, by);
    const raced = racing.map((channel) => this.#publish(channel));
    await changing;
    // Where it was said, it is done: what comes now is for those who have it now.
    const now = this.#whoIsOn();
    const said = racing.map((channel) => this.#publish(channel));
    await this.#settled();
    const events = [...raced.map((event) => ({ event, done: false })), ...said.map((event) => ({ event, done: true }))];
    for (const { event, done } of events) {
      const { number, channel } = await event;
      for (const listener of this.#listeners) {
        const [had, has] = [before.get(listener)?.has(channel) === true, now.get(listener)?.has(channel) === true];
        const local = done && listener.at === by && change.kind === "rights";
        if (had && has && !this.#isFromNowOn(change, listener, channel)) listener.must.add(number);
        if (local ? has : had || has) listener.may.add(number);
      }
    }
    for (const channel of after) {
      const { number } = await this.#publish(channel);
      for (const listener of this.#listeners) {
        if (now.get(listener)?.has(channel) !== true) continue;
        listener.must.add(number);
        listener.may.add(number);
      }
    }
    await this.#check();
  }

  async close(): Promise<void> {
    for (const { client } of this.#listeners) client.ws.terminate();
    await Promise.all(this.#gateways.map((gateway) => gateway.close({ drainMs: 0 })));
    await Promise.all(this.#brokers.map((broker) => broker.close()));
  }

  #connect(user: User, at: number): Promise<Listener["client"]> {
    return connectV1(this.#urls[at] ?? "", { token: user });
  }

  async #apply(change: Change, by: number): Promise<void> {
    const { user } = change;
    const own = this.#listeners.filter((listener) => listener.user === user);
    switch (change.kind) {
      case "rights":
        this.#named.set(user, change.named);
        this.#allowed.set(user, change.allowed);
        for (const { asked } of own)
          for (const channel of asked) if (!change.allowed.includes(channel)) asked.delete(channel);
        return this.#gateways[by]?.reauthorize({ account: "acme", user });
      case "ask": {
        const asking = own.find(({ at }) => at === change.at) as Listener;
        const { client, asked } = asking;
        const isOn = this.#isOn(asking, change.channel);
        if (!isOn && this.#allowed.get(user)?.includes(change.channel) === true) asked.add(change.channel);
        const verdicts = verdictsOn(client, change.channel);
        client.send({ type: "subscribe", streams: [{ channel: change.channel }] });
        return until("it is answered", () => verdictsOn(client, change.channel) > verdicts);
      }
      case "disconnect": {
        for (const { asked } of own) asked.clear();
        await this.#gateways[by]?.disconnect({ user });
        for (const listener of own) {
          await listener.client.end();
          listener.heard.push(...listener.client.events.map(({ data }) => data));
          listener.client = await this.#connect(user, listener.at);
        }
      }
    }
  }

  #isOn({ user, asked }: Listener, channel: Channel): boolean {
    return this.#named.get(user)?.includes(channel) === true || asked.has(channel);
  }

  #whoIsOn(): ReadonlyMap<Listener, ReadonlySet<Channel>> {
    return new Map(
      this.#listeners.map((listener) => [
        listener,
        new Set(channels.filter((channel) => this.#isOn(listener, channel))),
      ]),
    );
  }

  /** Whether the change has its client begin anew, without a position. */
  #isFromNowOn(change: Change, { user, at }: Listener, channel: Channel): boolean {
    if (change.kind === "rights" || change.user !== user) return false;
    return change.kind === "disconnect" || (change.at === at && change.channel === channel);
  }

  /** Every connection is on what the oracle says and on nothing else, as its gateway sees it and as its client was told. */
  async #settled(): Promise<void> {
    const connections = (): Map<string, Connection> =>
      new Map(
        this.#gateways
          .flatMap((gateway) => [...gateway.connections()])
          .map((connection) => [connection.id, connection]),
      );
    await until("gateways and clients agree with the oracle", () => {
      const all = connections();
      return this.#listeners.every((listener) => {
        const on = new Set<string>(all.get(listener.client.hello.connection)?.channels);
        const told = toldOf(listener.client);
        return channels.every((channel) => {
          const isOn = this.#isOn(listener, channel);
          return on.has(channel) === isOn && told.has(channel) === isOn;
        });
      });
    });
  }

  async #publish(channel: Channel): Promise<{ readonly number: number; readonly channel: Channel }> {
    const number = ++this.#events;
    const gateway = this.#gateways[number % this.#gateways.length];
    await gateway?.publish({ event: "e", data: number, channel }, { account: "acme" });
    return { number, channel };
  }

  async #check(): Promise<void> {
    const heardBy = ({ heard, client }: Listener): unknown[] => [...heard, ...client.events.map(({ data }) => data)];
    await until("everybody has what is theirs", () =>
      this.#listeners.every((listener) => {
        const heard = new Set(heardBy(listener));
        return [...listener.must].every((number) => heard.has(number));
      }),
    );
    for (const listener of this.#listeners) {
      const heard = heardBy(listener);
      expect(new Set(heard).size, `${listener.user} heard something twice`).toBe(heard.length);
      expect(
        heard.filter((number) => !listener.may.has(number as number)),
        `${listener.user} heard what is not theirs`,
      ).toEqual([]);
    }
  }
}

let prefixes = 0;
it.each<[name: string, runs: number, brokers: () => readonly Broker[]]>([
  [
    "one memory",
    30,
    () => {
      const broker = memoryBroker();
      return [broker, broker];
    },
  ],
  [
    "one Redis",
    10,
    () => {
      const prefix = `hears${prefixes++}`;
      return [0, 1].map(() => redisBroker({ url: server.url, prefix }));
    },
  ],
])(
  "two gateways on %s: nobody ever hears what is not theirs, and everybody hears what is",
  { timeout: 120_000 },
  async (_, numRuns, brokers) => {
    // A failure prints its seed.
    await fc.assert(
      fc.asyncProperty(fc.array(phase, { minLength: 4, maxLength: 10 }), async (phases) => {
        const world = new World(brokers());
        try {
          await world.open();
          for (const one of phases) await world.play(one);
        } finally {
          await world.close();
        }
      }),
      { numRuns, endOnFailure: true },
    );
  },
);
