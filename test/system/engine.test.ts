// The engine over real sockets, on both transports Node has: ws and the runtime's own WebSocket.
import { createEngine, type Engine, type EngineHooks, type EngineOptions, TimeoutError } from "@trunkline/core/engine";
import { mockHooks } from "@trunkline/core/testing";
import type { ContractServer } from "@trunkline/core/testing";
import { webSocketTransport as browserTransport } from "@trunkline/transport-browser";
import { webSocketTransport as nodeTransport } from "@trunkline/transport-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startContractServer } from "../support/rfc6455-contract-server.ts";
import { until } from "../support/until.ts";

describe.each([
  ["ws", nodeTransport()],
  ["the global WebSocket", browserTransport()],
])("an engine over %s", (name, transport) => {
  let server: ContractServer;
  let engine: Engine;

  const make = (given: EngineHooks = {}, options: EngineOptions = {}, url = server.url) => {
    const mock = mockHooks(given);
    engine = createEngine({ url, transport, hooks: mock.hooks, options: { backoff: () => 10, ...options } });
    return mock;
  };

  beforeEach(async () => {
    server = await startContractServer();
  });
  afterEach(async () => {
    await engine[Symbol.asyncDispose]();
    await server.stop();
  });

  it("G-08 G-26 G-29 opens, reads in onOpen, and hands out text and bytes", async () => {
    const mock = make({ onOpen: async ({ conn }) => expect((await conn.read()).data).toBe("welcome") });
    const start = engine.start();
    const peer = await server.accept();
    peer.send("welcome");
    peer.send("text");
    peer.send(Uint8Array.of(1, 2, 3));
    await start;
    await until("both came", () => mock.of("onMessage").length === 2);
    expect(mock.of("onMessage").map(({ type, data }) => [type, data])).toEqual([
      ["text", "text"],
      ["binary", Uint8Array.of(1, 2, 3)],
    ]);
  });

  it("G-13 a failed start closes with 1001 and says why", async () => {
    make({ onOpen: () => Promise.reject(new Error("no")) });
    const start = engine.start();
    const peer = await server.accept();
    await expect(start).rejects.toThrow("failed to start: no");
    expect(await peer.closed).toEqual({ code: 1001, reason: "websocket client failed to start" });
    expect(engine.state).toBe("stopped");
  });

  it("G-17 G-33 a stop says what onClose returns", async () => {
    make({ onClose: () => ({ code: 1000, reason: "done" }) });
    const start = engine.start();
    const peer = await server.accept();
    await start;
    await engine.stop();
    expect(await peer.closed).toEqual({ code: 1000, reason: "done" });
  });

  it("G-17 a stop says 1001 Going away by default", async () => {
    make();
    const start = engine.start();
    const peer = await server.accept();
    await start;
    await engine.stop();
    expect(await peer.closed).toEqual({ code: 1001, reason: "Going away" });
  });

  it("G-33 G-37 comes back after a close, a drop and a close by hand", async () => {
    const mock = make({ onMessage: ({ conn }) => conn.close(4001, "by hand") });
    const start = engine.start();
    const first = await server.accept();
    await start;
    first.close(4000, "bye");
    (await server.accept()).drop();
    const third = await server.accept();
    third.send("close");
    await server.accept();
    await until("the fourth session is open", () => mock.of("onOpen").length === 4);
    expect(mock.of("onClose").map(({ closeMessage }) => closeMessage?.code)).toEqual([4000, 1006, 4001]);
    expect(mock.of("onClose")[0]?.closeMessage).toEqual({ code: 4000, reason: "bye" });
    expect(new Set(mock.of("onOpen").map(({ sessionId }) => sessionId)).size).toBe(4);
  });

  it("G-12 G-36 gives up a server that never answers the handshake", async () => {
    make({}, { onOpenTimeoutMs: 50 }, server.silentUrl);
    await expect(engine.start()).rejects.toMatchObject({ cause: expect.any(TimeoutError) as unknown });
    await server.allGone();
  });

  it("G-20 a stop ends a dial to a server that never answers", async () => {
    make({}, {}, server.silentUrl);
    const start = engine.start();
    start.catch(() => {});
    await server.silentTaken();
    await engine.stop();
    await expect(start).rejects.toThrow("the engine was stopped");
    await server.allGone();
  });

  it("G-09 a refused handshake fails the start", async () => {
    make({}, {}, server.refusedUrl);
    await expect(engine.start()).rejects.toMatchObject({ cause: { name: "TransportCloseError", closeCode: 1006 } });
  });

  it("G-22 a lease asks and reads, and what it leaves is handed out in order", async () => {
    const mock = make();
    const start = engine.start();
    const peer = await server.accept();
    await start;
    const answer = engine.exclusive(async (lease) => {
      lease.send("question");
      return (await lease.read()).data;
    });
    expect(await peer.next()).toBe("question");
    for (const text of ["answer", "one", "two"]) peer.send(text);
    expect(await answer).toBe("answer");
    await until("the rest came", () => mock.of("onMessage").length === 2);
    expect(mock.of("onMessage").map(({ data }) => data)).toEqual(["one", "two"]);
  });

  it("G-30 R-15 a flood reaches slow handlers whole and in order, held back where the transport can", async () => {
    const seen: unknown[] = [];
    make({
      onMessage: async ({ data }) => {
        seen.push(data);
        await new Promise((resolve) => setImmediate(resolve));
      },
    });
    const start = engine.start();
    const peer = await server.accept();
    await start;
    const sent = Array.from({ length: 2_000 }, (_, index) => `${name} ${index}`);
    for (const text of sent) peer.send(text);
    await until("all came", () => seen.length === sent.length);
    expect(seen).toEqual(sent);
  });

  it("G-57 stops inside onMessage", async () => {
    const stopped: string[] = [];
    make({
      onMessage: async () => {
        await engine.stop();
        stopped.push(engine.state);
      },
    });
    const start = engine.start();
    const peer = await server.accept();
    await start;
    peer.send("stop");
    await until("it stopped", () => stopped.length === 1);
    expect(stopped).toEqual(["stopped"]);
    expect((await peer.closed).code).toBe(1001);
  });
});
