import { afterEach, describe, expect, it } from "vitest";
import { ManualClock } from "../testing/manual-clock.ts";
import { type MemoryPeer, memoryTransport } from "../testing/memory-link.ts";
import type { ConnectedFrame, Position, Verdict } from "../wire/frame.ts";
import type { LogFields } from "../ports/logger.ts";
import type { Client } from "./client.ts";
import { createClient } from "./create-client.ts";
import type { ClientOptions } from "./options.ts";

const at = (offset: number, tag = `t${offset}`): Position => ({ epoch: "e", offset, tag });
const fresh = (channel: string, offset = 0): Verdict => ({ channel, verdict: "fresh", position: at(offset) });
const connectedFrame: ConnectedFrame = {
  type: "connected",
  connection: "connection-1",
  server: "trunkline/0",
  heartbeatMs: 25_000,
  spreadMs: 400,
  limits: { frameBytes: 65_536, subscriptions: 1_000 },
  features: [],
  streams: [],
};

const unhandled: unknown[] = [];
process.on("unhandledRejection", (cause) => unhandled.push(cause));
afterEach(() => {
  expect(unhandled.splice(0)).toEqual([]);
});

/** Lets promises settle. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  await new Promise<void>((resolve) => setImmediate(resolve));
};

function setUp(given: Partial<ClientOptions> = {}) {
  const clock = new ManualClock();
  const memory = memoryTransport();
  const client = createClient({ url: "wss://gateway.test", transport: memory.transport, clock, jitter: 0, ...given });
  const errors: { readonly code: string; readonly message: string; readonly cause?: unknown }[] = [];
  const statuses: string[] = [];
  client.on("error", (error) => errors.push(error));
  client.on("status", (status) => statuses.push(status));
  const tell = (...frames: readonly object[]): void => {
    for (const frame of frames) memory.last.deliver(JSON.stringify(frame));
  };
  return {
    client,
    clock,
    memory,
    errors,
    statuses,
    tell,
    /** Completes the newest link up to `connected`. */
    welcome: (frame: Partial<ConnectedFrame> = {}): MemoryPeer => {
      memory.last.accept();
      tell({ ...connectedFrame, ...frame });
      return memory.last;
    },
    /** What the client sent over the newest link. */
    sent: () => memory.last.received.map((text) => JSON.parse(text as string) as Record<string, unknown>),
    event: (offset: number | undefined, data: unknown = offset, channel = "c") =>
      tell({
        type: "event",
        channel,
        event: "tick",
        data,
        ...(offset === undefined ? {} : { offset, tag: `t${offset}` }),
      }),
  };
}

describe("connecting", () => {
  it("§2.1 §2.2 offers the subprotocol, says hello with the key in it, and shows no key in the URL", () => {
    const { memory, sent } = setUp({ apiKey: "secret-key", channels: ["news"] });
    expect(memory.last.request).toEqual({ url: "wss://gateway.test/api/ws/v1/events", protocols: ["trunkline.v1"] });
    memory.last.accept();
    expect(sent()).toMatchObject([{ type: "hello", token: "secret-key", streams: [{ channel: "news" }] }]);
  });

  it("W-03 W-11 is connected only after the `connected` frame, and says each change once", () => {
    const { client, memory, statuses, welcome, clock } = setUp();
    expect(client.status).toBe("connecting");
    memory.last.accept();
    expect(client.status).toBe("connecting");
    memory.last.deliver(JSON.stringify(connectedFrame));
    expect(client.status).toBe("connected");
    memory.last.drop();
    expect(client.status).toBe("reconnecting");
    clock.advance(1_000);
    welcome();
    void client.close();
    expect(statuses).toEqual(["connected", "reconnecting", "connected", "disconnected"]);
  });

  it("waits for connect() when autoConnect is false", () => {
    const { client, memory, clock } = setUp({ autoConnect: false });
    expect([client.status, memory.peers.length, clock.timers]).toEqual(["disconnected", 0, 0]);
    void client.connect();
    expect([client.status, memory.peers.length]).toEqual(["connecting", 1]);
  });

  it("connect() gives the same promise while the attempt is the same", async () => {
    const { client, memory, welcome } = setUp();
    const first = client.connect();
    expect(client.connect()).toBe(first);
    welcome();
    await first;
    expect(client.connect()).toBe(first);
    expect(memory.peers.length).toBe(1);
  });

  it("W-12 R-10 start twice, stop twice, start after stop: exactly one socket, each event once", async () => {
    const { client, memory, welcome, event, clock } = setUp();
    const got: unknown[] = [];
    client.on("tick", (data) => got.push(data));
    void client.connect();
    void client.connect();
    welcome({ streams: [fresh("c")] });
    event(1);
    const stops = [client.close(), client.close()];
    await Promise.all(stops);
    expect([memory.alive, clock.timers, client.status]).toEqual([0, 0, "disconnected"]);
    void client.connect();
    void client.connect();
    expect(memory.alive).toBe(1);
    welcome({ streams: [{ channel: "c", verdict: "recovered", position: at(2), count: 1 }] });
    event(2);
    await client.ready();
    expect([got, memory.peers.length, memory.alive, clock.timers]).toEqual([[1, 2], 2, 1, 1]);
  });

  it("start right after stop leaves one socket too", async () => {
    const { client, memory, welcome } = setUp();
    welcome();
    const peer = memory.last;
    peer.vanish();
    const closing = client.close();
    void client.connect();
    await closing;
    expect([peer.state, memory.alive, client.status]).toEqual(["closed", 1, "connecting"]);
    welcome();
    await client.ready();
  });

  it("R-21 health() has the connection's id, the attempt and the streams", () => {
    const { client, welcome, memory, clock } = setUp();
    expect(client.health()).toMatchObject({ status: "connecting", phase: "connecting", connection: null, streams: [] });
    welcome({ streams: [fresh("c", 7)] });
    expect(client.health()).toEqual({
      status: "connected",
      phase: "ready",
      attempt: 0,
      nextRetryInMs: null,
      connection: "connection-1",
      lastError: null,
      streams: [{ channel: "c", state: "live", position: at(7) }],
    });
    memory.last.drop();
    clock.advance(300);
    expect(client.health()).toMatchObject({ attempt: 1, nextRetryInMs: 700, lastError: { code: "link.lost" } });
  });
});

describe("waiting", () => {
  it("W-07 R-09 from the first attempt on, jitter 0 waits exactly 1, 2, 4, 8, 16, 32, 60 and 60 s", () => {
    const { client, memory, clock } = setUp();
    const waits: unknown[] = [];
    for (let attempt = 0; attempt < 8; attempt++) {
      memory.last.drop();
      waits.push(client.health().nextRetryInMs);
      clock.advance(clock.nextTimerMs as number);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });

  it.each([
    ["throws", () => JSON.parse("{") as number],
    ["gives NaN", () => Number.NaN],
    ["gives a negative number", () => -1],
    ["gives Infinity", () => Infinity],
    ["gives something else", () => "1000" as unknown as number],
    ["gives what no text can show", () => Symbol("soon") as unknown as number],
  ])("W-07 a backoff that %s is reported, and the default ceilings stand in", async (_, backoff) => {
    const { client, memory, clock, errors } = setUp({ backoff });
    for (const ceiling of [1_000, 2_000, 4_000]) {
      memory.last.drop();
      expect(client.health().nextRetryInMs).toBe(ceiling);
      clock.advance(ceiling);
    }
    await settle();
    expect(errors.map(({ code }) => code)).toEqual(["usage.bad-option", "usage.bad-option", "usage.bad-option"]);
    expect([memory.peers.length, memory.alive, clock.timers]).toEqual([4, 1, 1]);
  });

  it("W-07 W-20 with full jitter, by default, waits spread evenly over the ceiling", () => {
    let seed = 42;
    const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let index = 0; index < 2_000; index++) {
      const clock = new ManualClock();
      clock.random = random;
      const memory = memoryTransport();
      createClient({ url: "x", transport: memory.transport, clock });
      memory.last.drop();
      const waitMs = clock.nextTimerMs as number;
      expect(waitMs > 0 && waitMs <= 1_000).toBe(true);
      tenths[Math.min(9, Math.floor(waitMs / 100))]! += 1;
    }
    for (const count of tenths) expect(Math.abs(count - 200)).toBeLessThan(80);
  });

  it("W-17 a handshake that never ends is given up, and tried again", () => {
    const { client, memory, clock, welcome } = setUp();
    const [hung] = memory.peers;
    clock.advance(9_999);
    expect(hung?.state).toBe("connecting");
    clock.advance(1);
    expect([hung?.state, memory.alive]).toEqual(["closed", 0]);
    clock.advance(1_000);
    welcome();
    expect([client.status, memory.alive, clock.timers]).toEqual(["connected", 1, 1]);
  });

  it("W-17 §2.3 a gateway that never says connected is given up, and tried again", () => {
    const { client, memory, clock, welcome } = setUp();
    memory.last.accept();
    clock.advance(10_000);
    expect([memory.alive, client.status]).toEqual([0, "connecting"]);
    clock.advance(1_000);
    welcome();
    expect([client.status, memory.alive]).toEqual(["connected", 1]);
  });

  it("W-19 a clean close by the server is a loss like any other", () => {
    const { client, memory, clock, welcome } = setUp();
    welcome();
    memory.last.close(1000, "bye");
    expect([client.status, memory.peers.length]).toEqual(["reconnecting", 1]);
    clock.advance(999);
    expect(memory.peers.length).toBe(1);
    clock.advance(1);
    expect(memory.peers.length).toBe(2);
  });

  it("W-25 delays grow while links do not hold", () => {
    const { client, memory, clock, welcome } = setUp();
    const waits: unknown[] = [];
    for (let round = 0; round < 4; round++) {
      welcome();
      clock.advance(4_999);
      memory.last.close(1011);
      waits.push(client.health().nextRetryInMs);
      clock.advance(clock.nextTimerMs as number);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000]);
    welcome();
    clock.advance(5_000);
    memory.last.close(1011);
    expect(client.health()).toMatchObject({ attempt: 1, nextRetryInMs: 400 });
  });

  it("W-18 §4.3 a peer that went silent is noticed within the interval and the grace", () => {
    const { client, memory, clock, welcome } = setUp();
    const peer = welcome();
    clock.advance(20_000);
    peer.deliver('{"type":"ping"}');
    peer.vanish();
    clock.advance(34_999);
    expect(client.status).toBe("connected");
    clock.advance(1);
    expect([client.status, memory.alive, peer.terminated]).toEqual(["reconnecting", 0, true]);
    expect(client.health().lastError).toMatchObject({
      code: "link.lost",
      message: expect.stringContaining("no heartbeat"),
    });
  });

  it("§4.3 events without pings keep a link alive", () => {
    const { client, clock, welcome, event } = setUp();
    welcome({ streams: [fresh("c")] });
    for (let offset = 1; offset <= 10; offset++) {
      clock.advance(20_000);
      event(offset);
    }
    expect(client.status).toBe("connected");
  });

  it("§4.3 a timer that fired late asks before it gives up", () => {
    const { client, clock, welcome, tell, sent } = setUp();
    welcome();
    clock.lateWake(3_600_000);
    expect(client.status).toBe("connected");
    expect(sent().at(-1)).toEqual({ type: "ping" });
    tell({ type: "pong" });
    clock.advance(10_000);
    expect(client.status).toBe("connected");
    clock.lateWake(3_600_000);
    clock.advance(10_000);
    expect(client.status).toBe("reconnecting");
  });
});

describe("§8.7 an event of several channels", () => {
  const copy = (channel: string, offset: number, id?: string) => ({
    type: "event",
    channel,
    event: "message",
    data: `${channel}${offset}`,
    offset,
    tag: `t${offset}`,
    ...(id && { id }),
  });

  it("R-03 is heard once by its name, in each channel by `*`, and moves each cursor", () => {
    const { client, tell, welcome, errors } = setUp();
    const named: unknown[] = [];
    const all: unknown[] = [];
    client.on("message", (data) => named.push(data));
    client.on("*", (data) => all.push(data));
    welcome({ streams: [fresh("a"), fresh("b")] });
    tell(copy("a", 1, "push:x"), copy("b", 1, "push:x"), copy("b", 2, "push:y"), copy("a", 2, "push:y"));
    expect(named).toEqual(["a1", "b2"]);
    expect(all).toEqual(["a1", "b1", "b2", "a2"]);
    expect(client.health().streams.map(({ position }) => position?.offset)).toEqual([2, 2]);
    // Ids of publishers' own name one event in one channel; the same in the same channel is another event.
    tell(copy("a", 3, "x"), copy("b", 3, "x"), copy("a", 4, "push:x"), copy("a", 5), copy("b", 4));
    expect(named.slice(2)).toEqual(["a3", "b3", "a4", "a5", "b4"]);
    expect(errors).toEqual([]);
  });

  it("remembers a bounded number", () => {
    const { client, tell, welcome } = setUp();
    const named: unknown[] = [];
    client.on("message", (data) => named.push(data));
    welcome({ streams: [fresh("a"), fresh("b")] });
    for (let n = 1; n <= 257; n++) tell(copy("a", n, `push:${n}`));
    tell(copy("b", 1, "push:1"), copy("b", 2, "push:257"));
    expect(named.slice(257)).toEqual(["b1"]);
  });
});

describe("§7.4 make before break", () => {
  /** A client whose gateway has asked it to leave, and whose next link is being opened. */
  function drained(given: Partial<ClientOptions> = {}) {
    const on = setUp(given);
    const old = on.welcome({ streams: [fresh("c", 3)] });
    on.clock.advance(6_000);
    on.tell({ type: "drain", spreadMs: 2_000 });
    on.clock.advance(2_000);
    const told: unknown[] = [];
    on.client.on("tick", (_, { offset }) => told.push(offset));
    const over = (peer: MemoryPeer, ...frames: readonly object[]): void => {
      for (const frame of frames) peer.deliver(JSON.stringify(frame));
    };
    const event = (offset: number) => ({
      type: "event",
      channel: "c",
      event: "tick",
      data: 0,
      offset,
      tag: `t${offset}`,
    });
    return { ...on, old, told, over, eventFrame: event };
  }
  const recovered = (offset: number, count: number): Verdict => ({
    channel: "c",
    verdict: "recovered",
    position: at(offset),
    count,
  });

  it("opens the next link within the spread, and names the positions of that moment, while the old one goes on", () => {
    const { client, memory, clock, old, over, eventFrame, told, sent, statuses } = drained();
    expect([memory.alive, old.closedWith, client.status]).toEqual([2, null, "connected"]);
    over(old, eventFrame(4));
    memory.last.accept();
    expect(sent()).toMatchObject([{ type: "hello", generation: 2, streams: [{ channel: "c", position: at(4) }] }]);
    over(old, eventFrame(5), { type: "ping", id: 9 });
    expect(JSON.parse(old.received.at(-1) as string)).toEqual({ type: "pong", id: 9 });
    expect([told, clock.timers]).toEqual([[4, 5], 1]);
    expect(statuses).toEqual(["connected"]);
  });

  it("from the new link's connected on the old one is closed with 1000, and each event was delivered once", () => {
    const { client, memory, old, over, eventFrame, told, tell, statuses } = drained();
    memory.last.accept();
    over(old, eventFrame(4), eventFrame(5));
    tell({ ...connectedFrame, connection: "connection-2", streams: [recovered(6, 3)] }, eventFrame(4));
    tell(eventFrame(5), eventFrame(6), eventFrame(7));
    expect([old.closedWith?.code, told, statuses, client.health().connection]).toEqual([
      1000,
      [4, 5, 6, 7],
      ["connected"],
      "connection-2",
    ]);
  });

  it("is not taken back by a new gateway that is behind the old one", () => {
    const { memory, old, over, eventFrame, told, tell } = drained();
    memory.last.accept();
    over(old, eventFrame(4), eventFrame(5));
    tell({ ...connectedFrame, streams: [recovered(3, 0)] }, eventFrame(4), eventFrame(5), eventFrame(6));
    expect(told).toEqual([4, 5, 6]);
  });

  it("asks over the new link for what its hello could not name, and leaves what was left meanwhile", () => {
    const { client, memory, old, tell, sent } = drained();
    memory.last.accept();
    client.subscribe("late").catch(() => {});
    client.unsubscribe("c");
    expect(old.received.map((text) => (JSON.parse(text as string) as { type: string }).type)).toEqual([
      "hello",
      "subscribe",
      "unsubscribe",
    ]);
    tell({ ...connectedFrame, streams: [recovered(3, 0)] });
    expect(sent().slice(1)).toEqual([
      { type: "unsubscribe", channels: ["c"] },
      { type: "subscribe", streams: [{ channel: "late" }] },
    ]);
  });

  it("keeps the old link while the new one can't be had, and tries again after the back-off", () => {
    const { client, memory, clock, old, over, eventFrame, told, welcome, statuses } = drained();
    memory.last.drop();
    over(old, eventFrame(4));
    expect([client.status, memory.alive, clock.timers]).toEqual(["connected", 1, 1]);
    clock.advance(1_000);
    expect(memory.peers.length).toBe(3);
    welcome({ streams: [recovered(4, 0)] });
    expect([told, old.closedWith?.code, statuses]).toEqual([[4], 1000, ["connected"]]);
  });

  it("an old link that ends first is a loss; the attempt under way is the one there is", () => {
    const { client, memory, clock, old, tell } = drained();
    old.drop();
    expect([client.status, memory.peers.length, clock.timers]).toEqual(["reconnecting", 2, 1]);
    memory.last.accept();
    tell({ ...connectedFrame, streams: [recovered(3, 0)] });
    expect(client.status).toBe("connected");
  });

  it("an old link that ends while the new one is greeted: what that hello did not name is asked for all the same", () => {
    const { client, memory, old, tell, sent, errors } = drained();
    memory.last.accept();
    client.subscribe("late").catch(() => {});
    client.unsubscribe("c");
    old.drop();
    expect(client.health()).toMatchObject({
      status: "reconnecting",
      connection: null,
      lastError: { code: "link.lost" },
    });
    tell({ ...connectedFrame, streams: [recovered(3, 0)] });
    expect(sent().slice(1)).toEqual([
      { type: "unsubscribe", channels: ["c"] },
      { type: "subscribe", streams: [{ channel: "late" }] },
    ]);
    expect(errors).toEqual([]);
  });

  it("§5.3 fresh over the new link for a stream that the old one has begun since: asks from its cursor", () => {
    const { client, memory, old, over, tell, sent, told } = drained();
    client.subscribe("d").catch(() => {});
    memory.last.accept();
    expect(sent()).toMatchObject([{ streams: [{ channel: "c" }, { channel: "d" }] }]);
    over(old, { type: "verdict", streams: [fresh("d", 5)] });
    over(old, { type: "event", channel: "d", event: "tick", data: 0, offset: 6, tag: "t6" });
    tell({ ...connectedFrame, streams: [recovered(3, 0), fresh("d", 8)] });
    expect(sent().slice(1)).toEqual([{ type: "subscribe", streams: [{ channel: "d", position: at(6) }] }]);
    tell({ type: "verdict", streams: [{ channel: "d", verdict: "recovered", position: at(8), count: 2 }] });
    for (const offset of [7, 8])
      tell({ type: "event", channel: "d", event: "tick", data: 0, offset, tag: `t${offset}` });
    expect(told).toEqual([6, 7, 8]);
  });

  it("says draining, and drops an old link that has gone silent meanwhile", () => {
    const { client, memory, clock, old, over } = drained();
    expect(client.health()).toMatchObject({ phase: "draining", status: "connected" });
    const live = (forMs: number, beat: () => void): void => {
      for (
        const until = clock.now() + forMs;
        clock.now() < until && client.status === "connected";
        clock.advance(5_000)
      ) {
        if (memory.last.state === "connecting") memory.last.drop();
        beat();
      }
    };
    live(300_000, () => over(old, { type: "ping" }));
    expect([client.status, old.state]).toEqual(["connected", "open"]);
    expect(memory.peers.length).toBeGreaterThan(6);
    old.vanish();
    const silentSince = clock.now();
    live(3_600_000, () => {});
    expect([client.status, clock.timers, old.closedWith]).toEqual(["reconnecting", 1, null]);
    expect(clock.now() - silentSince).toBeLessThanOrEqual(2 * 60_000);
  });

  it("asks over the new link what the old one has not answered", async () => {
    const { client, memory, clock, tell, sent } = drained();
    const answered = client.ping();
    memory.last.accept();
    tell({ ...connectedFrame, streams: [recovered(3, 0)] });
    expect(sent().at(-1)).toEqual({ type: "ping", id: 1 });
    clock.advance(5);
    tell({ type: "pong", id: 1 });
    expect(await answered).toBe(5);
  });

  it("close() leaves both links, and no timer", async () => {
    const { client, memory, clock, old } = drained();
    memory.last.accept();
    const closed = client.close({ timeoutMs: 0 });
    clock.advance(0);
    await closed;
    expect([old.closedWith?.code, memory.alive, clock.timers]).toEqual([1000, 0, 0]);
  });
});

describe("credentials", () => {
  it("W-16 a bad key is fatal: one attempt, an error, disconnected, nothing unhandled", async () => {
    const { client, memory, clock, errors, tell } = setUp({ apiKey: "wrong" });
    const ready = client.ready();
    memory.last.accept();
    tell({ type: "error", code: "gateway.unauthorized", message: "this key is not known", fatal: true });
    clock.advance(3_600_000);
    expect([client.status, memory.peers.length, memory.alive, clock.timers]).toEqual(["disconnected", 1, 0, 0]);
    expect(errors).toMatchObject([{ name: "GatewayError", code: "gateway.unauthorized" }]);
    expect(errors[0]?.message).toContain("this key is not known");
    await expect(ready).rejects.toBe(errors[0]);
    await expect(client.ready()).rejects.toBe(errors[0]);
    await settle();
  });

  it("W-16 close 4401 without an error frame is fatal too", async () => {
    const { client, memory, errors } = setUp({ apiKey: "wrong" });
    memory.last.accept();
    memory.last.close(4401, "who are you?");
    expect([client.status, errors[0]?.code]).toEqual(["disconnected", "gateway.unauthorized"]);
    await settle();
  });

  it("§6.1 4401 asks getToken for a fresh one, once", async () => {
    const asked: boolean[] = [];
    const getToken = ({ fresh }: { readonly fresh: boolean }) => {
      asked.push(fresh);
      return `token-${asked.length}`;
    };
    const { client, memory, sent, errors } = setUp({ getToken });
    await settle();
    memory.last.accept();
    memory.last.close(4401);
    await settle();
    memory.last.accept();
    expect(sent()).toMatchObject([{ token: "token-2" }]);
    memory.last.close(4401);
    await settle();
    expect([asked, memory.peers.length, client.status]).toEqual([[false, true], 2, "disconnected"]);
    expect(errors.map(({ code }) => code)).toEqual(["gateway.unauthorized"]);
  });

  it("§12 getToken is awaited for every attempt, and a late answer means nothing", async () => {
    const answers: ((token: string) => void)[] = [];
    const { memory, clock, sent } = setUp({ getToken: () => new Promise((resolve) => answers.push(resolve)) });
    await settle();
    clock.advance(10_000);
    clock.advance(1_000);
    await settle();
    answers[0]?.("late");
    await settle();
    expect(memory.peers.length).toBe(0);
    answers[1]?.("in time");
    await settle();
    memory.last.accept();
    expect([memory.peers.length, sent()[0]?.["token"]]).toEqual([1, "in time"]);
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("no session");
      },
      "no session",
    ],
    ["rejects", () => Promise.reject(new Error("no session")), "no session"],
    ["gives something else", () => 7 as unknown as string, "expected a string, got number"],
  ])("R-16 a getToken that %s is reported, and asked again after the back-off", async (_, getToken, message) => {
    const { client, memory, clock, errors } = setUp({ getToken });
    await settle();
    expect(errors).toMatchObject([{ code: "link.token-failed", cause: { message } }]);
    expect([memory.peers.length, client.health().nextRetryInMs]).toEqual([0, 1_000]);
    clock.advance(1_000);
    await settle();
    expect(errors.length).toBe(2);
  });

  it("getToken may use the client that is being made", async () => {
    const client: Client = createClient({
      url: "x",
      transport: memoryTransport().transport,
      clock: new ManualClock(),
      getToken: (): string => client.status,
    });
    await settle();
    expect(client.health().phase).toBe("connecting");
  });

  it("R-14 no key and no token in any log line or error", async () => {
    const lines: string[] = [];
    const log = (message: string, fields?: LogFields) => void lines.push(message + JSON.stringify(fields ?? {}));
    const logger = { debug: log, info: log, warn: log, error: log };
    const { client, memory, clock, errors, welcome } = setUp({ apiKey: "s3cret", logger });
    memory.last.refuse(new Error("connect ECONNREFUSED"));
    clock.advance(1_000);
    welcome();
    memory.last.close(4403, "go away");
    await settle();
    expect(lines.length).toBeGreaterThan(3);
    expect(JSON.stringify([lines, errors, errors.map(String), client.health()])).not.toContain("s3cret");
    expect(lines.join()).toContain("ECONNREFUSED");
  });
});

describe("streams", () => {
  it("§7.5 loses nothing over a reconnection: names its position, and is given what it missed", () => {
    const { client, memory, clock, welcome, event, sent } = setUp();
    const got: unknown[] = [];
    const resumed: unknown[] = [];
    client.on("tick", (data) => got.push(data));
    client.on("resumed", (one) => resumed.push(one));
    welcome({ streams: [fresh("c")] });
    event(1);
    memory.last.drop();
    clock.advance(1_000);
    const recovered: Verdict = { channel: "c", verdict: "recovered", position: at(3), count: 2 };
    welcome({ streams: [recovered] });
    expect(sent()).toMatchObject([{ type: "hello", streams: [{ channel: "c", position: at(1) }] }]);
    event(2);
    event(3);
    event(4);
    expect(got).toEqual([1, 2, 3, 4]);
    expect(resumed).toEqual([recovered]);
  });

  it("tells a gap with its first and last event", () => {
    const { client, welcome, event } = setUp();
    const gaps: unknown[] = [];
    const got: unknown[] = [];
    client.on("gap", (gap) => gaps.push(gap));
    client.on("tick", (data) => got.push(data));
    const gap: Verdict = { channel: "c", verdict: "gap", position: at(9), from: 5, to: 9, reason: "retention" };
    welcome({ streams: [gap] });
    event(10);
    expect([gaps, got]).toEqual([[gap], [10]]);
  });

  it("§5.5 asks again when something is missing, and drops nothing of the answer", () => {
    const { client, welcome, event, sent, tell } = setUp();
    const got: unknown[] = [];
    client.on("tick", (data) => got.push(data));
    welcome({ streams: [fresh("c")] });
    event(1);
    event(3);
    event(4);
    expect(sent().slice(1)).toEqual([{ type: "subscribe", streams: [{ channel: "c", position: at(1) }] }]);
    tell({ type: "verdict", streams: [{ channel: "c", verdict: "recovered", position: at(4), count: 3 }] });
    for (const offset of [2, 3, 4, 5]) event(offset);
    expect(got).toEqual([1, 2, 3, 4, 5]);
  });

  it("§4.2 asks again when a ping names a position ahead", () => {
    const { welcome, tell, sent } = setUp();
    welcome({ streams: [fresh("c", 1)] });
    tell({ type: "ping", positions: [{ channel: "c", offset: 2, tag: "t2" }] });
    expect(sent().slice(1)).toEqual([
      { type: "pong" },
      { type: "subscribe", streams: [{ channel: "c", position: at(1) }] },
    ]);
  });

  it("subscribe() resolves with the verdict, asks once, and is renewed by itself", async () => {
    const { client, memory, clock, welcome, sent, tell } = setUp();
    welcome();
    const granted = client.subscribe("news");
    expect(client.subscribe("news")).toBe(granted);
    expect(sent().slice(1)).toEqual([{ type: "subscribe", streams: [{ channel: "news" }] }]);
    tell({ type: "verdict", streams: [fresh("news", 4)] });
    expect(await granted).toEqual(fresh("news", 4));
    memory.last.drop();
    clock.advance(1_000);
    memory.last.accept();
    expect(sent()[0]?.["streams"]).toEqual([{ channel: "news", position: at(4) }]);
  });

  it("subscribe() with a token keeps it for later links, until another comes, also while it is asked for or on", async () => {
    const { client, memory, clock, welcome, sent, tell } = setUp();
    welcome();
    const granted = client.subscribe("news", { token: "one" });
    void client.subscribe("news");
    void client.subscribe("news", { token: "two" });
    const asked = ["one", "two"].map((token) => ({ type: "subscribe", streams: [{ channel: "news", token }] }));
    expect(sent().slice(1)).toEqual(asked);
    tell({ type: "verdict", streams: [fresh("news", 4)] });
    await granted;
    void client.subscribe("news", { token: "three" });
    expect(sent().at(-1)).toEqual({
      type: "subscribe",
      streams: [{ channel: "news", position: at(4), token: "three" }],
    });
    memory.last.drop();
    clock.advance(1_000);
    memory.last.accept();
    expect(sent()[0]?.["streams"]).toEqual([{ channel: "news", position: at(4), token: "three" }]);
    expect(JSON.stringify(client.health())).not.toContain("three");
    const long = client.subscribe("news", { token: "x".repeat(8193) });
    await expect(long).rejects.toMatchObject({
      code: "usage.bad-argument",
      message: expect.not.stringContaining("xx"),
    });
  });

  it("subscribe() before the connection travels in hello, and ready() waits for its verdict", async () => {
    const { client, welcome, sent } = setUp();
    const granted = client.subscribe("news");
    welcome({ streams: [fresh("news")] });
    expect(sent()).toMatchObject([{ type: "hello", streams: [{ channel: "news" }] }]);
    expect(await granted).toEqual(fresh("news"));
    await client.ready();
  });

  it("a refusal rejects the call; one nobody waits for is an error event", async () => {
    const { client, welcome, tell, errors } = setUp({ channels: ["mine"] });
    const refused = (channel: string): Verdict => ({
      channel,
      verdict: "refused",
      error: { code: "gateway.forbidden", message: "no such channel, or not yours" },
    });
    welcome({ streams: [refused("mine")] });
    expect(errors).toMatchObject([{ code: "gateway.forbidden", message: expect.stringContaining("mine") }]);
    const asked = client.subscribe("yours");
    tell({ type: "verdict", streams: [refused("yours")] });
    await expect(asked).rejects.toMatchObject({ name: "GatewayError", code: "gateway.forbidden" });
    expect(errors.length).toBe(1);
  });

  it("§12 unsubscribe drops what crosses it, and rejects a subscribe that waits", async () => {
    const { client, welcome, event, sent } = setUp();
    const got: unknown[] = [];
    client.on("tick", (data) => got.push(data));
    welcome({ streams: [fresh("c")] });
    client.unsubscribe("c");
    event(1);
    event(undefined, "volatile");
    expect([got, sent().at(-1)]).toEqual([[], { type: "unsubscribe", channels: ["c"] }]);
    const waiting = client.subscribe("d");
    client.unsubscribe("d");
    await expect(waiting).rejects.toMatchObject({ code: "usage.aborted" });
  });

  it("subscribe(), unsubscribe(), subscribe() in one breath: two verdicts, and nothing between them is lost", async () => {
    const { client, welcome, event, sent, tell } = setUp();
    const got: unknown[] = [];
    client.on("tick", (data) => got.push(data));
    welcome();
    void client.subscribe("c").catch(() => {});
    client.unsubscribe("c");
    const granted = client.subscribe("c");
    tell({ type: "verdict", streams: [fresh("c", 3)] });
    expect(await granted).toEqual(fresh("c", 3));
    // The gateway left and came back: it sent none of 4 and 5.
    tell({ type: "verdict", streams: [fresh("c", 5)] });
    expect(sent().at(-1)).toEqual({ type: "subscribe", streams: [{ channel: "c", position: at(3) }] });
    tell({ type: "verdict", streams: [{ channel: "c", verdict: "recovered", position: at(6), count: 3 }] });
    for (const offset of [4, 5, 6, 7]) event(offset);
    expect(got).toEqual([4, 5, 6, 7]);
  });

  it("a closed client rejects subscribe() with usage.closed", async () => {
    const { client, welcome } = setUp();
    welcome();
    const waiting = client.subscribe("c");
    await client.close();
    await expect(waiting).rejects.toMatchObject({ code: "usage.closed" });
    await expect(client.subscribe("c")).rejects.toMatchObject({ code: "usage.closed" });
  });
});

describe("events", () => {
  it("gives data and the event itself, in wire order, also from arrays", () => {
    const { client, welcome, memory } = setUp();
    const got: unknown[] = [];
    client.on("tick", (data, meta) => got.push([data, meta.offset, meta.channel]));
    welcome({ streams: [fresh("c")] });
    const tick = (offset: number) => ({
      type: "event",
      channel: "c",
      event: "tick",
      data: `d${offset}`,
      offset,
      tag: "t",
    });
    memory.last.deliver(JSON.stringify([tick(1), tick(2)]));
    memory.last.deliver(JSON.stringify(tick(3)));
    expect(got).toEqual([1, 2, 3].map((offset) => [`d${offset}`, offset, "c"]));
  });

  it("§3.6 a foreign event with a reserved name reaches only *", () => {
    const { client, welcome, tell, errors, statuses } = setUp();
    const all: [name: string, data: unknown][] = [];
    client.on("*", (data, meta) => all.push([meta.event, data]));
    welcome();
    for (const event of ["status", "error", "gap", "resumed", "*", "constructor"]) {
      tell({ type: "event", channel: "c", event, data: 1 });
    }
    expect(all.map(([event]) => event)).toEqual(["status", "error", "gap", "resumed", "*", "constructor"]);
    expect([errors, statuses]).toEqual([[], ["connected"]]);
  });

  it("§3.7 nothing inside data acts as a message", () => {
    const { client, welcome, event } = setUp();
    welcome({ streams: [fresh("c")] });
    event(1, { type: "drain", spreadMs: 0, streams: [{ channel: "c", verdict: "ended" }] });
    event(2, [{ type: "error", code: "gateway.forbidden", message: "x", fatal: true }]);
    expect(client.health()).toMatchObject({ phase: "ready", streams: [{ position: { offset: 2 } }] });
  });

  it("once(name) resolves with the next event, and gives up when its signal aborts", async () => {
    const { client, welcome, event } = setUp();
    welcome({ streams: [fresh("c")] });
    const next = client.once("tick");
    const controller = new AbortController();
    const aborted = client.once("tick", { signal: controller.signal });
    controller.abort();
    event(1, "one");
    expect((await next)[0]).toBe("one");
    await expect(aborted).rejects.toMatchObject({ code: "usage.aborted" });
  });

  it("W-13 close() inside a listener stops the rest of the batch and takes no second socket", async () => {
    const { client, memory, welcome } = setUp();
    const got: unknown[] = [];
    let closing: Promise<void> | undefined;
    client.on("tick", (data) => {
      got.push(data);
      closing = client.close();
    });
    welcome({ streams: [fresh("c")] });
    const tick = (offset: number) => ({ type: "event", channel: "c", event: "tick", data: offset, offset, tag: "t" });
    memory.last.deliver(JSON.stringify([tick(1), tick(2)]));
    await closing;
    expect([got, client.status, memory.alive]).toEqual([[1], "disconnected", 0]);
  });

  it("W-13 close() and connect() inside status listeners are performed in order", async () => {
    const { client, memory, welcome, statuses, clock } = setUp();
    client.once("status", () => void client.close());
    welcome();
    await settle();
    expect([statuses, memory.alive, clock.timers]).toEqual([["connected", "disconnected"], 0, 0]);
    client.on("status", (status) => void (status === "disconnected" && client.connect()));
    void client.connect();
    welcome();
    await client.close();
    expect([memory.alive, client.status]).toEqual([1, "connecting"]);
  });
});

it("R-15 listeners run in wire order, also behind one that throws", () => {
  const { client, welcome, event } = setUp();
  welcome({ streams: [fresh("c")] });
  const got: unknown[] = [];
  client.on("tick", () => {
    throw new Error("mine");
  });
  client.on("tick", (data) => got.push(data));
  for (const offset of [1, 2, 3]) event(offset);
  expect(got).toEqual([1, 2, 3]);
});

describe("W-06 heartbeat", () => {
  it("answers a ping at once, with its id, also while a listener runs", () => {
    const { client, welcome, tell, sent, event } = setUp();
    welcome({ streams: [fresh("c")] });
    let during: unknown;
    client.on("tick", () => {
      tell({ type: "ping", id: 7 });
      during = sent().at(-1);
    });
    event(1);
    expect(during).toEqual({ type: "pong", id: 7 });
  });

  it("ping() resolves with the round trip", async () => {
    const { client, clock, welcome, tell, sent } = setUp();
    welcome();
    const ping = client.ping();
    const { id } = sent().at(-1) as { id: number };
    clock.advance(40);
    tell({ type: "pong", id: id + 1 }, { type: "pong" }, { type: "pong", id });
    expect(await ping).toBe(40);
    expect(clock.timers).toBe(1);
  });

  it("ping() rejects when unanswered, when the link is lost, without one, and when aborted", async () => {
    const { client, clock, memory, welcome } = setUp();
    await expect(client.ping()).rejects.toMatchObject({ code: "link.lost" });
    welcome();
    const slow = client.ping({ timeoutMs: 100 });
    clock.advance(100);
    await expect(slow).rejects.toMatchObject({ code: "link.timeout" });
    const controller = new AbortController();
    const aborted = client.ping({ signal: controller.signal });
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: "usage.aborted" });
    const lost = client.ping();
    void client.ping();
    memory.last.drop();
    await expect(lost).rejects.toMatchObject({ code: "link.lost" });
    await settle();
    expect(clock.timers).toBe(1);
  });
});

describe("ready()", () => {
  it("rejects after its time, when aborted, and once the client is closed; it leaves no timer", async () => {
    const { client, clock } = setUp();
    const controller = new AbortController();
    const [late, aborted, closed] = [
      client.ready({ timeoutMs: 50 }),
      client.ready({ signal: controller.signal, timeoutMs: 60 }),
      client.ready(),
    ];
    clock.advance(50);
    controller.abort();
    await expect(late).rejects.toMatchObject({ name: "LinkError", code: "link.timeout" });
    await expect(aborted).rejects.toMatchObject({ name: "UsageError", code: "usage.aborted" });
    await client.close();
    await expect(closed).rejects.toMatchObject({ code: "usage.closed" });
    await expect(client.ready()).rejects.toMatchObject({ code: "usage.closed" });
    expect(clock.timers).toBe(0);
  });

  it("waits again after a loss", async () => {
    const { client, clock, memory, welcome } = setUp();
    welcome();
    await client.ready();
    memory.last.drop();
    let again = false;
    const ready = client.ready().then(() => (again = true));
    await settle();
    expect(again).toBe(false);
    clock.advance(1_000);
    welcome();
    await ready;
  });
});

describe("close()", () => {
  it("resolves when the link is gone; drops it after its time; never rejects", async () => {
    const { client, clock, memory, welcome } = setUp();
    const peer = welcome();
    peer.vanish();
    let closed = false;
    const closing = client.close({ timeoutMs: 300 }).then(() => (closed = true));
    clock.advance(299);
    await settle();
    expect([closed, memory.alive]).toEqual([false, 1]);
    clock.advance(1);
    await closing;
    expect([peer.terminated, memory.alive, clock.timers]).toEqual([true, 0, 0]);
    await client.close();
  });

  it("§12 during connect leaves nothing behind, and no late event", async () => {
    const { client, memory, clock, statuses } = setUp();
    await client.close();
    expect([memory.alive, clock.timers, client.status]).toEqual([0, 0, "disconnected"]);
    clock.advance(3_600_000);
    expect([memory.peers.length, statuses]).toEqual([1, ["disconnected"]]);
  });

  it("of a client that was never started resolves, and ready() says why not", async () => {
    const { client } = setUp({ autoConnect: false });
    await client.close();
    await expect(client.ready()).rejects.toMatchObject({ code: "usage.closed" });
  });

  it("await using closes", async () => {
    const { client, memory, welcome } = setUp();
    welcome();
    await client[Symbol.asyncDispose]();
    expect(memory.alive).toBe(0);
  });
});

describe("W-10 what a message was taken for", () => {
  it.each([
    ['{"type":"ping"}', "ping"],
    ['{"type":"event","channel":"c","event":"x","data":1}', "event"],
    ['{"type":"pong"}', "no_event"],
    ['{"type":"from-the-future"}', "no_event"],
    ["7", "no_event"],
    ["null", "no_event"],
    ["not json", "unparseable"],
  ])("%s: %s", (text, outcome) => {
    const lines: string[] = [];
    const logger = { debug: (line: string) => void lines.push(line), info() {}, warn() {}, error() {} };
    const { memory, welcome } = setUp({ logger });
    welcome();
    lines.length = 0;
    memory.last.deliver(text);
    expect(lines).toEqual([outcome]);
  });
});

describe("R-17 §3.2 bad frames", () => {
  it.each([
    ["{not json", "expected JSON"],
    ['{"type":7}', "type: expected a string, got 7"],
    ['{"type":"ping","id":"one"}', "ping.id: expected an integer ≥ 0, got string"],
    [
      '{"type":"verdict","streams":[{"channel":7,"verdict":"fresh"}]}',
      "verdict.streams[0].channel: expected a string, got 7",
    ],
    ['{"type":"event","event":7,"channel":"c","data":1}', "event"],
    ['{"type":"event","event":"tick","channel":"c","data":1,"offset":"1","tag":"t"}', "offset"],
    ['{"type":"event","event":"tick","channel":"c","data":1,"offset":1}', "tag"],
  ])("%s is reported once, and the link stays", (text, problem) => {
    const { client, memory, welcome, errors, event } = setUp();
    const got: unknown[] = [];
    client.on("tick", (data) => got.push(data));
    welcome({ streams: [fresh("c")] });
    memory.last.deliver(text);
    expect(errors).toMatchObject([{ name: "PeerError", code: "peer.bad-frame" }]);
    expect(errors[0]?.message).toContain(problem);
    event(1);
    expect([got, client.status, memory.peers.length]).toEqual([[1], "connected", 1]);
  });

  it("§3.1 a binary frame is reported and answered with 1003, and the client comes back", () => {
    const { client, clock, memory, welcome, errors } = setUp();
    const peer = welcome();
    peer.deliver(new Uint8Array([1, 2]));
    expect(errors).toMatchObject([{ code: "peer.bad-frame" }]);
    expect(peer.closedWith?.code).toBe(1003);
    clock.advance(1_000);
    welcome();
    expect([client.status, memory.alive]).toEqual(["connected", 1]);
  });

  it("tells a gateway's error that ends nothing", () => {
    const { client, welcome, tell, errors } = setUp();
    welcome();
    tell({ type: "error", code: "gateway.unsupported", message: "no publish here" });
    expect([errors[0]?.code, errors[0]?.message, client.status]).toEqual([
      "gateway.unsupported",
      "no publish here",
      "connected",
    ]);
  });
});

describe("R-16 W-09 isolation", () => {
  it("three listeners, the middle one throws: the others run, the error event says so", () => {
    const { client, welcome, event, errors } = setUp();
    const got: string[] = [];
    const cause = new Error("middle");
    client.on("tick", () => got.push("first"));
    client.on("tick", () => {
      throw cause;
    });
    client.on("tick", () => got.push("third"));
    welcome({ streams: [fresh("c")] });
    event(1);
    expect(got).toEqual(["first", "third"]);
    expect(errors).toMatchObject([{ name: "UsageError", code: "usage.listener-failed", cause }]);
  });

  it("a listener that rejects is reported, not unhandled", async () => {
    const { client, welcome, event, errors } = setUp();
    client.on("tick", async () => {
      throw new Error("later");
    });
    welcome({ streams: [fresh("c")] });
    event(1);
    await settle();
    expect(errors).toMatchObject([{ code: "usage.listener-failed" }]);
  });

  it("an error listener that throws goes to the logger, and no further", () => {
    const lines: string[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error: (line: string) => void lines.push(line) };
    const { client, memory, welcome } = setUp({ logger });
    client.on("error", () => {
      throw new Error("again");
    });
    welcome();
    memory.last.deliver("not json");
    expect(lines.length).toBe(2);
    expect(lines[1]).toContain('"error" listener');
  });

  it("a logger and metrics that throw or reject stop nothing", async () => {
    const fail = (): never => {
      throw new Error("full disk");
    };
    const logger = { debug: fail, info: async () => fail(), warn: fail, error: fail };
    const metrics = { connected: fail, event: fail, reconnect: fail };
    const { client, welcome, event, errors, memory } = setUp({ logger, metrics });
    const got: unknown[] = [];
    client.on("tick", (data) => got.push(data));
    client.on("error", fail);
    welcome({ streams: [fresh("c")] });
    event(1);
    memory.last.drop();
    await settle();
    expect([got, client.status]).toEqual([[1], "reconnecting"]);
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(["usage.listener-failed"]));
  });

  it("with nobody listening for errors, the logger has them and nothing is unhandled", async () => {
    const lines: string[] = [];
    const logger = { debug() {}, info() {}, warn() {}, error: (line: string) => void lines.push(line) };
    const memory = memoryTransport();
    createClient({ url: "x", transport: memory.transport, clock: new ManualClock(), logger });
    memory.last.accept();
    memory.last.close(4403, "no");
    await settle();
    expect(lines.join()).toContain("no");
  });
});

it("W-14 the gauge goes 1, 0, 1 across a drop; events carry their lag; a reconnect is counted", () => {
  const counted: unknown[] = [];
  const metrics = {
    connected: (value: 0 | 1) => void counted.push(["connected", value]),
    event: (lagMs: number | undefined) => void counted.push(["event", lagMs]),
    reconnect: () => void counted.push(["reconnect"]),
  };
  const { memory, clock, welcome, tell } = setUp({ metrics });
  welcome({ streams: [fresh("c")] });
  const event = { type: "event", channel: "c", event: "tick", data: 1 };
  tell({ ...event, time: clock.wallTime() - 30 }, { ...event, time: clock.wallTime() + 30 }, event);
  memory.last.drop();
  clock.advance(1_000);
  welcome();
  expect(counted).toEqual([
    ["connected", 1],
    ["event", 30],
    ["event", 0],
    ["event", undefined],
    ["connected", 0],
    ["reconnect"],
    ["connected", 1],
  ]);
});

describe("inside listeners and between answers", () => {
  it("§5.3 `ended` crossing a subscribe() leaves it to the answer", async () => {
    const { client, welcome, tell } = setUp();
    welcome({ streams: [fresh("c", 3)] });
    const again = client.subscribe("c");
    tell({ type: "verdict", streams: [{ channel: "c", verdict: "ended" }] });
    tell({ type: "verdict", streams: [fresh("c", 7)] });
    expect(await Promise.race([again, settle()])).toMatchObject({ verdict: "fresh" });
    expect(client.health().streams).toMatchObject([{ channel: "c", state: "live" }]);
  });

  it("§5.3 `ended` crossing a subscribe(), then a loss: the channel is asked for again", async () => {
    const { client, clock, memory, welcome, tell, sent } = setUp();
    welcome({ streams: [fresh("c", 3)] });
    const again = client.subscribe("c");
    tell({ type: "verdict", streams: [{ channel: "c", verdict: "ended" }] });
    memory.last.drop();
    clock.advance(1_000);
    memory.last.accept();
    expect(sent()).toMatchObject([{ type: "hello", streams: [{ channel: "c" }] }]);
    tell({ ...connectedFrame, streams: [fresh("c", 7)] });
    expect(await Promise.race([again, settle()])).toMatchObject({ verdict: "fresh" });
  });

  it("§5.3 `ended` on a channel that is live is told: an error that names it", () => {
    const { client, welcome, tell, errors, sent } = setUp();
    welcome({ streams: [fresh("c", 3)] });
    tell({ type: "verdict", streams: [{ channel: "c", verdict: "ended" }] });
    expect(errors).toMatchObject([{ name: "GatewayError", code: "gateway.forbidden" }]);
    expect(errors[0]?.message).toContain("c: ");
    expect([client.health().streams, client.status, sent().length]).toEqual([[], "connected", 1]);
  });

  it("§5.3 `ended` again, after asking again, is a refusal: no gateway makes the client ask for ever", async () => {
    const { client, memory, welcome, tell, sent } = setUp();
    const peer = welcome();
    let asked = 0;
    peer.onReceive = () => {
      if (sent().at(-1)?.["type"] !== "subscribe" || ++asked > 50) return;
      tell({ type: "verdict", streams: [{ channel: "c", verdict: "ended" }] });
    };
    const granted = client.subscribe("c");
    await expect(granted).rejects.toMatchObject({ name: "GatewayError", code: "gateway.forbidden" });
    expect([asked, client.health().streams, memory.alive]).toEqual([2, [], 1]);
    peer.onReceive = null;
    const again = client.subscribe("c");
    tell({ type: "verdict", streams: [fresh("c", 7)] });
    expect(await again).toEqual(fresh("c", 7));
  });

  it("W-13 close() inside a `resumed` listener ends it: no verdict after it is told, and none is forgotten", async () => {
    const { client, memory, clock, welcome, sent } = setUp();
    welcome({ streams: [fresh("a", 1), fresh("b", 1)] });
    memory.last.drop();
    clock.advance(1_000);
    const told: string[] = [];
    client.on("gap", ({ channel }) => told.push(channel));
    client.once("resumed", ({ channel }) => {
      told.push(channel);
      void client.close();
    });
    const gap = (channel: string): Verdict => ({
      channel,
      verdict: "gap",
      position: at(9),
      from: 2,
      to: 9,
      reason: "retention",
    });
    const recovered: Verdict = { channel: "a", verdict: "recovered", position: at(1), count: 0 };
    welcome({ streams: [recovered, gap("b")] });
    expect(told).toEqual(["a"]);
    void client.connect();
    memory.last.accept();
    expect(sent()[0]?.["streams"]).toContainEqual({ channel: "b", position: at(1) });
    memory.last.deliver(JSON.stringify({ ...connectedFrame, streams: [recovered, gap("b")] }));
    expect(told).toEqual(["a", "b"]);
    await client.close();
  });

  it("unsubscribe() of the last channel that ready() waits for lets it go on", async () => {
    const { client, welcome } = setUp({ channels: ["c"] });
    let ready = false;
    void client.ready().then(() => (ready = true));
    welcome();
    await settle();
    expect(ready).toBe(false);
    client.unsubscribe("c");
    await settle();
    expect(ready).toBe(true);
  });

  it("ready() outlives a link that is lost before the verdict", async () => {
    const { client, clock, memory, welcome } = setUp({ channels: ["c"] });
    const ready = client.ready().then(() => "ready");
    welcome();
    memory.last.drop();
    clock.advance(1_000);
    welcome({ streams: [fresh("c")] });
    expect(await Promise.race([ready, settle()])).toBe("ready");
  });

  it("close(), connect() and close() in one listener leave no promise unsettled", async () => {
    const { client, welcome } = setUp();
    const made: Promise<unknown>[] = [];
    client.once("status", () => void made.push(client.close(), client.connect(), client.ready(), client.close()));
    welcome();
    const ends = Promise.allSettled(made).then((results) => results.map(({ status }) => status));
    expect(await Promise.race([ends, settle()])).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
  });

  it("§3.6 a channel name too long for any frame is rejected here, and never sent", async () => {
    const { client, welcome, sent } = setUp();
    welcome();
    const asked = client.subscribe("x".repeat(70_000)).catch((error: { code: string }) => error.code);
    expect(await Promise.race([asked, settle()])).toBe("usage.bad-argument");
    expect(sent().length).toBe(1);
  });

  it("connect() in a status listener gives the promise of the new attempt", async () => {
    const { client, welcome } = setUp();
    welcome();
    await client.ready();
    const attempts: Promise<void>[] = [];
    client.on("status", (status) => {
      if (status === "disconnected") attempts.push(client.connect(), client.ready());
    });
    await client.close();
    welcome();
    await Promise.all(attempts);
    expect(attempts.length).toBe(2);
  });

  it("connect() and subscribe() in the listener of a fatal error belong to the new attempt", async () => {
    const { client, tell, memory, welcome } = setUp();
    const before = client.ready();
    const asked: Promise<unknown>[] = [];
    client.once("error", () => void asked.push(client.connect(), client.subscribe("c")));
    memory.last.accept();
    tell({ type: "error", code: "gateway.unauthorized", message: "no", fatal: true });
    await expect(before).rejects.toMatchObject({ code: "gateway.unauthorized" });
    welcome({ streams: [fresh("c")] });
    await Promise.all(asked);
    expect(asked.length).toBe(2);
  });

  it("close({ timeoutMs: 0 }) drops the link without waiting for the gateway", async () => {
    const { client, clock, memory, welcome } = setUp();
    welcome();
    memory.last.vanish();
    const closing = client.close({ timeoutMs: 0 });
    clock.advance(0);
    expect(await Promise.race([closing.then(() => "closed"), settle()])).toBe("closed");
    expect([memory.alive, clock.timers]).toEqual([0, 0]);
  });
});
