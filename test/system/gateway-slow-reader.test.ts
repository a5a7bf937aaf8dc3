import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createGateway } from "@trunkline/gateway";
import { expect, it, onTestFinished } from "vitest";
import { connectPlain, connectV1 } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const token = testKeys.acme;
const account = { account: "acme" };
const body = "x".repeat(20_000);

/** What the kernel takes for a socket that nobody reads is no memory of the gateway's, but it must be filled first. */
const events = 1000;

it("§9.1 a reader that stops is bounded by its budget, then gets everything that history holds", async () => {
  const unreadBytes = 256 * 1024;
  const gateway = createGateway({
    secretKeys: [{ key: token, account: "acme" }],
    limits: { unreadBytes },
    history: { count: events },
  });
  const sockets: Socket[] = [];
  const server = createServer().on("connection", (socket) => sockets.push(socket));
  gateway.attach(server);
  onTestFinished(async () => {
    await gateway.close({ drainMs: 0 });
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const socketUrl = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/api/ws/v1/events`;
  const slow = await connectV1(socketUrl, { token });
  const quick = await connectV1(socketUrl, { token });
  slow.ws.pause();
  let mostUnread = 0;
  for (let index = 0; index < events; index++) {
    await gateway.publish({ event: "e", data: [index, body] }, account);
    if (index % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    for (const { writableLength } of sockets) mostUnread = Math.max(mostUnread, writableLength);
  }
  await until("the quick one has all", () => quick.events.length === events);
  expect(gateway.stats()).toMatchObject({ connections: 2, dropped: 0 });
  expect(gateway.stats().lagging).toBeGreaterThan(0);
  expect(mostUnread).toBeGreaterThan(unreadBytes / 4);
  expect(mostUnread).toBeLessThanOrEqual(unreadBytes);
  slow.ws.resume();
  await until("the slow one has all", () => slow.events.length === events);
  expect(slow.events.map(({ offset }) => offset)).toEqual(Array.from({ length: events }, (_, index) => index + 1));
  expect(slow.all("verdict")).toEqual([]);
  await gateway.publish({ event: "after" }, account);
  await until("it is live again", () => slow.events.at(-1)?.event === "after");
  expect(gateway.stats().dropped).toBe(0);
});

it("§9.1 a reader too slow for the history gets one honest gap, and never a hole", async () => {
  const { gateway, socketUrl } = await startGateway({ limits: { unreadBytes: 128 * 1024 }, history: { count: 50 } });
  const slow = await connectV1(socketUrl, { token });
  slow.ws.pause();
  for (let index = 0; index < events; index++) {
    await gateway.publish({ event: "e", data: [index, body] }, account);
    if (index % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  slow.ws.resume();
  await gateway.publish({ event: "last" }, account);
  await until("it is live again", () => slow.events.at(-1)?.event === "last" || slow.all("verdict").length > 0);
  await gateway.publish({ event: "after" }, account);
  await until("it hears again", () => slow.events.at(-1)?.event === "after");
  let cursor = 0;
  const gaps: unknown[] = [];
  for (const message of slow.messages.slice(1)) {
    if (message.type === "event") expect(message.offset).toBe(++cursor);
    if (message.type !== "verdict") continue;
    const [gap] = message.streams;
    expect(gap).toMatchObject({ verdict: "gap", reason: "skipped", from: cursor + 1 });
    if (gap?.verdict === "gap") {
      expect(gap.to).toBe(gap.position.offset);
      cursor = gap.to;
      gaps.push(gap);
    }
  }
  expect(gaps.length).toBeGreaterThan(0);
  expect(gateway.stats().dropped).toBeGreaterThan(100);
});

it("§9.1 in the plain dialect a reader too slow for the history is closed with 4410", async () => {
  const { gateway, socketUrl } = await startGateway({ limits: { unreadBytes: 128 * 1024 }, history: { count: 50 } });
  const slow = await connectPlain(socketUrl, token);
  slow.ws.pause();
  for (let index = 0; index < events; index++) {
    await gateway.publish({ event: "e", data: [index, body] }, account);
    if (index % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  slow.ws.resume();
  expect((await slow.end()).code).toBe(4410);
  const got = slow.plainEvents.map(({ data }) => (data as [number])[0]);
  expect(got).toEqual(Array.from({ length: got.length }, (_, index) => index));
});

it("§9.1 volatile events are dropped for a slow reader and counted", async () => {
  const contract = { events: { blink: { delivery: "volatile" as const } }, calls: {} };
  const { gateway, socketUrl } = await startGateway({ contract, limits: { unreadBytes: 65_536 } });
  const slow = await connectV1(socketUrl, { token });
  slow.ws.pause();
  for (let index = 0; index < events; index++) {
    await gateway.publish({ event: "blink", data: [index, body] }, account);
    if (index % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await until("all are counted", () => gateway.stats().delivered + gateway.stats().dropped === events);
  const { delivered, dropped } = gateway.stats();
  expect(dropped).toBeGreaterThan(100);
  slow.ws.resume();
  await until("the rest came", () => slow.events.length === delivered);
  await gateway.publish({ event: "log" }, account);
  await until("it is live", () => slow.events.at(-1)?.event === "log");
});
