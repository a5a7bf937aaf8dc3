import { expect, it } from "vitest";
import { defineListener } from "../listener/define-listener.ts";
import { plain } from "../plain/plain.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { memoryTransport } from "../testing/memory-link.ts";
import type { ClientFrame } from "../wire/frame.ts";
import { createClient } from "./create-client.ts";
import type { ClientOptions } from "./options.ts";
import { runListener } from "./run-listener.ts";

function setUp(options: Partial<ClientOptions> = {}) {
  const memory = memoryTransport();
  const client = createClient({ url: "x", transport: memory.transport, clock: new ManualClock(), ...options });
  const errors: string[] = [];
  client.on("error", ({ code, message }) => errors.push(`${code} ${message}`));
  const position = { epoch: "e", offset: 0, tag: "" };
  const tell = (frame: object): void => memory.last.deliver(JSON.stringify(frame));
  return {
    client,
    errors,
    tell,
    welcome: (...channels: readonly string[]) => {
      memory.last.accept();
      const streams = channels.map((channel) => ({ channel, verdict: "fresh", position }));
      tell({ type: "connected", connection: "x", heartbeatMs: 0, spreadMs: 0, streams });
    },
    event: (channel: string, data: unknown, offset: number, event = "message") =>
      tell({ type: "event", channel, event, data, offset, tag: `t${offset}` }),
    sent: () => memory.last.received.map((text) => JSON.parse(text as string) as ClientFrame),
  };
}

it("is on the channels that its listener names, and its patterns match among those the client is on", async () => {
  const { client, welcome, event, sent } = setUp();
  const heard: unknown[] = [];
  const note =
    (by: string) =>
    (message: unknown, { channel, account, event: name }: { channel: string; account: string | null; event: string }) =>
      heard.push([by, channel, message, account, name]);
  const running = runListener(client, defineListener({ orders: note("name"), "o*": note("pattern"), z: note("z") }));
  welcome("orders", "z", "other");
  await running.ready();
  const [hello] = sent();
  expect(hello).toMatchObject({ type: "hello", streams: [{ channel: "orders" }, { channel: "z" }] });
  event("orders", 1, 1);
  event("other", 2, 1, "made");
  expect(heard).toEqual([
    ["name", "orders", 1, null, "message"],
    ["pattern", "orders", 1, null, "message"],
    ["pattern", "other", 2, null, "made"],
  ]);
});

it("handlers publish over the client's line, and answer on the channel they hear", async () => {
  const { client, welcome, event, sent } = setUp();
  const listener = defineListener({
    echo: (message, { reply, publish }) => {
      void reply(message);
      void publish({ event: "seen", data: 1, channel: "log", id: "i" });
    },
  });
  runListener(client, listener);
  welcome("echo");
  event("echo", "x", 1);
  expect(sent().filter(({ type }) => type === "publish")).toMatchObject([
    { event: "message", data: "x", channel: "echo" },
    { event: "seen", data: 1, channel: "log", id: "i" },
  ]);
});

it("D-18 what a handler throws reaches the client's `error`; what was missed reaches onGap", async () => {
  const { client, welcome, event, tell, errors } = setUp();
  const heard: unknown[] = [];
  const gaps: unknown[] = [];
  const listener = defineListener(
    {
      a: [
        () => {
          throw new Error("no");
        },
        (message) => heard.push(message),
      ],
    },
    { onGap: (gap) => gaps.push(gap) },
  );
  runListener(client, listener);
  welcome("a", "b");
  event("a", "x", 1);
  const position = { epoch: "e", offset: 5, tag: "t5" };
  const streams = ["a", "b"].map((channel) => ({
    channel,
    verdict: "gap",
    position,
    from: 2,
    to: 5,
    reason: "retention",
  }));
  tell({ type: "verdict", streams });
  expect(heard).toEqual(["x"]);
  expect(errors).toEqual(['usage.listener-failed listener "listener": its handler for "a" failed: no']);
  expect(gaps).toEqual([{ channel: "a", account: null, reason: "retention", from: 2, to: 5 }]);
});

it("stops: hears nothing more, and leaves the channels that nobody was on before", async () => {
  const { client, welcome, event, sent } = setUp();
  void client.subscribe("a");
  welcome("a");
  const heard: unknown[] = [];
  let signal: { readonly aborted: boolean } | undefined;
  const handler = (message: unknown, context: { readonly signal?: { readonly aborted: boolean } }): void => {
    heard.push(message);
    ({ signal } = context);
  };
  const running = runListener(client, defineListener({ a: handler, b: handler }));
  event("a", 1, 1);
  running.stop();
  running.stop();
  event("a", 2, 2);
  expect([heard, signal?.aborted]).toEqual([[1], true]);
  const left = sent().filter(({ type }) => type === "unsubscribe");
  expect(left).toMatchObject([{ channels: ["b"] }]);
});

it("is refused in the plain dialect, which has no channels", () => {
  const { client } = setUp({ dialect: plain() });
  expect(() => runListener(client, defineListener({ a: () => {} }))).toThrow("expected a dialect with channels");
});
