// What listeners and signals of an engine do in the middle of its moves; `create-engine.test.ts` has the rest.
import { ManualClock, mockTransport } from "@trunkline/core/testing";
import { expect, it } from "vitest";
import type { AbortSignalLike } from "../ports/abort-signal.ts";
import { createEngine } from "./create-engine.ts";
import type { Engine, EngineHooks, EngineState } from "./engine-hooks.ts";

/** Lets everything that waits for promises alone happen. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** What became of a promise, at once if it is settled. */
function fate(promise: Promise<void>): { now: unknown } {
  const told: { now: unknown } = { now: "pending" };
  promise.then(
    () => (told.now = "resolved"),
    (error: unknown) => (told.now = error),
  );
  return told;
}

function setUp(hooks: EngineHooks = {}) {
  const clock = new ManualClock();
  const memory = mockTransport();
  const engine = createEngine({ url: "ws://memory/", transport: memory.transport, hooks, clock });
  return { engine, clock, memory };
}

/** Does `work` the first time that the engine is in `state`. */
function inListener(engine: Engine, state: EngineState, work: () => void): void {
  const undo = engine.on("state", (next) => {
    if (next !== state) return;
    undo();
    work();
  });
}

const startFailed = expect.objectContaining({ name: "EngineStartError" }) as unknown;

it("G-19 a start in a listener to stopped is another run: each stop ends with its own", async () => {
  const { engine, memory } = setUp();
  await engine.start();
  let again: { now: unknown } | undefined;
  inListener(engine, "stopped", () => (again = fate(engine.start())));
  const stop = fate(engine.stop());
  await settled();
  expect([stop.now, again?.now, engine.state, memory.alive]).toEqual(["resolved", "resolved", "started", 1]);
  memory.last.vanish();
  const second = fate(engine.stop());
  await settled();
  expect([second.now, engine.state]).toEqual(["pending", "stopping"]);
  memory.last.drop();
  await settled();
  expect([second.now, engine.state, memory.alive]).toEqual(["resolved", "stopped", 0]);
});

it("G-18 a start in a listener is left alone by the stops that took too long", async () => {
  const { engine, clock, memory } = setUp({ onClose: () => new Promise(() => {}) });
  await engine.start();
  let again: { now: unknown } | undefined;
  inListener(engine, "stopped", () => (again = fate(engine.start())));
  const stops = [fate(engine.stop({ timeoutMs: 50 })), fate(engine.stop({ timeoutMs: 50 }))];
  await settled();
  clock.advance(50);
  await settled();
  for (const { now } of stops) expect(now).toMatchObject({ name: "StopTimeoutError" });
  expect([again?.now, engine.state, memory.alive]).toEqual(["resolved", "started", 1]);
});

it("G-14 a start in a listener follows a start that failed, and its own link", async () => {
  let fail = true;
  const { engine, memory } = setUp({
    onOpen: () => {
      if (fail) throw new Error("not now");
    },
  });
  let again: { now: unknown } | undefined;
  inListener(engine, "stopped", () => {
    fail = false;
    again = fate(engine.start());
  });
  const start = fate(engine.start());
  await settled();
  expect([start.now, again?.now, engine.state]).toEqual([startFailed, "resolved", "started"]);
  expect([memory.peers.length, memory.alive]).toEqual([2, 1]);
});

it("G-15 a stop in a listener to starting fails that start, which dials nothing", async () => {
  const { engine, memory } = setUp();
  for (const links of [0, 1]) {
    let stop: { now: unknown } | undefined;
    inListener(engine, "starting", () => (stop = fate(engine.stop())));
    const start = fate(engine.start());
    await settled();
    expect([start.now, stop?.now, engine.state]).toEqual([startFailed, "resolved", "stopped"]);
    expect([memory.peers.length, memory.alive]).toEqual([links, 0]);
    // The second time there is a session that is over.
    if (links > 0) break;
    await engine.start();
    await engine.stop();
  }
});

it("G-15 a stop in a listener to starting does not wait for the link of a start that failed", async () => {
  const { engine, memory, clock } = setUp({
    onOpen: () => {
      memory.last.vanish();
      throw new Error("not now");
    },
  });
  await expect(engine.start()).rejects.toEqual(startFailed);
  expect(memory.alive).toBe(1);
  let stop: { now: unknown } | undefined;
  inListener(engine, "starting", () => (stop = fate(engine.stop())));
  await expect(engine.start()).rejects.toEqual(startFailed);
  await settled();
  expect([stop?.now, engine.state, memory.alive, clock.timers]).toEqual(["resolved", "stopped", 0, 0]);
});

it.each(["signal", "lifetimeSignal"])("G-10 a %s that aborts in a listener to starting dials nothing", async (name) => {
  const { engine, memory } = setUp();
  const controller = new AbortController();
  const reason = new Error("changed my mind");
  inListener(engine, "starting", () => controller.abort(reason));
  const start = fate(engine.start({ [name]: controller.signal }));
  await settled();
  expect([start.now, engine.state, memory.peers.length]).toEqual([startFailed, "stopped", 0]);
  if (name === "signal") expect(start.now).toMatchObject({ cause: reason });
  await engine.start();
  expect(engine.state).toBe("started");
});

it("a signal that is none fails the start alone", async () => {
  const { engine } = setUp();
  await expect(engine.start({ signal: {} as AbortSignal })).rejects.toThrow("addEventListener");
  expect(engine.state).toBe("stopped");
  await engine.start();
  expect(engine.state).toBe("started");
});

it("G-09 whatever onOpen throws is the cause, also what has no text", async () => {
  for (const thrown of [undefined, "text", Symbol("symbol"), Object.create(null) as unknown]) {
    const { engine } = setUp({ onOpen: () => Promise.reject(thrown) });
    const error = await engine.start().catch((failed: unknown) => failed);
    expect(error).toEqual(startFailed);
    expect((error as Error).cause).toBe(thrown);
  }
});

it("G-35 a start in onRestartError, after exit and stop there, is another run", async () => {
  const { engine, clock, memory } = setUp({
    onOpen: ({ restarting }) => {
      if (restarting) throw new Error("not now");
    },
    onRestartError: async ({ exit }) => {
      exit();
      await engine.stop();
      await engine.start();
    },
  });
  await engine.start();
  memory.last.drop();
  await settled();
  clock.advance(1_000);
  await settled();
  expect([engine.state, memory.alive]).toEqual(["started", 1]);
});

it("G-16 the signals of a start are not listened to once the engine has stopped", async () => {
  const listening = new Set<unknown>();
  const signal: AbortSignalLike = {
    aborted: false,
    reason: "enough",
    addEventListener: (_, listener) => void listening.add(listener),
    removeEventListener: (_, listener) => void listening.delete(listener),
  };
  const { engine } = setUp();
  await engine.start({ signal, lifetimeSignal: signal });
  expect(listening.size).toBe(2);
  await engine.stop();
  expect(listening.size).toBe(0);
});
