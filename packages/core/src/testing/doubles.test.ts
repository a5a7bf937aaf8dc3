import { createEngine } from "@trunkline/core/engine";
import { echoServer, mockHooks, mockTransport } from "@trunkline/core/testing";
import { expect, it } from "vitest";

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

it("G-55 mockTransport and mockHooks show both ends of an engine", async () => {
  const mock = mockTransport();
  const { hooks, calls, of } = mockHooks({ onMessage: ({ conn, data }) => conn.send(`heard ${String(data)}`) });
  const engine = createEngine({ url: "ws://memory/", protocols: ["chat"], transport: mock.transport, hooks });
  await engine.start();
  expect([mock.last.request, mock.alive]).toEqual([{ url: "ws://memory/", protocols: ["chat"] }, 1]);
  mock.last.deliver("hello");
  await settled();
  expect(mock.last.received).toEqual(["heard hello"]);
  await engine.stop();
  expect(mock.last.closedWith).toEqual({ code: 1001, reason: "Going away" });
  expect(calls.map(({ hook }) => hook)).toEqual(["onOpen", "onMessage", "onClose"]);
  expect(of("onMessage").map(({ data }) => data)).toEqual(["hello"]);
});

it("G-55 echoServer says again what it is told, in order, until the link ends", async () => {
  const mock = mockTransport({ onLink: echoServer() });
  const { hooks, of } = mockHooks();
  const engine = createEngine({ url: "ws://memory/", transport: mock.transport, hooks });
  await engine.start();
  const echo = await engine.exclusive(async (lease) => {
    lease.send("question");
    // What is sent is not answered on the spot.
    lease.send(Uint8Array.of(1, 2));
    return [(await lease.read()).data, (await lease.read()).data];
  });
  expect(echo).toEqual(["question", Uint8Array.of(1, 2)]);

  const { conn } = of("onOpen")[0] ?? expect.fail("expected a session");
  conn.send("one");
  conn.send("two");
  expect(of("onMessage")).toEqual([]);
  await settled();
  expect(of("onMessage").map(({ data }) => data)).toEqual(["one", "two"]);
  conn.send("late");
  await engine.stop();
  expect(of("onMessage")).toHaveLength(2);
});
