import fc from "fast-check";
import { expect, it } from "vitest";
import { ManualClock } from "../testing/manual-clock.ts";
import { type MemoryPeer, memoryTransport } from "../testing/memory-link.ts";
import type { ClientFrame, EventFrame, Position, StreamRequest, Verdict } from "../wire/frame.ts";
import { createClient } from "./create-client.ts";
import { lineOf } from "./line.ts";

const channels = ["c", "d"] as const;
type Channel = (typeof channels)[number];

/** What every gateway of the fleet reads: the log of each channel, and the newest change per key. */
class Store {
  readonly logs = new Map<string, number>(channels.map((channel) => [channel, 0]));
  readonly revisions = new Map<string, number>(channels.map((channel) => [channel, 0]));
  readonly states = new Map<string, Map<string, number>>(channels.map((channel) => [channel, new Map()]));

  position(channel: string): Position {
    const offset = this.logs.get(channel) ?? 0;
    const revision = this.revisions.get(channel) ?? 0;
    const state = { revision, tag: `r${revision}` };
    return { epoch: "e", offset, tag: offset === 0 ? "" : `t${offset}`, ...(revision > 0 && { state }) };
  }

  /** What came after the changes up to `revision`, each with the one it follows. */
  changesAfter(channel: string, revision: number): readonly EventFrame[] {
    let after = revision;
    return [...(this.states.get(channel) ?? [])]
      .filter(([, at]) => at > revision)
      .sort(([, one], [, other]) => one - other)
      .map(([key, at]) => {
        const frame = {
          type: "event",
          channel,
          event: "set",
          data: at,
          key,
          revision: at,
          after,
          tag: `r${at}`,
        } as const;
        after = at;
        return frame;
      });
  }
}

const tick = (channel: string, offset: number): EventFrame => ({
  type: "event",
  channel,
  event: "tick",
  data: offset,
  offset,
  tag: `t${offset}`,
});

/** One link's gateway: what is on its way to the client, and how much of what the client sent it has read. */
class Node {
  readonly peer: MemoryPeer;
  readonly #store: Store;
  readonly outgoing: object[] = [];
  /** The last change sent of each channel the client is on. */
  readonly #sent = new Map<string, number>();
  #read = 0;

  constructor(peer: MemoryPeer, store: Store) {
    this.peer = peer;
    this.#store = store;
  }

  get greeted(): boolean {
    return this.#sent.size > 0;
  }

  read(): void {
    for (; this.#read < this.peer.received.length; this.#read++) {
      const frame = JSON.parse(this.peer.received[this.#read] as string) as ClientFrame;
      if (frame.type === "hello") this.#answer(frame.streams ?? [], "connected");
      if (frame.type === "subscribe") this.#answer(frame.streams, "verdict");
    }
  }

  #answer(requests: readonly StreamRequest[], type: "connected" | "verdict"): void {
    const answers = requests.map(({ channel, position: from }): readonly [Verdict, readonly EventFrame[]] => {
      const position = this.#store.position(channel);
      this.#sent.set(channel, position.state?.revision ?? 0);
      if (!from) return [{ channel, verdict: "fresh", position }, []];
      const count = position.offset - from.offset;
      const events = Array.from({ length: count }, (_, index) => tick(channel, from.offset + 1 + index));
      const changed = this.#store.changesAfter(channel, from.state?.revision ?? 0);
      return [{ channel, verdict: "recovered", position, count, changes: changed.length }, [...changed, ...events]];
    });
    const greeting = {
      connection: "x",
      server: "s",
      heartbeatMs: 25_000,
      spreadMs: 500,
      limits: { frameBytes: 65_536, subscriptions: 1_000 },
      features: [],
    };
    const streams = answers.map(([verdict]) => verdict);
    this.outgoing.push(
      { ...(type === "connected" && greeting), type, streams },
      ...answers.flatMap(([, events]) => events),
    );
  }

  log(channel: string, offset: number): void {
    if (this.#sent.has(channel)) this.outgoing.push(tick(channel, offset));
  }

  /** Sends what changed since it last did: what was changed twice meanwhile is sent once. */
  flush(): void {
    for (const [channel, revision] of this.#sent) {
      this.outgoing.push(...this.#store.changesAfter(channel, revision));
      this.#sent.set(channel, this.#store.revisions.get(channel) ?? 0);
    }
  }

  ping(): void {
    const positions = [...this.#sent.keys()].map((channel) => {
      const { offset, tag, state } = this.#store.position(channel);
      return { channel, offset, tag, ...(state && { state }) };
    });
    if (this.greeted) this.outgoing.push({ type: "ping", positions });
  }

  /** Lets the next `count` frames arrive. */
  arrive(count: number): void {
    for (const frame of this.outgoing.splice(0, count))
      if (this.peer.state === "open") this.peer.deliver(JSON.stringify(frame));
  }
}

const kinds = [
  "log",
  "log",
  "change",
  "flush",
  "arrive",
  "arrive",
  "read",
  "read",
  "accept",
  "drain",
  "wait",
  "drop",
  "join",
] as const;
const happening = fc.record({
  kind: fc.constantFrom(...kinds),
  which: fc.nat(3),
  count: fc.integer({ min: 1, max: 4 }),
});

it("§7.4 whatever is published, delayed, drained and lost while links change hands, comes once and in order, and state never goes back", () => {
  let switched = 0;
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 120, size: "max" }), (happenings) => {
      const clock = new ManualClock();
      const memory = memoryTransport();
      const store = new Store();
      const nodes: Node[] = [];
      const client = createClient({ url: "x", transport: memory.transport, clock, jitter: 0, channels: ["c"] });
      const ticks: Record<Channel, number[]> = { c: [], d: [] };
      const views: Record<Channel, Map<string, number>> = { c: new Map(), d: new Map() };
      const told: string[] = [];
      let moves = 0;
      lineOf(client).on("moved", (next, previous) => {
        if (previous.old > 0 && next.phase === "ready" && next.old === 0) moves++;
      });
      client.on("tick", (offset, { channel }) => ticks[channel as Channel].push(offset as number));
      client.on("set", (revision, { channel, key = "" }) => {
        const view = views[channel as Channel];
        expect(revision).toBeGreaterThan(view.get(key) ?? 0);
        view.set(key, revision as number);
      });
      const firsts: Partial<Record<Channel, number>> = {};
      lineOf(client).on("verdict", (verdict) => {
        if (verdict.verdict === "fresh") firsts[verdict.channel as Channel] ??= verdict.position.offset + 1;
      });
      client.on("gap", ({ channel }) => told.push(channel));
      client.on("error", ({ message }) => told.push(message));

      const open = (): readonly Node[] => {
        for (const peer of memory.peers.slice(nodes.length)) nodes.push(new Node(peer, store));
        return nodes.filter(({ peer }) => peer.state === "open");
      };
      const accept = (): void => {
        if (memory.last.state === "connecting") memory.last.accept();
      };
      accept();
      for (const { kind, which, count } of happenings) {
        const channel = channels[which % 2] as Channel;
        const node = open().at(-1 - (which >> 1));
        if (kind === "log") {
          const offset = (store.logs.get(channel) ?? 0) + 1;
          store.logs.set(channel, offset);
          for (const one of open()) one.log(channel, offset);
        } else if (kind === "change") {
          const revision = (store.revisions.get(channel) ?? 0) + 1;
          store.revisions.set(channel, revision);
          store.states.get(channel)?.set(`k${count % 3}`, revision);
        } else if (kind === "flush") node?.flush();
        else if (kind === "arrive") node?.arrive(count);
        else if (kind === "read") node?.read();
        else if (kind === "accept") accept();
        else if (kind === "drain") {
          if (node?.greeted) node.outgoing.push({ type: "drain", spreadMs: 500 });
        } else if (kind === "wait") clock.advance(250 * count);
        else if (kind === "drop") {
          if (count === 1) node?.peer.drop();
        } else if (which === 0) client.subscribe("d").catch(() => {});
      }
      for (let round = 0; round < 60; round++) {
        accept();
        for (const node of open()) {
          node.read();
          node.flush();
          if (round % 10 === 9) node.ping();
          node.arrive(Number.MAX_SAFE_INTEGER);
        }
        clock.advance(1_000);
      }

      expect([client.status, told, memory.alive, clock.timers]).toEqual(["connected", [], 1, 1]);
      for (const channel of channels) {
        const position = client.health().streams.find((stream) => stream.channel === channel)?.position;
        if (!position) continue;
        expect(position).toEqual(store.position(channel));
        // From where the first verdict put it up to the head, without a hole.
        const first = firsts[channel] ?? 0;
        expect(ticks[channel]).toEqual(
          Array.from({ length: position.offset + 1 - first }, (_, index) => first + index),
        );
        switched += Number(channel === "c" && moves > 0);
        for (const [key, revision] of views[channel]) expect(revision).toBe(store.states.get(channel)?.get(key));
      }
    }),
    { numRuns: 1_000 },
  );
  expect(switched).toBeGreaterThan(200);
});
