// Several gateways on one broker, without sockets, on a clock that a test turns.
import type { Broker, Clock, StreamName } from "@trunkline/core/ports";
import { ManualClock } from "@trunkline/core/testing";
import fc from "fast-check";
import { expect, it } from "vitest";
import { ReadRequest } from "../auth/request-info.ts";
import { memoryBroker } from "../memory-broker.ts";
import { createStats } from "../metrics.ts";
import { Attendance } from "./attendance.ts";
import type { Attendee } from "./attending.ts";
import { countStream, membersStream } from "./member.ts";
import { Presence } from "./presence.ts";
import { stateKeys } from "./state-keys.ts";

const limits = { rate: 100, burst: 1000 };
const settings = { graceMs: 200, leaseMs: 300, maxMembers: 100 };
/** How far the clock is turned before what that causes is waited for, in milliseconds. */
const stepMs = 50;

class World {
  readonly clock = new ManualClock();
  readonly broker: Broker;

  constructor(state: { readonly maxKeys?: number } = {}) {
    this.broker = memoryBroker({ clock: this.clock, state });
  }

  async settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => void setImmediate(resolve));
  }

  async pass(ms: number): Promise<void> {
    await this.settle();
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advance(Math.min(stepMs, ms - passed));
      await this.settle();
    }
  }

  async count(channel: string): Promise<number> {
    const counts = await stateKeys(this.broker, countStream("acme", channel));
    return counts.reduce((sum, [, { body }]) => sum + (JSON.parse(body) as { readonly data: number }).data, 0);
  }

  async keys(channel: string): Promise<readonly string[]> {
    return (await stateKeys(this.broker, membersStream("acme", channel))).map(([key]) => key);
  }
}

/** A gateway that can be killed, hang, or be cut off from its broker. */
class Node {
  readonly presence: Presence;
  readonly open = new Set<StreamName>();
  readonly errors: unknown[] = [];
  state: "runs" | "hangs" | "dead" = "runs";
  isCutOff = false;
  readonly #late: (() => void)[] = [];

  constructor({ clock, broker }: World) {
    const own: Clock = {
      now: () => clock.now(),
      wallTime: () => clock.wallTime(),
      random: () => clock.random(),
      clearTimer: (timer) => clock.clearTimer(timer),
      setTimer: (run, delayMs) => clock.setTimer(() => this.#when(run), delayMs),
    };
    const via = <T>(ask: () => Promise<T>): Promise<T> => {
      if (this.state === "dead") return new Promise(() => {});
      return this.isCutOff ? Promise.reject(new Error("cut off")) : ask();
    };
    this.presence = new Presence({
      broker: {
        name: "via",
        open: (listener) => broker.open(listener),
        append: (stream, append) => via(() => broker.append(stream, append)),
        broadcast: (stream, body) => via(() => broker.broadcast(stream, body)),
        read: (stream, from, limit) => via(() => broker.read(stream, from, limit)),
        heads: (streams) => via(() => broker.heads(streams)),
        close: async () => {},
      },
      isShared: true,
      clock: own,
      settings,
      limits,
      attendance: new Attendance(undefined, () => {}),
      stats: createStats(),
      open: () => this.open,
      onError: (error) => this.errors.push(error),
    });
  }

  wake(): void {
    this.state = "runs";
    for (const run of this.#late.splice(0)) run();
  }

  enter(link: Attendee, channel: string, data?: unknown): ReturnType<Presence["request"]> {
    return this.presence.request(link, { enter: [{ channel, data }] });
  }

  #when(run: () => void): void {
    if (this.state === "hangs") this.#late.push(run);
    else if (this.state === "runs") run();
  }
}

function linkOf(member: string): Attendee {
  return {
    id: member,
    member,
    over: false,
    listensTo: () => true,
    principal: { kind: "user", account: "acme", id: member, mayAttend: ["*"] },
    dialect: "v1",
    scope: null,
    request: new ReadRequest({ headers: {} }),
    remoteAddress: undefined,
    channels: [],
    page: null,
    subscribe: () => {},
    unsubscribe: () => {},
    close: () => {},
  };
}

/** Presence whose app answers when the test lets it. */
function decidedLater() {
  const answers: ((allowed: boolean) => void)[] = [];
  const presence = new Presence({
    broker: memoryBroker(),
    isShared: false,
    clock: new ManualClock(),
    settings,
    limits,
    attendance: new Attendance(
      () => new Promise((resolve) => answers.push(resolve)),
      () => {},
    ),
    stats: createStats(),
    open: () => [],
    onError: () => {},
  });
  return { presence, answers };
}

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const lease = settings.leaseMs * (1 + 1 / 3) + stepMs;

it("§13.5 what a killed gateway leaves is removed by those that have members or watchers there", async () => {
  const world = new World();
  const [one, two, three] = [new Node(world), new Node(world), new Node(world)];
  const watched = membersStream("acme", "b");
  three.open.add(watched);
  three.presence.opened(watched);
  for (const channel of ["a", "b", "c"]) await one.enter(linkOf("ada"), channel);
  await two.enter(linkOf("bob"), "a");
  await world.pass(1000);
  one.state = "dead";
  await world.pass(lease);
  expect([(await world.keys("a")).length, await world.count("a"), await world.keys("b")]).toEqual([1, 1, []]);
  // Nobody is there, until somebody looks.
  expect((await world.keys("c")).length).toBe(1);
  expect(await two.presence.members("acme", "c")).toEqual([]);
  const opened = membersStream("acme", "c");
  two.open.add(opened);
  two.presence.opened(opened);
  await world.settle();
  expect(await world.keys("c")).toEqual([]);
});

it("§13.5 a gateway that was taken for dead enters its members anew, under another name", async () => {
  const world = new World();
  const [one, two] = [new Node(world), new Node(world)];
  await one.enter(linkOf("ada"), "a");
  await two.enter(linkOf("bob"), "a");
  const [before] = await world.keys("a");
  one.state = "hangs";
  await world.pass(lease);
  expect(await world.keys("a")).toHaveLength(1);
  one.wake();
  await world.pass(100);
  const after = (await world.keys("a")).find((key) => key.startsWith("ada@"));
  expect(after).toMatch(/^ada@/);
  expect(after).not.toBe(before);
  await world.pass(1000);
  expect([(await world.keys("a")).length, await world.count("a")]).toEqual([2, 2]);
});

it("§13.5 a gateway that was late, and that nobody has missed, gives up its old name by itself, once it has the new one", async () => {
  const world = new World();
  const one = new Node(world);
  await one.enter(linkOf("ada"), "a");
  const [before] = await world.keys("a");
  one.state = "hangs";
  await world.pass(lease);
  expect(await world.keys("a")).toEqual([before]);
  one.wake();
  await world.pass(50);
  const after = await world.keys("a");
  expect([after.length, after[0] === before]).toEqual([1, false]);
});

it("§13.2 who can't be entered is told, and is nowhere; who is entered is written once the broker is back", async () => {
  const world = new World();
  const one = new Node(world);
  one.isCutOff = true;
  expect(await one.enter(linkOf("ada"), "a")).toMatchObject([{ channel: "a", error: { code: "gateway.unavailable" } }]);
  one.isCutOff = false;
  await world.pass(200);
  const bob = linkOf("bob");
  expect(await one.enter(bob, "a")).toEqual([]);
  one.isCutOff = true;
  expect(await one.enter(linkOf("eve"), "a")).toHaveLength(1);
  expect(await one.enter(bob, "a", "news")).toHaveLength(1);
  one.isCutOff = false;
  await world.pass(1500);
  expect(await one.presence.members("acme", "a")).toEqual([
    { member: "bob", id: "bob", data: "news", since: expect.any(Number) },
  ]);
  one.isCutOff = true;
  one.presence.end(bob, false);
  await world.pass(100);
  one.isCutOff = false;
  await world.pass(2500);
  expect([await world.keys("a"), await world.count("a")]).toEqual([[], 0]);
});

it("§13.4 a client that moves is never gone, and is once in the end", async () => {
  const world = new World();
  const [one, two] = [new Node(world), new Node(world)];
  const old = linkOf("ada");
  await one.enter(old, "a");
  one.presence.end(old, true);
  await world.pass(100);
  await two.enter(linkOf("ada"), "a");
  expect(await world.keys("a")).toHaveLength(2);
  expect(await two.presence.members("acme", "a")).toMatchObject([{ member: "ada" }]);
  await world.pass(1200);
  expect(await world.keys("a")).toHaveLength(1);
  await one.presence.close();
  expect(await two.presence.members("acme", "a")).toMatchObject([{ member: "ada" }]);
  // A gateway that closes leaves members that are on their way, and counts them no more.
  await two.presence.close();
  expect([(await world.keys("a")).length, await world.count("a")]).toEqual([1, 0]);
});

it("a gateway that closes with nobody left takes its beat along; its timers are gone", async () => {
  const world = new World();
  const one = new Node(world);
  const ada = linkOf("ada");
  await one.enter(ada, "a");
  one.presence.end(ada, false);
  await world.pass(1200);
  await one.presence.close();
  expect((await stateKeys(world.broker, "~gateway/alive" as StreamName)).length).toBe(0);
});

it("§13.2 what a link still wanted when it ended is not done", async () => {
  const { presence, answers } = decidedLater();
  const principal = { kind: "user", account: "acme", id: "ada" } as const;
  const old = { ...linkOf("ada"), principal, over: false };
  const waiting = presence.request(old, { enter: [{ channel: "slow" }] });
  const leaving = presence.request(old, { leave: ["a"], enter: [{ channel: "b" }] });
  await Promise.resolve();
  old.over = true;
  presence.end(old, true);
  await presence.request({ ...linkOf("ada") }, { enter: [{ channel: "a" }] });
  answers[0]?.(true);
  expect((await waiting).map(({ channel }) => channel)).toEqual(["slow"]);
  expect((await leaving).map(({ channel }) => channel)).toEqual(["b"]);
  expect(await presence.members("acme", "a")).toMatchObject([{ member: "ada" }]);
});

it("§13.6 has more keys than streams of apps may have", async () => {
  const one = new Node(new World({ maxKeys: 2 }));
  for (const name of ["ada", "bob", "eve", "joe"]) expect(await one.enter(linkOf(name), "a")).toEqual([]);
  expect(await one.presence.members("acme", "a")).toHaveLength(4);
});

it("§13.6 a connection that enters too often is refused, and may go on later", async () => {
  const world = new World();
  const one = new Node(world);
  const link = linkOf("ada");
  const enter = Array.from({ length: 1001 }, (_, index) => ({ channel: `c${index}` }));
  const refused = await one.presence.request(link, { enter });
  expect(refused).toMatchObject([{ channel: "c1000", error: { code: "gateway.rate-limited" } }]);
  await world.pass(50);
  expect(await one.enter(link, "c1000")).toEqual([]);
});

it("§2.9 who may not attend any more leaves", async () => {
  const world = new World();
  const one = new Node(world);
  const link = linkOf("ada");
  for (const channel of ["a", "b"]) await one.enter(link, channel);
  Object.assign(link, { principal: { kind: "user", account: "acme", id: "ada", mayAttend: ["b"] } });
  await one.presence.reconsider(link);
  await world.settle();
  expect([(await world.keys("a")).length, (await world.keys("b")).length]).toEqual([0, 1]);
});

it("requests of one link are done in their order, however long its authorizer takes", async () => {
  const { presence, answers } = decidedLater();
  const link = { ...linkOf("ada"), principal: { kind: "user", account: "acme", id: "ada" } as const };
  const entered = presence.request(link, { enter: [{ channel: "a" }] });
  const left = presence.request(link, { leave: ["a"] });
  await Promise.resolve();
  answers[0]?.(true);
  expect(await Promise.all([entered, left])).toEqual([[], []]);
  expect(await presence.members("acme", "a")).toEqual([]);
  // Taken off meanwhile.
  const off = { ...link, listensTo: () => answers.length < 2 };
  const late = presence.request(off, { enter: [{ channel: "a" }] });
  await settled();
  answers[1]?.(true);
  expect(await late).toMatchObject([{ error: { code: "gateway.forbidden" } }]);
});

it("§13 whoever comes, goes, moves or is lost, on gateways that die and hang: in the end all know who is there", async () => {
  const action = fc.record({
    kind: fc.constantFrom(
      "enter",
      "enter",
      "enter",
      "leave",
      "lose",
      "close",
      "move",
      "kill",
      "hang",
      "wake",
      "cut",
      "start",
      "pass",
      "pass",
    ),
    member: fc.nat(3),
    channel: fc.constantFrom("a", "b"),
    node: fc.nat(3),
    ms: fc.nat(500),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      const world = new World();
      const nodes = Array.from({ length: 3 }, () => new Node(world));
      /** Each client's link, on which gateway, and the channels that it was told it is a member of. */
      const clients = new Map<string, { link: Attendee; node: Node; channels: Set<string> }>();
      const runs = (node: Node | undefined): node is Node => node?.state === "runs";
      const lose = (member: string): void => {
        const client = clients.get(member);
        if (client === undefined || !runs(client.node)) return;
        client.node.presence.end(client.link, true);
        clients.delete(member);
      };
      for (const { kind, member: number, channel, node: index, ms } of actions) {
        const member = `m${number}`;
        const node = nodes[index % nodes.length];
        const client = clients.get(member);
        if (kind === "pass") await world.pass(ms);
        else if (kind === "start") nodes.push(new Node(world));
        else if (kind === "hang" && runs(node)) node.state = "hangs";
        else if (kind === "wake" && node?.state === "hangs") node.wake();
        else if (kind === "cut" && node !== undefined) node.isCutOff = !node.isCutOff;
        else if (kind === "kill" && node !== undefined) {
          node.state = "dead";
          for (const [name, each] of clients) if (each.node === node) clients.delete(name);
        } else if (kind === "move" && client !== undefined && runs(client.node) && runs(node) && node !== client.node) {
          // It enters over its next link, then the old one ends.
          const link = linkOf(member);
          const channels = new Set<string>();
          for (const each of client.channels) if ((await node.enter(link, each)).length === 0) channels.add(each);
          client.node.presence.end(client.link, true);
          clients.set(member, { link, node, channels });
        } else if (kind === "enter") {
          if (client === undefined && !runs(node)) continue;
          const at = client ?? { link: linkOf(member), node: node as Node, channels: new Set<string>() };
          if (!runs(at.node)) continue;
          clients.set(member, at);
          if ((await at.node.enter(at.link, channel, ms)).length === 0) at.channels.add(channel);
          // As a client does that asks again: it may be a member of before.
          else if (!at.channels.has(channel)) at.node.presence.off(at.link, channel);
        } else if (client === undefined || !runs(client.node)) continue;
        else if (kind === "leave") {
          await client.node.presence.request(client.link, { leave: [channel] });
          client.channels.delete(channel);
        } else if (kind === "lose") lose(member);
        else if (kind === "close") {
          client.node.presence.end(client.link, false);
          clients.delete(member);
        }
      }
      for (const node of nodes) {
        node.isCutOff = false;
        if (node.state === "hangs") node.wake();
      }
      const judge = new Node(world);
      for (const channel of ["a", "b"]) {
        for (const stream of [membersStream("acme", channel), countStream("acme", channel)]) {
          judge.open.add(stream);
          judge.presence.opened(stream);
        }
      }
      await world.pass(3000);
      for (const channel of ["a", "b"]) {
        const there = [...clients].filter(([, { channels }]) => channels.has(channel)).map(([member]) => member);
        const keys = await world.keys(channel);
        expect(keys.map((key) => key.split("@")[0]).sort()).toEqual(there.sort());
        expect(await world.count(channel)).toBe(there.length);
        for (const node of [...nodes, judge].filter(runs)) {
          const members = await node.presence.members("acme", channel);
          expect(members.map(({ member }) => member).sort()).toEqual(there);
        }
      }
      for (const node of [...nodes, judge].filter(runs)) await node.presence.close();
    }),
    { numRuns: 200 },
  );
}, 60_000);

it("§2.9 a yes that was asked for before what one may has changed lets nobody in: it is asked for again", async () => {
  const { presence, answers } = decidedLater();
  const link = { ...linkOf("ada"), principal: { kind: "user", account: "acme", id: "ada" } as const };
  const asked = presence.request(link, { enter: [{ channel: "a" }] });
  await settled();
  await presence.reconsider(link);
  answers[0]?.(true);
  await settled();
  answers[1]?.(false);
  expect(await asked).toMatchObject([{ channel: "a", error: { code: "gateway.forbidden" } }]);
  expect(await presence.members("acme", "a")).toEqual([]);
});
