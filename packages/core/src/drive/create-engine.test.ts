import { ManualClock, type MemoryPeer, mockHooks, mockTransport } from "@trunkline/core/testing";
import { describe, expect, it, vi } from "vitest";
import { AlreadyClosedError, TransportCloseError } from "../errors.ts";
import type { Link, LinkListener } from "../ports/transport.ts";
import { createEngine, type EngineInit } from "./create-engine.ts";
import { deferred } from "./deferred.ts";
import {
  AbortError,
  EngineNotStartedError,
  EngineStartError,
  InvalidOptionsError,
  StopTimeoutError,
  TimeoutError,
} from "./engine-errors.ts";
import type { EngineHooks, EngineState } from "./engine-hooks.ts";

/** Lets everything that waits for promises alone happen. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

const json = (data: string | Uint8Array): string => JSON.parse(data as string) as string;

interface Setup extends Partial<Omit<EngineInit, "hooks">> {
  readonly hooks?: EngineHooks;
  readonly like?: "node" | "browser";
  /** Plays the server. @defaultValue accepts every link */
  readonly onLink?: (peer: MemoryPeer) => void;
}

function setUp({ hooks: given = {}, like = "node", onLink, ...init }: Setup = {}) {
  const clock = new ManualClock();
  const memory = mockTransport({ like, ...(onLink && { onLink }) });
  const mock = mockHooks(given);
  const states: EngineState[] = [];
  const errors: unknown[] = [];
  const engine = createEngine({
    url: "ws://memory/",
    transport: memory.transport,
    hooks: mock.hooks,
    clock,
    ...init,
  });
  engine.on("state", (next) => states.push(next));
  engine.on("error", (error) => errors.push(error));
  return {
    engine,
    clock,
    memory,
    mock,
    states,
    errors,
    /** The newest server end. */
    get peer() {
      return memory.last;
    },
    texts: () => mock.of("onMessage").map(({ data }) => data),
    /** Lets `ms` pass, with what follows. */
    async pass(ms: number) {
      await settled();
      clock.advance(ms);
      await settled();
    },
  };
}

async function started(setup?: Setup) {
  const made = setUp(setup);
  await made.engine.start();
  return made;
}

const caught = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail("expected a rejection"),
    (error: unknown) => error,
  );

describe("reconnecting", () => {
  it.each([
    [1, [1, 5, 5]],
    [2, [1, 5, 25, 25]],
  ])("G-06 waits base ** n up to exponent %s: %j s", async (maxExponent, waits) => {
    let refuse = false;
    const t = await started({
      options: { backoff: { baseSeconds: 5, maxExponent } },
      onLink: (peer) => (refuse ? peer.refuse() : peer.accept()),
    });
    refuse = true;
    t.peer.close(1000);
    for (const [failed, seconds] of waits.entries()) {
      await settled();
      expect(t.clock.nextTimerMs).toBe(seconds * 1000);
      await t.pass(seconds * 1000 - 1);
      expect(t.memory.peers).toHaveLength(1 + failed);
      await t.pass(1);
      expect(t.memory.peers).toHaveLength(2 + failed);
    }
  });

  it("G-06 a stop ends a wait at once, and jitter shortens it", async () => {
    const t = await started({ options: { backoff: () => 25_000, jitter: 0.5 } });
    t.peer.close(1000);
    await settled();
    expect([t.engine.state, t.clock.nextTimerMs]).toEqual(["restarting", 18_750]);
    await t.engine.stop();
    expect([t.engine.state, t.clock.timers, t.memory.peers.length]).toEqual(["stopped", 0, 1]);
  });

  it("G-07 without autoReconnect a loss stops the engine after one onClose", async () => {
    const t = await started({ options: { autoReconnect: false } });
    t.peer.close(1000, "bye");
    await settled();
    await t.pass(60_000);
    expect(t.mock.of("onClose").map(({ closeMessage }) => closeMessage)).toEqual([{ code: 1000, reason: "bye" }]);
    expect([t.engine.state, t.memory.peers.length, t.clock.timers]).toEqual(["stopped", 1, 0]);
  });
});

describe("start", () => {
  it("G-08 resolves when onOpen has, and no message is handed out before", async () => {
    const opening = deferred<void>();
    const t = setUp({
      hooks: { onOpen: () => opening.promise },
      onLink: (peer) => {
        peer.accept();
        peer.deliver("early");
      },
    });
    let resolved = false;
    const start = t.engine.start().then(() => (resolved = true));
    await settled();
    expect([resolved, t.engine.state, t.texts()]).toEqual([false, "starting", []]);
    opening.resolve();
    await start;
    expect([t.engine.state, t.texts()]).toEqual(["started", ["early"]]);
  });

  it("G-09 rejects with EngineStartError and the original cause, in all five cases", async () => {
    const causes: unknown[] = [];
    const startError = async (promise: Promise<unknown>) => {
      const error = await caught(promise);
      expect(error).toBeInstanceOf(EngineStartError);
      expect((error as Error).message).toContain("failed to start: ");
      causes.push((error as Error).cause);
    };
    const why = new Error("no patience");
    const abort = new AbortController();
    const hanging = setUp({ onLink: () => {} });
    const aborted = hanging.engine.start({ signal: abort.signal });
    abort.abort(why);
    await startError(aborted);
    expect(causes.pop()).toBe(why);

    const once = await started();
    await startError(once.engine.start());
    expect(causes.pop()).toMatchObject({ message: "engine has already started" });

    const failure = new Error("from onOpen");
    await startError(setUp({ hooks: { onOpen: () => Promise.reject(failure) } }).engine.start());
    expect(causes.pop()).toBe(failure);

    const refused = new Error("refused");
    await startError(setUp({ onLink: (peer) => peer.refuse(refused) }).engine.start());
    expect(causes.pop()).toMatchObject({ name: "TransportCloseError", closeCode: 1006, cause: refused });

    const slow = setUp({ onLink: () => {}, options: { onOpenTimeoutMs: 50 } });
    const late = slow.engine.start();
    slow.clock.advance(50);
    await startError(late);
    expect(causes.pop()).toBeInstanceOf(TimeoutError);
  });

  it("G-10 an aborted signal dials nothing", async () => {
    const t = setUp();
    const reason = new Error("before");
    await expect(t.engine.start({ signal: AbortSignal.abort(reason) })).rejects.toMatchObject({ cause: reason });
    await expect(t.engine.start({ lifetimeSignal: AbortSignal.abort(reason) })).rejects.toMatchObject({
      cause: reason,
    });
    expect([t.memory.peers.length, t.engine.state]).toEqual([0, "stopped"]);
  });

  it("G-11 a second start changes nothing for the first session", async () => {
    const t = await started();
    await expect(t.engine.start()).rejects.toThrow("engine has already started");
    t.peer.deliver("one");
    expect([t.texts(), t.memory.peers.length]).toEqual([["one"], 1]);
    await t.engine.stop();
    expect(t.engine.state).toBe("stopped");
  });

  it("G-12 one timer runs over dial and onOpen, and what is late never starts", async () => {
    const t = setUp({ onLink: () => {}, options: { onOpenTimeoutMs: 50 } });
    const start = caught(t.engine.start());
    await t.pass(49);
    expect(t.engine.state).toBe("starting");
    await t.pass(1);
    expect((await start) as Error).toMatchObject({ cause: expect.any(TimeoutError) });
    expect([t.peer.state, t.engine.state, t.clock.timers]).toEqual(["closed", "stopped", 0]);

    const opening = deferred<void>();
    const slow = setUp({
      onLink: () => {},
      hooks: { onOpen: () => opening.promise },
      options: { onOpenTimeoutMs: 50 },
    });
    const late = caught(slow.engine.start());
    await slow.pass(30);
    slow.peer.accept();
    await slow.pass(19);
    expect(slow.engine.state).toBe("starting");
    await slow.pass(1);
    expect(await late).toMatchObject({ cause: expect.any(TimeoutError) });
    expect(slow.mock.of("onOpen")[0]?.signal.aborted).toBe(true);
    opening.resolve();
    await settled();
    expect([slow.engine.state, slow.memory.alive, slow.mock.of("onClose")]).toEqual(["stopped", 0, []]);
  });

  it("G-12 a timeout of 0 is none", async () => {
    const t = setUp({ onLink: () => {}, options: { onOpenTimeoutMs: 0 } });
    const start = t.engine.start();
    await t.pass(10_000_000);
    t.peer.accept();
    await start;
    expect(t.engine.state).toBe("started");
  });

  it("G-13 a failed start closes with 1001 and says why, without onClose", async () => {
    const failing = setUp({ hooks: { onOpen: () => Promise.reject(new Error("no")) } });
    await caught(failing.engine.start());
    expect(failing.peer.closedWith).toEqual({ code: 1001, reason: "websocket client failed to start" });

    const abort = new AbortController();
    const t = setUp({ hooks: { onOpen: () => new Promise(() => {}) } });
    const start = caught(t.engine.start({ signal: abort.signal }));
    await settled();
    abort.abort();
    await start;
    expect(t.peer.closedWith).toEqual({ code: 1001, reason: "websocket client has been interrupted" });
    for (const { mock } of [failing, t]) {
      expect(mock.calls.map(({ hook }) => hook)).toEqual(["onOpen"]);
    }
  });

  it("G-14 R-09 the first attempt is the only one, and start may be called again", async () => {
    let refuse = true;
    const t = setUp({ onLink: (peer) => (refuse ? peer.refuse() : peer.accept()) });
    await expect(t.engine.start()).rejects.toBeInstanceOf(EngineStartError);
    await t.pass(60_000);
    expect([t.memory.peers.length, t.clock.timers]).toEqual([1, 0]);
    refuse = false;
    await t.engine.start();
    expect(t.engine.state).toBe("started");
  });

  it("G-14 may be called again while the failed attempt's link still closes", async () => {
    let fails = 1;
    const t = setUp({
      onLink: (peer) => {
        peer.accept();
        peer.vanish();
      },
      hooks: { onOpen: () => (fails-- > 0 ? Promise.reject(new Error("no")) : undefined) },
    });
    await caught(t.engine.start());
    expect(t.memory.alive).toBe(1);
    await t.engine.start();
    t.memory.peers[0]?.drop();
    t.peer.deliver("one");
    expect([t.engine.state, t.texts()]).toEqual(["started", ["one"]]);
  });

  it("G-15 of two starts at once, one resolves", async () => {
    const t = setUp();
    const results = await Promise.allSettled([t.engine.start(), t.engine.start()]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(t.memory.peers).toHaveLength(1);
  });

  it("G-15 a start waits for the stop under way", async () => {
    const closing = deferred<void>();
    const t = await started({ hooks: { onClose: () => closing.promise } });
    const stop = t.engine.stop();
    const start = t.engine.start();
    await settled();
    expect(t.memory.peers).toHaveLength(1);
    closing.resolve();
    await stop;
    await start;
    expect([t.engine.state, t.memory.peers.length]).toEqual(["started", 2]);
  });

  it("G-16 its signal bounds the start alone; lifetimeSignal stops the engine", async () => {
    const [start, life] = [new AbortController(), new AbortController()];
    const t = setUp();
    await t.engine.start({ signal: start.signal, lifetimeSignal: life.signal });
    start.abort();
    await settled();
    expect(t.engine.state).toBe("started");
    life.abort();
    await settled();
    expect([t.engine.state, t.mock.of("onClose").length]).toEqual(["stopped", 1]);
  });
});

describe("stop", () => {
  it("G-17 calls onClose, closes with 1001, and then resolves", async () => {
    const order: unknown[] = [];
    const t = await started({
      hooks: {
        onClose: ({ closeMessage, initiatedBy }) => {
          order.push(closeMessage, initiatedBy, t.peer.closedWith);
        },
      },
    });
    await t.engine.stop();
    expect(order).toEqual([null, "client", null]);
    expect(t.peer.closedWith).toEqual({ code: 1001, reason: "Going away" });
    expect(t.clock.timers).toBe(0);
  });

  it("G-17 waits until the connection has ended", async () => {
    const t = await started();
    t.peer.vanish();
    let stopped = false;
    const stop = t.engine.stop().then(() => (stopped = true));
    await settled();
    expect([stopped, t.engine.state]).toEqual([false, "stopping"]);
    t.peer.drop();
    await stop;
    expect(t.engine.state).toBe("stopped");
  });

  it("G-18 R-10 rejects when not started, and drops the connection when it takes too long", async () => {
    const t = setUp({ options: { stopTimeoutMs: 50 }, hooks: { onClose: () => new Promise(() => {}) } });
    await expect(t.engine.stop()).rejects.toBeInstanceOf(EngineNotStartedError);
    await t.engine.start();
    const stop = caught(t.engine.stop());
    await t.pass(49);
    expect(t.engine.state).toBe("stopping");
    await t.pass(1);
    expect(await stop).toBeInstanceOf(StopTimeoutError);
    expect([t.peer.terminated, t.memory.alive, t.engine.state, t.clock.timers]).toEqual([true, 0, "stopped", 0]);
    await expect(t.engine.stop()).rejects.toMatchObject({ code: "usage.not-started" });
  });

  it("G-18 a timeout of 0 is none, and a signal ends only the wait", async () => {
    const closing = deferred<void>();
    const t = await started({ options: { stopTimeoutMs: 0 }, hooks: { onClose: () => closing.promise } });
    const abort = new AbortController();
    const first = t.engine.stop();
    await t.pass(10_000_000);
    expect(t.engine.state).toBe("stopping");
    closing.resolve();
    await first;

    const again = await started();
    again.peer.vanish();
    const stop = caught(again.engine.stop({ signal: abort.signal }));
    abort.abort("enough");
    expect(await stop).toMatchObject({ name: "AbortError", cause: "enough" });
    expect(again.engine.state).toBe("stopping");
    again.peer.drop();
    expect(await again.engine.isStarted()).toBe(false);
  });

  it("G-19 nothing comes back by itself, and start opens another session", async () => {
    const t = await started();
    await t.engine.stop();
    await t.pass(600_000);
    expect(t.memory.peers).toHaveLength(1);
    await t.engine.start();
    t.peer.deliver("again");
    expect(t.texts()).toEqual(["again"]);
    const ids = t.mock.of("onOpen").map(({ sessionId }) => sessionId);
    expect(new Set(ids).size).toBe(2);
    expect(t.mock.of("onOpen").map(({ restarting }) => restarting)).toEqual([false, false]);
  });

  it("G-20 gives up a dial at once", async () => {
    const t = setUp({ onLink: () => {} });
    const start = caught(t.engine.start());
    await t.engine.stop();
    expect(await start).toMatchObject({ name: "EngineStartError", cause: expect.any(AbortError) });
    expect([t.memory.alive, t.engine.state]).toEqual([0, "stopped"]);

    let accept = true;
    const later = await started({ onLink: (peer) => (accept ? peer.accept() : undefined) });
    accept = false;
    later.peer.drop();
    await later.pass(1_000);
    expect([later.memory.peers.length, later.engine.state]).toEqual([2, "restarting"]);
    await later.engine.stop();
    expect([later.memory.alive, later.engine.state, later.clock.timers]).toEqual([0, "stopped", 0]);
  });

  it("G-21 isStarted waits for starts and stops, and is true while restarting", async () => {
    const opening = deferred<void>();
    const t = setUp({ hooks: { onOpen: () => opening.promise, onMessage: ({ exit }) => exit() } });
    expect(await t.engine.isStarted()).toBe(false);
    const start = t.engine.start();
    const asked = t.engine.isStarted();
    opening.resolve();
    await start;
    expect(await asked).toBe(true);
    t.peer.drop();
    await settled();
    expect([t.engine.state, await t.engine.isStarted()]).toEqual(["restarting", true]);
    await t.pass(1_000);
    expect(t.engine.state).toBe("started");
    t.peer.deliver("exit");
    expect(await t.engine.isStarted()).toBe(true); // The hook has only asked for it.
    await settled();
    expect(await t.engine.isStarted()).toBe(false);
    expect(t.states).toEqual(["starting", "started", "restarting", "started", "stopping", "stopped"]);
  });

  it("every wait ends when its signal aborts, and listens to it no longer than that", async () => {
    const listening = new Set<() => void>();
    const controller = new AbortController();
    const signal = {
      get aborted() {
        return controller.signal.aborted;
      },
      reason: "enough",
      addEventListener: (type: "abort", listener: () => void) => {
        listening.add(listener);
        controller.signal.addEventListener(type, listener);
      },
      removeEventListener: (type: "abort", listener: () => void) => {
        listening.delete(listener);
        controller.signal.removeEventListener(type, listener);
      },
    };
    const opening = deferred<void>();
    const closing = deferred<undefined>();
    const t = setUp({ hooks: { onOpen: () => opening.promise, onClose: () => closing.promise } });
    const start = t.engine.start();
    const whileStarting = t.engine.isStarted({ signal });
    expect(listening.size).toBe(1);
    await settled();
    const read = caught(t.mock.of("onOpen")[0]?.conn.read({ signal }) ?? Promise.resolve());
    await settled();
    expect(listening.size).toBe(2);
    opening.resolve();
    await start;
    expect([await whileStarting, await read, listening.size]).toEqual([
      true,
      expect.objectContaining({ code: "usage.closed" }),
      0,
    ]);

    const waits: Record<string, Promise<unknown>> = {};
    const lease = await t.engine.pause({ signal });
    waits["lease.read"] = caught(lease.read({ signal }));
    waits["pause"] = caught(t.engine.pause({ signal }));
    waits["exclusive"] = caught(t.engine.exclusive(() => "never", { signal }));
    waits["context.pause"] = caught(t.mock.of("onOpen")[0]?.pause({ signal }) ?? Promise.resolve());
    waits["stop"] = caught(t.engine.stop({ signal }));
    waits["isStarted"] = caught(t.engine.isStarted({ signal }));
    waits["start"] = caught(t.engine.start({ signal }));
    await settled();
    expect(t.engine.state).toBe("stopping");
    expect(listening.size).toBe(Object.keys(waits).length);
    controller.abort();
    const errors = await Promise.all(Object.values(waits));
    expect(listening.size).toBe(0);
    for (const [index, name] of Object.keys(waits).entries()) {
      const error = errors[index];
      expect([name, error]).toEqual([
        name,
        name === "start"
          ? expect.objectContaining({ code: "link.start-failed", cause: "enough" })
          : expect.objectContaining({ code: "usage.aborted" }),
      ]);
    }
    // They ended, what they waited for did not.
    expect(t.engine.state).toBe("stopping");
    lease.release();
    closing.resolve(undefined);
    await settled();
    expect([t.engine.state, t.memory.alive, t.clock.timers]).toEqual(["stopped", 0, 0]);

    await expect(t.engine.start({ signal })).rejects.toMatchObject({ cause: "enough" });
    expect([t.memory.peers.length, listening.size]).toEqual([1, 0]);
  });

  it("is what asyncDispose does, and no error when it is stopped already", async () => {
    const t = await started();
    await t.engine[Symbol.asyncDispose]();
    expect(t.engine.state).toBe("stopped");
    await t.engine[Symbol.asyncDispose]();
  });
});

describe("leases", () => {
  it("G-22 holds hooks back, keeps what it reads, and gives the rest back in order", async () => {
    const t = await started();
    const lease = await t.engine.pause();
    for (const text of ["a", "b", "c", "d"]) t.peer.deliver(text);
    lease.send("question");
    expect(t.peer.received).toEqual(["question"]);
    expect((await lease.read()).data).toBe("a");
    for await (const { data } of lease) {
      expect(data).toBe("b");
      break;
    }
    await settled();
    expect(t.texts()).toEqual([]);
    lease.release();
    lease.release();
    expect(t.texts()).toEqual(["c", "d"]);
    await expect(lease.read()).rejects.toMatchObject({ code: "usage.closed" });
    expect(() => lease.send("x")).toThrow(expect.objectContaining({ code: "usage.closed" }));
    expect(await lease[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
  });

  it("G-22 a read waits for what comes, and exclusive releases also when its work throws", async () => {
    const t = await started();
    const answer = t.engine.exclusive(async (lease) => {
      lease.send("q");
      return (await lease.read()).data;
    });
    await settled();
    t.peer.deliver("answer");
    expect(await answer).toBe("answer");
    await expect(t.engine.exclusive(() => Promise.reject(new Error("x")))).rejects.toThrow("x");
    t.peer.deliver("free");
    expect(t.texts()).toEqual(["free"]);
    (await t.engine.pause())[Symbol.dispose]();
    t.peer.deliver("still free");
    expect(t.texts()).toEqual(["free", "still free"]);
  });

  it("G-22 can be taken inside a handler; handlers in flight go on", async () => {
    const read: unknown[] = [];
    const t = await started({
      hooks: {
        onMessage: async ({ pause, data }) => {
          if (data !== "login?") return;
          const lease = await pause();
          lease.send("me");
          read.push((await lease.read()).data);
          lease.release();
        },
      },
    });
    t.peer.deliver("login?");
    await settled();
    t.peer.deliver("welcome");
    t.peer.deliver("after");
    await settled();
    expect([read, t.texts()]).toEqual([["welcome"], ["login?", "after"]]);
  });

  it("G-23 is exclusive and first in, first out; an aborted one leaves the line", async () => {
    const t = await started();
    const order: string[] = [];
    const abort = new AbortController();
    const first = await t.engine.pause();
    const second = t.engine.pause().then((lease) => (order.push("second"), lease));
    const aborted = caught(t.engine.pause({ signal: abort.signal }));
    const third = t.engine.pause().then((lease) => (order.push("third"), lease));
    abort.abort();
    expect(await aborted).toMatchObject({ code: "usage.aborted" });
    await settled();
    expect(order).toEqual([]);
    first.release();
    await settled();
    expect(order).toEqual(["second"]);
    (await second).release();
    (await third).release();
    expect(order).toEqual(["second", "third"]);
    expect(await caught(t.engine.pause({ signal: AbortSignal.abort() }))).toMatchObject({ code: "usage.aborted" });
  });

  it("G-24 a stop waits for the lease, within its timeout", async () => {
    const t = await started();
    const lease = await t.engine.pause();
    let stopped = false;
    const stop = t.engine.stop().then(() => (stopped = true));
    await settled();
    expect([stopped, t.mock.of("onClose").length, t.peer.state]).toEqual([false, 0, "open"]);
    lease.send("still mine");
    lease.release();
    await stop;
    expect([t.peer.received, t.mock.of("onClose").length, t.engine.state]).toEqual([["still mine"], 1, "stopped"]);
  });

  it("G-24 a lease that is never released costs a stop its timeout", async () => {
    const t = await started({ options: { stopTimeoutMs: 50 } });
    const lease = await t.engine.pause();
    const line = caught(t.engine.pause());
    const stop = caught(t.engine.stop());
    await t.pass(50);
    expect(await stop).toBeInstanceOf(StopTimeoutError);
    expect(await line).toBeInstanceOf(EngineNotStartedError);
    await expect(lease.read()).rejects.toBeInstanceOf(AlreadyClosedError);
    expect([t.engine.state, t.memory.alive]).toEqual(["stopped", 0]);
    await t.engine.start();
    lease.release();
    t.peer.deliver("works");
    expect(t.texts()).toEqual(["works"]);
  });

  it("G-25 a read tells the loss, and only after the release onClose and the restart follow", async () => {
    const t = await started();
    const lease = await t.engine.pause();
    const reading = caught(lease.read());
    t.peer.close(4000, "bye");
    expect(await reading).toBeInstanceOf(TransportCloseError);
    await t.pass(60_000);
    expect([t.mock.of("onClose").length, t.memory.peers.length]).toEqual([0, 1]);
    lease.release();
    await t.pass(1_000);
    expect([t.mock.of("onClose").length, t.memory.peers.length, t.engine.state]).toEqual([1, 2, "started"]);
  });
});

describe("hooks", () => {
  it("G-26 onOpen reads and sends; what it read is not handed out again", async () => {
    const t = setUp({
      protocols: ["feed"],
      hooks: {
        onOpen: async ({ conn }) => {
          conn.send("login");
          expect((await conn.read()).data).toBe("welcome");
        },
      },
      onLink: (peer) => {
        peer.accept();
        peer.deliver("welcome");
        peer.deliver("news");
      },
    });
    await t.engine.start();
    expect([t.peer.received, t.texts()]).toEqual([["login"], ["news"]]);
    t.peer.drop();
    await t.pass(1_000);
    const opens = t.mock.of("onOpen");
    expect(opens.map(({ restarting }) => restarting)).toEqual([false, true]);
    expect(opens[0]?.handshake).toEqual({ protocol: "feed", extensions: "" });
  });

  it("G-27 an error of onOpen while restarting closes and tries again, with exit it stops", async () => {
    let error: Error | null = null;
    let leave = false;
    const t = await started({
      hooks: {
        onOpen: ({ exit }) => {
          if (leave) exit();
          if (error) throw error;
        },
      },
    });
    error = new Error("not now");
    t.peer.drop();
    await t.pass(1_000);
    expect(t.peer.closedWith).toEqual({ code: 1001, reason: "websocket client failed to start" });
    expect(t.mock.of("onRestartError").map((context) => context.error)).toEqual([error]);
    expect([t.engine.state, t.mock.of("onClose").length]).toEqual(["restarting", 1]);
    leave = true;
    await t.pass(5_000);
    expect([t.engine.state, t.mock.of("onClose").length, t.memory.alive]).toEqual(["stopped", 1, 0]);
    await t.pass(60_000);
    expect(t.memory.peers).toHaveLength(3);
  });

  it("G-28 exit in onOpen fails the start and closes the socket", async () => {
    const t = setUp({ hooks: { onOpen: ({ exit }) => exit() } });
    expect(await caught(t.engine.start())).toMatchObject({ name: "EngineStartError", cause: expect.any(AbortError) });
    expect(t.peer.closedWith?.code).toBe(1001);
    expect([t.engine.state, t.mock.of("onClose")]).toEqual(["stopped", []]);
  });

  it("G-29 onMessage is called once per frame, with its type and the session's id", async () => {
    const t = await started();
    t.peer.deliver("text");
    t.peer.deliver(Uint8Array.of(1, 2));
    const messages = t.mock.of("onMessage");
    expect(messages.map(({ type, data, value }) => [type, data, value])).toEqual([
      ["text", "text", "text"],
      ["binary", Uint8Array.of(1, 2), Uint8Array.of(1, 2)],
    ]);
    const id = t.mock.of("onOpen")[0]?.sessionId;
    expect(messages.map(({ sessionId }) => sessionId)).toEqual([id, id]);
  });

  it.each([1, 4])("G-30 R-15 %s handlers at once, started in wire order", async (messageConcurrency) => {
    const free: (() => void)[] = [];
    let most = 0;
    let running = 0;
    const t = await started({
      options: { messageConcurrency },
      hooks: {
        onMessage: async () => {
          most = Math.max(most, ++running);
          await new Promise<void>((resolve) => free.push(resolve));
          running--;
        },
      },
    });
    const sent = Array.from({ length: 12 }, (_, index) => String(index));
    for (const text of sent) t.peer.deliver(text);
    expect(t.texts()).toEqual(sent.slice(0, messageConcurrency));
    // The last one first: no order of completion is needed.
    while (free.length > 0) {
      free.pop()?.();
      await settled();
    }
    expect([t.texts(), most]).toEqual([sent, messageConcurrency]);
  });

  it("G-30 holds the peer back while all hands are busy", async () => {
    const free: (() => void)[] = [];
    const t = await started({
      options: { messageConcurrency: 2 },
      hooks: { onMessage: () => new Promise<void>((resolve) => free.push(resolve)) },
    });
    for (let index = 0; index < 4; index++) t.peer.deliver(String(index));
    expect(t.peer.paused).toBe(false);
    t.peer.deliver("4");
    expect(t.peer.paused).toBe(true);
    free.shift()?.();
    await settled();
    expect(t.peer.paused).toBe(true);
    free.shift()?.();
    await settled();
    expect(t.peer.paused).toBe(false);
  });

  it("G-30 gives up a link that can't be held back at 10,000 messages, and hands those out", async () => {
    const free: (() => void)[] = [];
    let slow = true;
    const t = await started({
      like: "browser",
      hooks: { onMessage: () => (slow ? new Promise<void>((resolve) => free.push(resolve)) : undefined) },
    });
    for (let index = 0; index < 10_004; index++) t.peer.deliver(String(index));
    expect(t.peer.closedWith).toEqual({ code: 1008, reason: "too many unread messages" });
    slow = false;
    for (const run of free) run();
    await vi.waitFor(() => expect(t.texts()).toHaveLength(10_004));
    await t.pass(1_000);
    expect(t.engine.state).toBe("started");
    expect(t.mock.of("onClose")).toMatchObject([{ initiatedBy: "client", closeMessage: { code: 1008 } }]);
  });

  it("G-30 gives up no link before all of more than 10,000 hands are busy", async () => {
    const t = await started({
      options: { messageConcurrency: 10_000 },
      hooks: { onMessage: () => new Promise(() => {}) },
    });
    for (let index = 0; index < 20_001; index++) t.peer.deliver(String(index));
    expect([t.texts().length, t.peer.paused, t.peer.closedWith]).toEqual([10_000, true, null]);
  });

  it("G-31 restart ends the session after the handler and opens the next", async () => {
    const t = await started({
      options: { messageConcurrency: 1, autoReconnect: false },
      hooks: {
        onMessage: async ({ data, restart, conn }) => {
          if (data !== "restart") return;
          restart();
          restart();
          await settled();
          conn.send("last words");
        },
      },
    });
    const [first] = t.memory.peers;
    first?.deliver("restart");
    first?.deliver("queued");
    await settled();
    await t.pass(1_000);
    expect(t.mock.of("onClose").map(({ closeMessage }) => closeMessage)).toEqual([null]);
    expect([first?.closedWith, first?.received]).toEqual([{ code: 1001, reason: "Going away" }, ["last words"]]);
    expect([t.engine.state, t.memory.peers.length, t.texts()]).toEqual(["started", 2, ["restart"]]);
    expect(new Set(t.mock.of("onOpen").map(({ sessionId }) => sessionId)).size).toBe(2);
  });

  it.each(["restart", "exit"] as const)(
    "G-31 %s by a handler that has returned ends the session at once",
    async (ask) => {
      const t = await started();
      t.peer.deliver("x");
      await settled();
      t.mock.of("onMessage")[0]?.[ask]();
      await t.pass(1_000);
      expect([t.mock.of("onClose").length, t.engine.state]).toEqual([1, ask === "exit" ? "stopped" : "started"]);
      // The session is over: asking again means nothing to the next.
      t.mock.of("onMessage")[0]?.exit();
      await t.pass(1_000);
      expect([t.mock.of("onClose").length, t.memory.peers.length]).toEqual([1, ask === "exit" ? 1 : 2]);
    },
  );

  it("G-31 exit ends the session after the handler and stops; it wins over restart", async () => {
    const t = await started({
      hooks: {
        onMessage: ({ exit, restart }) => {
          exit();
          restart();
        },
        onClose: ({ conn }) => conn.send("bye"),
      },
    });
    t.peer.deliver("exit");
    t.peer.deliver("queued");
    await settled();
    expect([t.texts(), t.peer.received, t.mock.of("onClose").length]).toEqual([["exit"], ["bye"], 1]);
    expect([t.peer.closedWith?.code, t.engine.state, t.memory.peers.length]).toEqual([1001, "stopped", 1]);
  });

  describe("G-32 onReadError", () => {
    it("is told a bad frame once, blocks, and the next good one comes on the same session", async () => {
      const looking = deferred<void>();
      const t = await started({ decode: json, hooks: { onReadError: () => looking.promise } });
      t.peer.deliver("{bad");
      t.peer.deliver('"good"');
      await settled();
      expect(t.mock.of("onReadError").map(({ error }) => error.code)).toEqual(["peer.bad-frame"]);
      expect(t.texts()).toEqual([]);
      looking.resolve();
      await settled();
      expect(t.mock.of("onMessage").map(({ value }) => value)).toEqual(["good"]);
      expect(t.mock.of("onMessage")[0]?.sessionId).toBe(t.mock.of("onReadError")[0]?.sessionId);
      expect(t.memory.peers).toHaveLength(1);
    });

    it("may restart or exit", async () => {
      const t = await started({
        decode: json,
        hooks: { onReadError: ({ restart, exit }) => (t.memory.peers.length === 1 ? restart() : exit()) },
      });
      t.peer.deliver("{bad");
      await t.pass(1_000);
      expect([t.memory.peers.length, t.engine.state]).toEqual([2, "started"]);
      t.peer.deliver("{bad");
      await settled();
      expect([t.memory.peers.length, t.engine.state, t.mock.of("onClose").length]).toEqual([2, "stopped", 2]);
    });

    it("is followed by a restart when the connection closed meanwhile", async () => {
      const looking = deferred<void>();
      const t = await started({ decode: json, hooks: { onReadError: () => looking.promise } });
      t.peer.deliver("{bad");
      t.peer.drop();
      await t.pass(60_000);
      expect(t.mock.of("onClose")).toEqual([]);
      looking.resolve();
      await t.pass(1_000);
      expect([t.mock.of("onClose").length, t.engine.state, t.memory.peers.length]).toEqual([1, "started", 2]);
    });

    it("is not called for a lease: its read rejects", async () => {
      const t = await started({ decode: json });
      const lease = await t.engine.pause();
      t.peer.deliver("{bad");
      await expect(lease.read()).rejects.toMatchObject({ code: "peer.bad-frame" });
      lease.release();
      expect(t.mock.of("onReadError")).toEqual([]);
    });
  });

  it("G-33 onClose tells how it ended, once, with its signal aborted", async () => {
    const t = await started({ hooks: { onClose: () => ({ code: 1000, reason: "ignored" }) } });
    t.peer.close(4000, "bye");
    await t.pass(1_000);
    t.peer.drop();
    await t.pass(1_000);
    await t.engine.stop();
    expect(t.mock.of("onClose").map(({ closeMessage, initiatedBy }) => [closeMessage, initiatedBy])).toEqual([
      [{ code: 4000, reason: "bye" }, "server"],
      [{ code: 1006, reason: "" }, "server"],
      [null, "client"],
    ]);
    expect(t.mock.of("onClose").every(({ signal }) => signal.aborted)).toBe(true);
  });

  it("G-33 what onClose returns is said to the peer", async () => {
    const t = await started({ hooks: { onClose: () => Promise.resolve({ code: 1000, reason: "done" }) } });
    await t.engine.stop();
    expect(t.peer.closedWith).toEqual({ code: 1000, reason: "done" });
    for (const [details, said] of [
      [{ code: 4000 }, { code: 4000, reason: "" }],
      [{ reason: "done" }, { code: 1001, reason: "done" }],
      [{}, { code: 1001, reason: "Going away" }],
    ] as const) {
      const again = await started({ hooks: { onClose: () => details } });
      await again.engine.stop();
      expect(again.peer.closedWith).toEqual(said);
    }
  });

  it("G-34 onCloseError is told a close that fails, and the stop goes on", async () => {
    const { transport } = mockTransport();
    const broken = new Error("broken");
    const t = await started({
      transport: {
        name: "broken",
        open: (request, listener) => ({
          ...transport.open(request, listener),
          close: () => {
            throw broken;
          },
        }),
      },
    });
    await t.engine.stop();
    expect(t.mock.of("onCloseError").map(({ error }) => error)).toEqual([broken]);
    expect(t.engine.state).toBe("stopped");
  });

  it("G-35 onRestartError counts the attempts since the last session, and exit ends them", async () => {
    let refuse = false;
    let leave = false;
    const t = await started({
      onLink: (peer) => (refuse ? peer.refuse() : peer.accept()),
      hooks: { onRestartError: ({ retryCount, exit }) => (leave && retryCount === 2 ? exit() : undefined) },
    });
    refuse = true;
    t.peer.drop();
    for (const ms of [1_000, 5_000, 5_000]) await t.pass(ms);
    refuse = false;
    await t.pass(5_000);
    expect(t.engine.state).toBe("started");
    refuse = true;
    leave = true;
    t.peer.drop();
    for (const ms of [1_000, 5_000, 5_000, 60_000]) await t.pass(ms);
    expect(t.mock.of("onRestartError").map(({ retryCount }) => retryCount)).toEqual([0, 1, 2, 0, 1, 2]);
    expect([t.engine.state, t.memory.peers.length, t.clock.timers]).toEqual(["stopped", 8, 0]);
  });

  it("G-35 the next wait begins when onRestartError has returned", async () => {
    const looking = deferred<void>();
    let refuse = false;
    const t = await started({
      onLink: (peer) => (refuse ? peer.refuse() : peer.accept()),
      hooks: { onRestartError: () => looking.promise },
    });
    refuse = true;
    t.peer.drop();
    await t.pass(1_000);
    await t.pass(60_000);
    expect(t.memory.peers).toHaveLength(2);
    looking.resolve();
    await t.pass(5_000);
    expect(t.memory.peers).toHaveLength(3);
  });

  it("G-36 each attempt has its own timer", async () => {
    let silent = false;
    const t = await started({
      options: { onOpenTimeoutMs: 50 },
      onLink: (peer) => (silent ? undefined : peer.accept()),
    });
    silent = true;
    t.peer.drop();
    for (const ms of [1_000, 50, 5_000, 50]) await t.pass(ms);
    expect(t.mock.of("onRestartError").map(({ error }) => error)).toEqual([
      expect.any(TimeoutError),
      expect.any(TimeoutError),
    ]);
    silent = false;
    await t.pass(5_000);
    expect([t.engine.state, t.memory.alive]).toEqual(["started", 1]);
  });

  it("G-37 a close by hand is like one by the peer", async () => {
    const t = await started({ hooks: { onMessage: ({ conn }) => conn.close(4001, "by hand") } });
    t.peer.deliver("x");
    await t.pass(1_000);
    expect(t.mock.of("onClose").map(({ closeMessage, initiatedBy }) => [closeMessage, initiatedBy])).toEqual([
      [{ code: 4001, reason: "by hand" }, "client"],
    ]);
    expect([t.engine.state, t.memory.peers.length]).toEqual(["started", 2]);
  });

  it("G-38 R-16 a hook that throws or rejects is told, and nothing else stops", async () => {
    const failure = new Error("mine");
    const fail = () => {
      throw failure;
    };
    const t = await started({ hooks: { onMessage: fail, onClose: () => Promise.reject(failure) } });
    t.engine.on("error", fail);
    t.peer.deliver("one");
    t.peer.deliver("two");
    await settled();
    expect(t.texts()).toEqual(["one", "two"]);
    await t.engine.stop();
    expect(t.errors).toHaveLength(3);
    for (const error of t.errors) expect(error).toMatchObject({ code: "usage.listener-failed", cause: failure });
    expect(t.peer.closedWith).toEqual({ code: 1001, reason: "Going away" });
  });

  it("G-39 a session id is a UUID, version 4", async () => {
    const t = await started();
    const uuid = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;
    expect(t.mock.of("onOpen")[0]?.sessionId).toMatch(uuid);
    vi.stubGlobal("crypto", { getRandomValues: (bytes: Uint8Array) => bytes.fill(255) });
    try {
      const insecure = await started();
      expect(insecure.mock.of("onOpen")[0]?.sessionId).toMatch(uuid);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it("G-41 onOpen restores subscriptions, and an error there tries again", async () => {
    const channels = new Set(["a", "b"]);
    const t = await started({
      hooks: {
        onOpen: async ({ conn, restarting }) => {
          if (!restarting) return;
          for (const channel of channels) conn.send(`subscribe ${channel}`);
          for (const channel of channels) {
            if ((await conn.read()).data !== `subscribed ${channel}`) throw new Error("refused");
          }
        },
      },
    });
    t.peer.drop();
    await t.pass(1_000);
    t.peer.deliver("no");
    await settled();
    expect(t.mock.of("onRestartError")).toHaveLength(1);
    await t.pass(5_000);
    expect(t.peer.received).toEqual(["subscribe a", "subscribe b"]);
    t.peer.deliver("subscribed a");
    t.peer.deliver("subscribed b");
    t.peer.deliver("event");
    await settled();
    expect([t.engine.state, t.texts()]).toEqual(["started", ["event"]]);
  });
});

describe("G-57 stop inside a hook", () => {
  it("onOpen: the start fails", async () => {
    const t = setUp({ hooks: { onOpen: () => t.engine.stop() } });
    expect(await caught(t.engine.start())).toMatchObject({ cause: expect.any(AbortError) });
    expect(await t.engine.isStarted()).toBe(false);
    expect([t.peer.closedWith?.code, t.mock.of("onClose")]).toEqual([1001, []]);
  });

  it("onMessage: resolves, its signal aborted", async () => {
    const done: unknown[] = [];
    const t = await started({
      hooks: {
        onMessage: async ({ signal }) => {
          await t.engine.stop();
          done.push(t.engine.state, signal.aborted);
        },
      },
    });
    t.peer.deliver("stop");
    await settled();
    expect(done).toEqual(["stopped", true]);
  });

  it("onClose: joins the stop under way, or turns a loss into a stop", async () => {
    for (const begin of [(t: Awaited<ReturnType<typeof started>>) => t.engine.stop(), undefined]) {
      const t = await started({ hooks: { onClose: () => t.engine.stop() } });
      if (begin) await begin(t);
      else t.peer.drop();
      await settled();
      expect([t.engine.state, t.mock.of("onClose").length, t.memory.alive]).toEqual(["stopped", 1, 0]);
      await t.pass(60_000);
      expect(t.memory.peers).toHaveLength(1);
    }
  });

  it("onReadError, onRestartError, onCloseError, and listeners", async () => {
    const reading = await started({
      decode: json,
      hooks: { onReadError: () => reading.engine.stop() },
    });
    reading.peer.deliver("{bad");
    await settled();
    expect(reading.engine.state).toBe("stopped");

    let refuse = false;
    const restarting = await started({
      onLink: (peer) => (refuse ? peer.refuse() : peer.accept()),
      hooks: { onRestartError: () => restarting.engine.stop() },
    });
    refuse = true;
    restarting.peer.drop();
    await restarting.pass(1_000);
    expect([restarting.engine.state, restarting.clock.timers]).toEqual(["stopped", 0]);

    const listening = await started();
    listening.engine.on("state", (next) => (next === "restarting" ? listening.engine.stop() : undefined));
    listening.peer.drop();
    await settled();
    expect([listening.engine.state, listening.clock.timers]).toEqual(["stopped", 0]);
  });
});

describe("a transport that misbehaves", () => {
  it("means nothing with data before open, events after close and a second close", async () => {
    const links: { listener: LinkListener; terminated: number }[] = [];
    const link = (listener: LinkListener): Link => {
      const made = { listener, terminated: 0 };
      links.push(made);
      return {
        send: () => {},
        close: (code, reason) => listener.onClose({ code, reason }),
        terminate: () => {
          made.terminated++;
          listener.onClose({ code: 1006, reason: "" });
        },
        bufferedAmount: 0,
        raw: null,
      };
    };
    const t = setUp({ transport: { name: "naughty", open: (_, listener) => link(listener) } });
    const start = t.engine.start();
    const [first] = links;
    first?.listener.onMessage("before open");
    first?.listener.onOpen("");
    first?.listener.onOpen("again");
    await start;
    first?.listener.onMessage("one");
    first?.listener.onClose({ code: 4000, reason: "" });
    first?.listener.onClose({ code: 4001, reason: "" });
    first?.listener.onMessage("after close");
    first?.listener.onOpen("");
    await t.pass(1_000);
    links[1]?.listener.onOpen("");
    await settled();
    first?.listener.onClose({ code: 4002, reason: "" });
    first?.listener.onMessage("late");
    expect([t.texts(), t.mock.of("onOpen").length, t.engine.state]).toEqual([["one"], 2, "started"]);
    expect(t.mock.of("onClose").map(({ closeMessage }) => closeMessage?.code)).toEqual([4000]);
    expect(links).toHaveLength(2);
  });

  /** A link that does nothing at all. */
  const deadLink: Link = { send: () => {}, close: () => {}, terminate: () => {}, bufferedAmount: 0, raw: null };

  /** Fails the first start, and a return once: with what, and is the engine as good as ever afterwards? */
  async function opens(open: (listener: LinkListener) => Link): Promise<unknown[]> {
    const memory = mockTransport();
    let naughty = true;
    const t = setUp({
      options: { backoff: () => 1_000 },
      transport: {
        name: "naughty",
        open: (request, listener) => (naughty ? open(listener) : memory.transport.open(request, listener)),
      },
    });
    const started = await caught(t.engine.start());
    expect(started).toBeInstanceOf(EngineStartError);
    expect([t.engine.state, t.clock.timers]).toEqual(["stopped", 0]);

    naughty = false;
    await t.engine.start();
    naughty = true;
    memory.last.drop();
    await t.pass(1_000);
    naughty = false;
    await t.pass(1_000);
    expect([t.engine.state, t.errors, memory.peers.length]).toEqual(["started", [], 2]);
    memory.last.deliver("one");
    expect(t.texts()).toEqual(["one"]);
    await t.engine.stop();
    expect([t.clock.timers, memory.alive]).toEqual([0, 0]);
    return [(started as Error).cause, ...t.mock.of("onRestartError").map(({ error }) => error)];
  }

  it("fails the attempt by throwing instead of opening", async () => {
    const cause = new Error("no");
    const errors = await opens(() => {
      throw cause;
    });
    expect(errors).toHaveLength(2);
    for (const error of errors) {
      expect(error).toBeInstanceOf(TransportCloseError);
      expect(error).toMatchObject({ closeCode: 1006, cause });
    }
  });

  it.each<[string, (listener: LinkListener) => void]>([
    ["an open", (listener) => listener.onOpen("")],
    [
      "an open, a message and a close",
      (listener) => {
        listener.onOpen("");
        listener.onMessage("early");
        listener.onClose({ code: 1000, reason: "" });
      },
    ],
    ["a close", (listener) => listener.onClose({ code: 1000, reason: "" })],
    ["a message", (listener) => listener.onMessage("early")],
  ])("fails the attempt by telling %s before open has returned", async (_, tell) => {
    let terminated = 0;
    const errors = await opens((listener) => {
      tell(listener);
      return { ...deadLink, terminate: () => terminated++ };
    });
    expect(errors).toHaveLength(2);
    for (const error of errors) {
      expect(error).toMatchObject({ name: "TransportCloseError", cause: { code: "usage.bad-argument" } });
    }
    expect(terminated).toBe(2);
  });

  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["a promise", Promise.resolve(deadLink)],
  ])("fails the attempt by giving %s instead of a link", async (_, given) => {
    const errors = await opens(() => given as Link);
    expect(errors).toHaveLength(2);
    for (const error of errors) expect(error).toMatchObject({ cause: { code: "usage.bad-argument" } });
  });

  it("can't keep an attempt from ending by not telling that it did, or by throwing", async () => {
    for (const terminate of [
      () => {},
      () => {
        throw new Error("no");
      },
    ]) {
      const t = setUp({
        options: { onOpenTimeoutMs: 50 },
        transport: { name: "dead", open: () => ({ ...deadLink, terminate }) },
      });
      const start = caught(t.engine.start());
      await t.pass(50);
      expect(await start).toMatchObject({ cause: { name: "TimeoutError" } });
      expect([t.engine.state, t.clock.timers]).toEqual(["stopped", 0]);

      const again = caught(t.engine.start());
      await t.engine.stop();
      expect(await again).toMatchObject({ cause: { name: "AbortError" } });
      expect([t.engine.state, t.clock.timers]).toEqual(["stopped", 0]);
    }
  });

  it("can't keep the engine from stopping by never ending a close", async () => {
    const t = await started({ options: { stopTimeoutMs: 50 } });
    t.peer.vanish();
    const stop = caught(t.engine.stop());
    await t.pass(50);
    await stop;
    expect([t.engine.state, t.memory.alive]).toEqual(["stopped", 0]);
  });
});

it("G-54 a logger sees each level and no secret; the default is silent", async () => {
  const lines: string[] = [];
  const line =
    (level: string) =>
    (message: string, fields = {}) =>
      lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const logger = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
  const t = await started({
    logger,
    url: "ws://memory/?token=SECRET",
    decode: json,
    hooks: {
      onMessage: () => {
        throw new Error("x");
      },
    },
  });
  t.peer.deliver('"SECRET"');
  t.peer.deliver("{SECRET");
  await settled();
  await t.engine.stop();
  expect(new Set(lines.map((text) => text.split(" ")[0]))).toEqual(new Set(["debug", "info", "warn", "error"]));
  expect(lines.join("\n")).not.toContain("SECRET");
  const broken = await started({
    logger: {
      ...logger,
      info: () => {
        throw new Error("logger");
      },
    },
  });
  expect(broken.engine.state).toBe("started");
});

it("a back-off that throws is told, and the default waits are used", async () => {
  const t = await started({
    options: {
      backoff: () => {
        throw new Error("mine");
      },
    },
  });
  t.peer.drop();
  await t.pass(1_000);
  expect([t.engine.state, t.memory.peers.length]).toEqual(["started", 2]);
  expect(t.errors[0]).toMatchObject({ code: "usage.listener-failed" });
});

it("G-04 an engine without anything says all that is missing", () => {
  const said = (init: unknown): string => {
    try {
      createEngine(init as EngineInit);
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidOptionsError);
      return (error as Error).message;
    }
    return "nothing";
  };
  for (const nothing of [undefined, null, {}]) {
    expect(
      said(nothing)
        .split("; ")
        .map((problem) => problem.split(":", 1)[0]),
    ).toEqual(["url", "transport", "hooks"]);
  }
  const { transport } = mockTransport();
  const init = { url: "ws://memory/", transport, hooks: {} };
  expect(said(init)).toBe("nothing");
  const wrong = { decode: "json", protocols: "feed", logger: 7, clock: {}, hooks: { onOpen: 1, onMessage: null } };
  expect(said({ ...init, ...wrong })).toBe(
    [
      "hooks.onOpen: expected a function, got number",
      "hooks.onMessage: expected a function, got null",
      "protocols: expected an array, got string",
      "decode: expected a function, got string",
      "logger: expected a Logger, got number",
      "clock: expected a Clock, got object",
    ].join("; "),
  );
});
