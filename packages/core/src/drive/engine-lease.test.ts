// Whose a message is, when a read outlives its turn.
import { ManualClock, mockHooks, mockTransport } from "@trunkline/core/testing";
import { expect, it } from "vitest";
import type { AbortSignalLike } from "../ports/abort-signal.ts";
import { createEngine } from "./create-engine.ts";
import type { EngineHooks, Lease, OpenContext } from "./engine-hooks.ts";
import { Gate } from "./engine-gate.ts";

/** Lets everything that waits for promises alone happen. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

const caught = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail("expected a rejection"),
    (error: unknown) => error,
  );

async function started(given: EngineHooks = {}) {
  const clock = new ManualClock();
  const memory = mockTransport();
  const { hooks, of } = mockHooks(given);
  const engine = createEngine({ url: "ws://memory/", transport: memory.transport, hooks, clock });
  await engine.start();
  return { engine, clock, memory, of, texts: () => of("onMessage").map(({ data }) => data) };
}

it("G-22 a read that waits when its lease is released takes nothing of what comes later", async () => {
  const t = await started();
  const lease = await t.engine.pause();
  const read = caught(lease.read());
  await settled();
  lease.release();
  t.memory.last.deliver("for onMessage");
  expect(await read).toMatchObject({ code: "usage.closed" });
  expect(t.texts()).toEqual(["for onMessage"]);
});

it("G-22 nor of what comes for the next lease", async () => {
  const t = await started();
  const first = await t.engine.pause();
  const second = t.engine.pause();
  const read = caught(first.read());
  await settled();
  first.release();
  const next = (await second).read();
  await settled();
  t.memory.last.deliver("for the second");
  expect(await next).toMatchObject({ data: "for the second" });
  expect(await read).toMatchObject({ code: "usage.closed" });
});

it("G-22 a loop over a lease is done when the lease is released", async () => {
  const t = await started();
  const lease = await t.engine.pause();
  const read: unknown[] = [];
  const loop = (async () => {
    for await (const { data } of lease) read.push(data);
    return "done";
  })();
  t.memory.last.deliver("one");
  await settled();
  lease.release();
  expect([await loop, read]).toEqual(["done", ["one"]]);
  t.memory.last.deliver("two");
  expect(t.texts()).toEqual(["two"]);
});

it("G-26 a read of onOpen ends with it, and there is none later", async () => {
  const opened: OpenContext<string | Uint8Array>[] = [];
  const reads: Promise<unknown>[] = [];
  const t = await started({
    onOpen: (context) => {
      opened.push(context);
      reads.push(caught(context.conn.read()));
    },
  });
  reads.push(caught(opened[0]?.conn.read() ?? Promise.resolve()));
  t.memory.last.deliver("for onMessage");
  expect(t.texts()).toEqual(["for onMessage"]);
  for (const read of reads) expect(await read).toMatchObject({ code: "usage.closed" });
});

it("G-26 an aborted read of onOpen takes nothing", async () => {
  const controller = new AbortController();
  const memory = mockTransport();
  const { hooks, of } = mockHooks({
    onOpen: async ({ conn }) => {
      const read = caught(conn.read({ signal: controller.signal }));
      controller.abort();
      expect(await read).toMatchObject({ code: "usage.aborted" });
      memory.last.deliver("answer");
      expect(await conn.read()).toMatchObject({ data: "answer" });
    },
  });
  await createEngine({ url: "ws://memory/", transport: memory.transport, hooks }).start();
  expect(of("onMessage")).toEqual([]);
});

it("G-26 a lease taken in onOpen may be read after it", async () => {
  let lease: Lease<string | Uint8Array> | undefined;
  let read: Promise<unknown> | undefined;
  const t = await started({
    onOpen: async ({ pause }) => {
      lease = await pause();
      read = lease.read();
    },
  });
  t.memory.last.deliver("for the lease");
  expect(await read).toMatchObject({ data: "for the lease" });
  expect(t.texts()).toEqual([]);
  lease?.release();
});

it("G-25 a lease has no connection while one is dialled", async () => {
  const t = await started();
  t.memory.last.drop();
  await settled();
  const lease = await t.engine.pause();
  const refuses = async () => {
    expect(() => lease.send("lost")).toThrow(expect.objectContaining({ name: "AlreadyClosedError" }));
    expect(await caught(lease.read())).toMatchObject({ name: "AlreadyClosedError" });
  };
  await refuses();
  t.clock.advance(1_000);
  expect(t.memory.last.state).toBe("connecting");
  await refuses();
  await settled();
  lease.send("heard");
  expect(t.memory.last.received).toEqual(["heard"]);
});

it("G-23 any number of aborted ones leave the line at once", async () => {
  let idle = 0;
  const gate = new Gate(() => idle++);
  await gate.acquire();
  const listeners = new Set<() => void>();
  const signal: AbortSignalLike = {
    aborted: false,
    reason: "enough",
    addEventListener: (_, listener) => void listeners.add(listener),
    removeEventListener: (_, listener) => void listeners.delete(listener),
  };
  const waits = Array.from({ length: 20_000 }, () => caught(gate.acquire(signal)));
  const last = gate.acquire();
  for (const abort of listeners) abort();
  expect(listeners.size).toBe(0);
  gate.release();
  await last;
  await Promise.all(waits);
  gate.release();
  expect([idle, gate.open]).toEqual([1, true]);
});

it("G-22 a lease goes on reading what came before a stop or a restart", async () => {
  let finish = (): void => {};
  for (const end of ["stop", "restart"]) {
    const handling = new Promise<void>((resolve) => (finish = resolve));
    const t = await started({
      onMessage: async ({ restart }) => {
        await handling;
        restart();
      },
    });
    if (end === "restart") t.memory.last.deliver("restart");
    const lease = await t.engine.pause();
    t.memory.last.deliver("question");
    t.memory.last.deliver("answer");
    expect(await lease.read()).toMatchObject({ data: "question" });
    const stop = end === "stop" ? t.engine.stop() : undefined;
    finish();
    await settled();
    expect(await lease.read()).toMatchObject({ data: "answer" });
    expect(t.of("onClose")).toEqual([]);
    lease.release();
    await stop;
    await settled();
    expect([t.texts(), t.of("onClose").length]).toEqual([end === "restart" ? ["restart"] : [], 1]);
  }
});

it("G-22 while a lease is held neither onOpen nor onRestartError starts, and what was stopped meanwhile never does", async () => {
  const t = await started({
    onOpen: ({ restarting }) => {
      if (restarting) throw new Error("not now");
    },
  });
  const hooks = () => [t.of("onOpen").length, t.of("onClose").length, t.of("onRestartError").length];
  t.memory.last.drop();
  await settled();
  const lease = await t.engine.pause();
  t.clock.advance(1_000);
  await settled();
  expect([t.memory.last.state, hooks()]).toEqual(["open", [1, 1, 0]]);
  t.memory.last.drop();
  await settled();
  expect(hooks()).toEqual([1, 1, 0]);
  lease.release();
  await settled();
  expect(hooks()).toEqual([1, 1, 1]);
  t.clock.advance(5_000);
  const again = await t.engine.pause();
  await settled();
  await t.engine.stop();
  again.release();
  await settled();
  expect([t.engine.state, t.memory.alive, hooks()]).toEqual(["stopped", 0, [1, 1, 1]]);
});

it("G-33 a stop that gives up on a lease calls onClose all the same, once, and aborts handlers", async () => {
  const t = await started({ onMessage: () => new Promise(() => {}), onClose: () => new Promise(() => {}) });
  t.memory.last.deliver("slow");
  const lease = await t.engine.pause();
  const stop = caught(t.engine.stop({ timeoutMs: 50 }));
  await settled();
  expect(t.of("onMessage")[0]?.signal.aborted).toBe(false);
  t.clock.advance(50);
  expect(await stop).toMatchObject({ name: "StopTimeoutError" });
  expect(t.of("onMessage")[0]?.signal.aborted).toBe(true);
  await settled();
  lease.release();
  await settled();
  expect(t.of("onClose")).toMatchObject([{ initiatedBy: "client", closeMessage: { code: 1006, reason: "" } }]);
});

it("G-12 a read of onOpen ends with the attempt, whatever the peer does", async () => {
  const clock = new ManualClock();
  const memory = mockTransport();
  let read: Promise<unknown> | undefined;
  const hooks: EngineHooks = {
    onOpen: async ({ conn }) => {
      memory.last.vanish();
      read = caught(conn.read());
      await read;
    },
  };
  const engine = createEngine({
    url: "ws://memory/",
    transport: memory.transport,
    hooks,
    clock,
    options: { onOpenTimeoutMs: 50 },
  });
  const start = caught(engine.start());
  await settled();
  clock.advance(50);
  expect(await start).toMatchObject({ cause: { name: "TimeoutError" } });
  expect(await read).toMatchObject({ name: "AlreadyClosedError" });
});
