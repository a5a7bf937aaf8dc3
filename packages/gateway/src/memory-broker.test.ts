import { ManualClock } from "@trunkline/core/testing";
import type { Append, Broker, BrokerListener, Entry, StreamName } from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";
import { describe, expect, it } from "vitest";
import { type MemoryBrokerOptions, memoryBroker } from "./memory-broker.ts";
import { brokerContract } from "./testing/index.ts";
import { decideVerdict } from "./verdict.ts";

brokerContract("memory", { describe, it, expect }, async ({ historyCount, maxStateKeys }) =>
  memoryBroker({ history: { count: historyCount }, state: { maxKeys: maxStateKeys } }),
);

const room = "acme/room" as StreamName;
const other = "acme/other" as StreamName;
const day = 24 * 3_600_000;

function setUp(options: MemoryBrokerOptions = {}): { clock: ManualClock; broker: Broker } {
  const clock = new ManualClock();
  return { clock, broker: memoryBroker({ clock, ...options }) };
}

function listener(parts: Partial<BrokerListener>): BrokerListener {
  return { onEntry() {}, onVolatile() {}, onDoubt() {}, onAvailable() {}, ...parts };
}

async function put(broker: Broker, stream: StreamName, append: Append = { body: "{}" }): Promise<Position> {
  const appended = await broker.append(stream, append);
  if (appended.kind === "conflict" || appended.kind === "unknown") throw new Error(appended.kind);
  return appended.position;
}

/** What a client that comes back with `cursor` is told. */
async function verdictOf(broker: Broker, stream: StreamName, cursor: Position) {
  return decideVerdict("room", cursor, await broker.read(stream, { offset: cursor.offset }, 1000));
}

describe("memory broker: age", () => {
  it("drops events once they are older than ageMs, keeps head and the floor's tag", async () => {
    const { clock, broker } = setUp({ history: { ageMs: 1000 } });
    const first = await put(broker, room);
    clock.advance(600);
    const second = await put(broker, room);
    clock.advance(401);
    const page = await broker.read(room, { offset: 1 }, 10);
    expect(page).toMatchObject({ head: second, log: { floor: 1, tagAtStart: first.tag, entries: [{ offset: 2 }] } });
    clock.advance(1000);
    expect(await broker.read(room, { offset: 2 }, 10)).toMatchObject({
      head: second,
      log: { floor: 2, tagAtStart: second.tag, entries: [], count: 0 },
    });
  });

  it("§5.7 deletions are remembered for ageMs, the newest change for ever; values are not aged", async () => {
    const { clock, broker } = setUp({ history: { ageMs: 1000 } });
    const change = (key: string, deleted: boolean) => put(broker, room, { body: "{}", state: { key, deleted } });
    await change("a", false);
    await change("b", true);
    const last = await change("c", true);
    clock.advance(5000);
    const { head, state } = await broker.read(room, { offset: 0, revision: 0 }, 10);
    expect(state).toMatchObject({ floor: 2, entries: [{ offset: 1 }, { offset: 3, deleted: true }] });
    expect(head.state).toEqual({ revision: 3, tag: last.tag });
    await change("a", false);
    expect((await broker.read(room, { offset: 0, revision: 1 }, 10)).state).toMatchObject({
      floor: 3,
      entries: [{ offset: 4 }],
    });
  });

  it("§5.3 a cursor at the head is recovered however old it is, within headTtlMs", async () => {
    const { clock, broker } = setUp();
    const head = await put(broker, room);
    clock.advance(6 * day);
    expect(await verdictOf(broker, room, head)).toMatchObject({ verdict: "recovered", count: 0 });
  });

  it("the sweep is one timer for all streams, and none is left when nothing is kept", async () => {
    const { clock, broker } = setUp({ history: { ageMs: 1000 }, headTtlMs: 120_000 });
    expect(clock.timers).toBe(0);
    for (let index = 0; index < 50; index++) await put(broker, `acme/${index}` as StreamName);
    expect(clock.timers).toBe(1);
    clock.advance(200_000);
    expect(clock.timers).toBe(0);
    await put(broker, room);
    expect(clock.timers).toBe(1);
    await broker.close();
    expect(clock.timers).toBe(0);
  });
});

describe("memory broker: forgetting idle streams", () => {
  it("§1 forgetting a stream is told as a gap to every cursor into it, at 0, inside and at the head", async () => {
    const { clock, broker } = setUp({ headTtlMs: day });
    const never = (await broker.read(room, { offset: 0 }, 1)).head;
    const cursors = [never, await put(broker, room), await put(broker, room)];
    clock.advance(2 * day);
    for (const cursor of cursors)
      expect(await verdictOf(broker, room, cursor)).toMatchObject({ verdict: "gap", reason: "epoch" });
    await put(broker, room);
    await put(broker, room);
    await put(broker, room);
    for (const cursor of cursors)
      expect(await verdictOf(broker, room, cursor)).toMatchObject({ verdict: "gap", reason: "epoch", from: 1, to: 3 });
  });

  it("a stream that lives on keeps its epoch when others are forgotten", async () => {
    const { clock, broker } = setUp({ headTtlMs: day });
    await put(broker, other);
    clock.advance(0.9 * day);
    const cursor = await put(broker, room);
    clock.advance(0.9 * day);
    expect((await broker.read(other, { offset: 0 }, 1)).head.offset).toBe(0);
    await put(broker, room);
    expect(await verdictOf(broker, room, cursor)).toMatchObject({ verdict: "recovered", count: 1 });
  });

  it("a subscribed stream is never forgotten, and keeps its epoch even before its first event", async () => {
    const { clock, broker } = setUp({ headTtlMs: day });
    const session = broker.open(listener({}));
    await session.subscribe(room);
    await session.subscribe(other);
    const never = (await broker.read(room, { offset: 0 }, 1)).head;
    const head = await put(broker, other);
    await put(broker, "acme/forgotten" as StreamName);
    clock.advance(30 * day);
    expect((await put(broker, room)).epoch).toBe(never.epoch);
    expect((await broker.read(other, { offset: 1 }, 1)).head).toEqual(head);
    expect((await broker.read("acme/forgotten" as StreamName, { offset: 0 }, 1)).head.epoch).not.toBe(never.epoch);
  });

  it("idle time counts from the last event, and from when the last subscriber left", async () => {
    const { clock, broker } = setUp({ headTtlMs: day });
    const session = broker.open(listener({}));
    await session.subscribe(other);
    const left = await put(broker, other);
    await put(broker, room);
    clock.advance(0.7 * day);
    const written = await put(broker, room);
    await session.unsubscribe(other);
    clock.advance(0.7 * day);
    expect(await verdictOf(broker, room, written)).toMatchObject({ verdict: "recovered", count: 0 });
    expect(await verdictOf(broker, other, left)).toMatchObject({ verdict: "recovered", count: 0 });
  });

  it("a never-written stream leaves nothing behind when its last subscriber goes", async () => {
    const { clock, broker } = setUp();
    const session = broker.open(listener({}));
    for (let index = 0; index < 100; index++) await session.subscribe(`acme/${index}` as StreamName);
    const { epoch } = (await broker.read(room, { offset: 0 }, 1)).head;
    await session.close();
    clock.advance(30_000);
    expect(clock.timers).toBe(0);
    expect((await put(broker, room)).epoch).toBe(epoch);
  });

  it("another broker has another epoch", async () => {
    expect((await put(memoryBroker(), room)).epoch).not.toBe((await put(memoryBroker(), room)).epoch);
  });
});

describe("memory broker: idempotency", () => {
  it("§8.2 a key is remembered for the window, and free after it", async () => {
    const { clock, broker } = setUp({ dedupe: { windowMs: 1000 } });
    await put(broker, room, { body: "1", dedupeKey: "k" });
    clock.advance(999);
    expect((await broker.append(room, { body: "1", dedupeKey: "k" })).kind).toBe("duplicate");
    clock.advance(1);
    expect((await broker.append(room, { body: "2", dedupeKey: "k" })).kind).toBe("appended");
  });

  it("the number of keys is bounded: the oldest go first", async () => {
    const { broker } = setUp({ dedupe: { maxKeys: 2 } });
    for (const dedupeKey of ["a", "b", "c"]) await put(broker, room, { body: "{}", dedupeKey });
    const kinds: string[] = [];
    for (const dedupeKey of ["b", "c", "a"]) kinds.push((await broker.append(room, { body: "{}", dedupeKey })).kind);
    expect(kinds).toEqual(["duplicate", "duplicate", "appended"]);
  });

  it("stream names and keys can't run into each other", async () => {
    const { broker } = setUp();
    await put(broker, "a/b" as StreamName, { body: "1", dedupeKey: "/c:d" });
    expect((await broker.append("a/b/c" as StreamName, { body: "2", dedupeKey: ":d" })).kind).toBe("appended");
  });
});

describe("memory broker: delivery", () => {
  it("delivers inside append, so that a fan-out needs no further turn", async () => {
    const { broker } = setUp();
    const heard: number[] = [];
    await broker.open(listener({ onEntry: (_, { offset }) => heard.push(offset) })).subscribe(room);
    const receipt = broker.append(room, { body: "{}" });
    expect(heard).toEqual([1]);
    await receipt;
  });

  it("R-16 a listener that throws is reported and stops no one", async () => {
    const errors: unknown[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error: (_: string, fields?: object) => errors.push(fields) };
    const { broker } = setUp({ logger });
    const failure = new Error("listener");
    const heard: string[] = [];
    const fail = (): never => {
      throw failure;
    };
    await broker.open(listener({ onEntry: fail, onVolatile: fail })).subscribe(room);
    const hear = (_: StreamName, what: Entry | string) => heard.push(typeof what === "string" ? what : what.body);
    await broker.open(listener({ onEntry: hear, onVolatile: hear })).subscribe(room);
    await put(broker, room, { body: "1" });
    await broker.broadcast(room, "2");
    await put(broker, room, { body: "3" });
    expect(heard).toEqual(["1", "2", "3"]);
    expect(errors).toEqual([{ error: failure }, { error: failure }, { error: failure }]);
  });

  it("what a listener appends while it is told something comes after it, for every listener", async () => {
    const { broker } = setUp();
    const heard: [string[], string[]] = [[], []];
    const answers = new Map([
      ["1", ["2", "3"]],
      ["2", ["4"]],
    ]);
    const first = broker.open(
      listener({
        onEntry(stream, { body }) {
          heard[0].push(body);
          for (const answer of answers.get(body) ?? []) void broker.append(stream, { body: answer });
          if (body === "1") void broker.broadcast(stream, "v");
        },
        onVolatile: (_, body) => heard[0].push(body),
      }),
    );
    const second = broker.open(
      listener({ onEntry: (_, { body }) => heard[1].push(body), onVolatile: (_, body) => heard[1].push(body) }),
    );
    await first.subscribe(room);
    await second.subscribe(room);
    await put(broker, room, { body: "1" });
    expect(heard).toEqual([
      ["1", "2", "3", "v", "4"],
      ["1", "2", "3", "v", "4"],
    ]);
  });

  it("a session that leaves while an entry is delivered does not get it afterwards", async () => {
    const { broker } = setUp();
    const heard: string[] = [];
    const second = broker.open(listener({ onEntry: () => heard.push("second") }));
    const first = broker.open(listener({ onEntry: () => void second.unsubscribe(room) }));
    await first.subscribe(room);
    await second.subscribe(room);
    await put(broker, room);
    expect(heard).toEqual([]);
  });

  it("closing tells open sessions that the broker is gone", async () => {
    const { broker } = setUp();
    const heard: boolean[] = [];
    const session = broker.open(listener({ onAvailable: (available) => heard.push(available) }));
    await broker.close();
    expect(heard).toEqual([false]);
    await expect(session.subscribe(room)).rejects.toMatchObject({ code: "gateway.unavailable" });
    await expect(broker.read(room, { offset: 0 }, 1)).rejects.toMatchObject({ code: "gateway.unavailable" });
    await expect(broker.broadcast(room, "{}")).rejects.toMatchObject({ code: "gateway.unavailable" });
  });
});

describe("memory broker: options", () => {
  it("a wrong bound is refused by name, with what came", () => {
    expect(() => memoryBroker({ history: { count: -1 } })).toThrow(
      "memoryBroker history.count must be an integer ≥ 0, got -1",
    );
    expect(() => memoryBroker({ history: { ageMs: Number.NaN } })).toThrow("history.ageMs");
    expect(() => memoryBroker({ dedupe: { windowMs: 0.5 } })).toThrow("dedupe.windowMs");
    expect(() => memoryBroker({ dedupe: { windowMs: 10_000_000 }, headTtlMs: 9_000_000 })).toThrow(
      "headTtlMs must be an integer ≥ 10000000, got 9000000",
    );
  });

  it("a history of 0 keeps nothing and still tells the truth", async () => {
    const { broker } = setUp({ history: { count: 0 } });
    const first = await put(broker, room);
    expect(await verdictOf(broker, room, first)).toMatchObject({ verdict: "recovered", count: 0 });
    await put(broker, room);
    expect(await verdictOf(broker, room, first)).toMatchObject({ verdict: "gap", reason: "retention", from: 2, to: 2 });
  });
});
