import { expect, it } from "vitest";
import { ManualClock } from "../testing/manual-clock.ts";
import { memoryTransport } from "../testing/memory-link.ts";
import { createClient } from "./create-client.ts";
import { lineOf } from "./line.ts";
import { subscribeAll, unsubscribeAll } from "./line-streams.ts";

function setUp() {
  const memory = memoryTransport();
  const client = createClient({ url: "x", transport: memory.transport, clock: new ManualClock() });
  memory.last.accept();
  memory.last.deliver('{"type":"connected","connection":"x","heartbeatMs":0,"spreadMs":0,"streams":[]}');
  return {
    line: lineOf(client),
    sent: () => memory.last.received.slice(1).map((text) => JSON.parse(text as string) as unknown),
  };
}

it("asks for many streams in one frame, and leaves them in one, whichever are known", () => {
  const { line, sent } = setUp();
  subscribeAll(line, [
    { channel: "a", rewind: 3 },
    { channel: "b", token: "t" },
  ]);
  unsubscribeAll(line, ["a", "unknown", "b"]);
  unsubscribeAll(line, ["a"]);
  expect(sent()).toEqual([
    {
      type: "subscribe",
      streams: [
        { channel: "a", rewind: 3 },
        { channel: "b", token: "t" },
      ],
    },
    { type: "unsubscribe", channels: ["a", "b"] },
  ]);
});

it("who waits until the client is ready waits for nothing that was left", async () => {
  const memory = memoryTransport();
  const client = createClient({ url: "x", transport: memory.transport, clock: new ManualClock() });
  subscribeAll(lineOf(client), [{ channel: "a" }]);
  memory.last.accept();
  memory.last.deliver('{"type":"connected","connection":"x","heartbeatMs":0,"spreadMs":0,"streams":[]}');
  let ready = false;
  const readiness = client.ready().then(() => (ready = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(ready).toBe(false);
  unsubscribeAll(lineOf(client), ["a"]);
  await readiness;
});
