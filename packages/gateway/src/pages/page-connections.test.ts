import { GatewayError } from "@trunkline/core/errors";
import type { Registry } from "@trunkline/core/ports";
import { ManualClock } from "@trunkline/core/testing";
import { expect, it } from "vitest";
import type { SourceChannels } from "../subscription-source.ts";
import { memoryRegistry } from "./memory-registry.ts";
import { type PageConnection, PageConnections } from "./page-connections.ts";

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const away = new GatewayError("gateway.unavailable", "away");

function start(change: (registry: Registry) => Partial<Registry> = () => ({})) {
  const clock = new ManualClock();
  const inner = memoryRegistry({ clock });
  const registry: Registry = {
    name: "test",
    add: (key, channels, ttlMs) => inner.add(key, channels, ttlMs),
    remove: (key, channels) => inner.remove(key, channels),
    read: (key) => inner.read(key),
    hold: (key, holder, ttlMs) => inner.hold(key, holder, ttlMs),
    release: (key, holder, ttlMs) => inner.release(key, holder, ttlMs),
    renew: (keys, ttlMs) => inner.renew(keys, ttlMs),
    drop: (key) => inner.drop(key),
    close: () => inner.close(),
    ...change(inner),
  };
  const told: string[] = [];
  const errors: unknown[] = [];
  const connections = new PageConnections({
    registry,
    clock,
    disconnectMs: 8000,
    onError: (error) => errors.push(error),
    onJoin: ({ id }) => {
      told.push(`join ${id}`);
      return null;
    },
    onLeave: ({ id }) => told.push(`leave ${id}`),
  });
  const open = (id: string) => {
    const connection = {
      id,
      over: false,
      resumes: true,
      seen: [] as string[][],
      closed: 0,
      register: (channels: SourceChannels) => void connection.seen.push([...channels.keys()]),
      close: (code: number) => void (connection.closed = code),
    };
    // What is not here nobody asks for.
    return connection as typeof connection & PageConnection;
  };
  const add = (key: string, ...channels: string[]): Promise<void> =>
    inner.add(
      key,
      channels.map((channel) => ({ channel, position: null })),
      60_000,
    );
  return { clock, inner, connections, told, errors, open, add };
}

it("a connection is told at once, when its page changes, and not when that is so already being done", async () => {
  const { connections, open, add } = start();
  await add("k", "a");
  const connection = open("c");
  await connections.arrive("k", connection);
  await connections.change("k", () => add("k", "b"));
  // The second one is waiting for its turn when the third and the fourth come.
  await Promise.all([1, 2, 3, 4].map(() => connections.refresh("k")));
  expect(connection.seen).toEqual([["a"], ["a", "b"], ["a", "b"], ["a", "b"]]);
  connections.leave(connection);
  await connections.refresh("k");
  expect(connection.seen).toHaveLength(4);
});

it("P-31 changes are made in the order of calls, however long each takes", async () => {
  const { connections, inner, open, add } = start((registry) => ({
    remove: async (key, channels) => {
      await settled();
      return registry.remove(key, channels);
    },
  }));
  await add("k", "a");
  const connection = open("c");
  await connections.arrive("k", connection);
  await Promise.all([
    connections.change("k", () => add("k", "b")),
    connections.change("k", async () => {
      await settled();
      await inner.remove("k", ["b"]);
    }),
    connections.change("k", () => add("k", "b")),
  ]);
  expect(connection.seen).toEqual([["a"], ["a", "b"], ["a"], ["a", "b"]]);
});

it("P-33 one that is over before it could become the holder was never there", async () => {
  const { connections, told, open, add } = start();
  await add("k", "a");
  const [quick, never] = [open("quick"), open("never")];
  await connections.arrive("k", quick);
  const entered = connections.enter(quick);
  quick.over = true;
  connections.leave(quick);
  await entered;
  never.over = true;
  await connections.arrive("k", never);
  expect(connections.enter(never)).toBeNull();
  expect(told).toEqual(["join quick", "leave quick"]);
});

it("P-33 when the newer of two connections of a page goes first, the page has not left before the older one goes", async () => {
  const { connections, told, open, add } = start();
  await add("p", "a");
  const [older, newer] = [open("older"), open("newer")];
  for (const connection of [older, newer]) {
    await connections.arrive("p", connection);
    await connections.enter(connection);
  }
  connections.leave(newer);
  await settled();
  expect(told).toEqual(["join older", "join newer"]);
  connections.leave(older);
  await settled();
  expect(told).toEqual(["join older", "join newer", "leave older"]);
});

it("P-13 one whose page nobody knows joins nothing, and leaves nothing", async () => {
  const { connections, told, open, inner } = start();
  const stranger = open("stranger");
  await connections.arrive("k", stranger);
  await connections.enter(stranger);
  connections.leave(stranger);
  await settled();
  expect(told).toEqual([]);
  expect(stranger.seen).toEqual([[], []]);
  expect(await inner.read("k")).toBeNull();
});

it("one that can't become the holder of its page comes back", async () => {
  const { connections, told, errors, open, add } = start(() => ({ hold: () => Promise.reject(away) }));
  await add("k", "a");
  const connection = open("c");
  await connections.arrive("k", connection);
  await connections.enter(connection);
  expect(connection.closed).toBe(1013);
  expect(told).toEqual([]);
  expect(errors).toEqual([away]);
});

it("what can't be read is read again, until it can be; a change that was made has been made", async () => {
  let broken = false;
  const { clock, connections, errors, open, add } = start((registry) => ({
    read: (key) => (broken ? Promise.reject(away) : registry.read(key)),
  }));
  await add("k", "a");
  const connection = open("c");
  await connections.arrive("k", connection);
  broken = true;
  await connections.change("k", () => add("k", "b"));
  await connections.refresh("k");
  // Told once, until it is tried again.
  expect(errors).toEqual([away]);
  clock.advance(1000);
  await settled();
  expect(errors).toHaveLength(2);
  expect(connection.seen).toEqual([["a"]]);
  broken = false;
  clock.advance(1000);
  await settled();
  expect(connection.seen).toEqual([["a"], ["a", "b"]]);
});

it("P-40 a registry that has lost a page whose holder is here is told what it said last; others are forgotten", async () => {
  const { connections, inner, told, open, add } = start();
  await Promise.all([add("held", "a", "b"), add("gone", "a")]);
  const [holder, stranger] = [open("holder"), open("stranger")];
  await connections.arrive("held", holder);
  await connections.enter(holder);
  await connections.arrive("gone", stranger);
  await Promise.all([inner.drop("held"), inner.drop("gone")]);
  await connections.refreshAll();
  expect((await inner.read("held"))?.map(({ channel }) => channel)).toEqual(["a", "b"]);
  expect(await inner.read("gone")).toBeNull();
  expect([holder.seen.at(-1), stranger.seen.at(-1)]).toEqual([["a", "b"], []]);
  connections.leave(holder);
  await settled();
  expect(told).toEqual(["join holder", "leave holder"]);
});

it("all pages are read in doubt, so many at a time", async () => {
  let [reading, most, reads] = [0, 0, 0];
  const { connections, open } = start((registry) => ({
    read: async (key) => {
      reads += 1;
      most = Math.max(most, ++reading);
      await settled();
      reading -= 1;
      return registry.read(key);
    },
  }));
  const keys = Array.from({ length: 200 }, (_, index) => `k${index}`);
  for (const key of keys) void connections.arrive(key, open(key));
  await settled();
  await settled();
  [most, reads] = [0, 0];
  await connections.refreshAll();
  expect([most, reads]).toEqual([64, 200]);
});

it("P-32 pages are renewed at a quarter of the time that they outlive their connections, in one go, and after one that failed", async () => {
  const renewed: (readonly string[])[] = [];
  const { clock, connections, errors, open, add } = start(() => ({
    renew: async (keys) => {
      renewed.push(keys);
      if (renewed.length === 1) throw away;
    },
  }));
  const opened = [open("1"), open("2"), open("3")];
  for (const [index, connection] of opened.entries()) {
    const key = index === 2 ? "b" : "a";
    await add(key, "x");
    await connections.arrive(key, connection);
    await connections.enter(connection);
  }
  clock.advance(1999);
  expect(renewed).toEqual([]);
  clock.advance(2001);
  expect(renewed).toEqual([
    ["a", "b"],
    ["a", "b"],
  ]);
  await settled();
  expect(errors).toEqual([away]);
  for (const connection of opened) connections.leave(connection);
  await settled();
  clock.advance(10_000);
  expect(renewed.at(-1)).toEqual([]);
});
