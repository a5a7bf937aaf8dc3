import { type GatewayOptions, memoryBroker } from "@trunkline/gateway";
import type { Position } from "@trunkline/core/wire";
import { expect, it } from "vitest";
import { connectV1, positionIn, sayHello } from "../support/frame-client.ts";
import { type StartedGateway, startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const token = testKeys.acme;
const channel = "account.acme";

/** A gateway whose account channel holds `count` events, and the positions of all of them. */
async function withHistory(count: number, options: GatewayOptions = {}): Promise<StartedGateway & { at: Position[] }> {
  const started = await startGateway(options);
  const watcher = await connectV1(started.socketUrl, { token });
  const start = positionIn(watcher.hello, channel);
  await publish(started, 1, count);
  await until("the history is there", () => watcher.events.length === count);
  const at = [start, ...watcher.events.map(({ offset = 0, tag = "" }) => ({ epoch: start.epoch, offset, tag }))];
  watcher.ws.terminate();
  return { ...started, at };
}

async function publish({ gateway }: StartedGateway, from: number, to: number): Promise<void> {
  for (let index = from; index <= to; index++) await gateway.publish({ event: "e", data: index }, { account: "acme" });
}

it("§5.3 recovered: everything between the cursor and the head, then the live line", async () => {
  const started = await withHistory(500);
  const client = await connectV1(started.socketUrl, {
    token,
    streams: [{ channel, position: started.at[200] as Position }],
  });
  expect(client.hello.streams).toEqual([{ channel, verdict: "recovered", position: started.at[500], count: 300 }]);
  await publish(started, 501, 505);
  await until("all came", () => client.events.length === 305);
  expect(client.events.map(({ data }) => data)).toEqual(Array.from({ length: 305 }, (_, index) => 201 + index));
});

it("§5.3 recovered with 0 at the head", async () => {
  const started = await withHistory(3);
  const client = await connectV1(started.socketUrl, {
    token,
    streams: [{ channel, position: started.at[3] as Position }],
  });
  expect(client.hello.streams).toEqual([{ channel, verdict: "recovered", position: started.at[3], count: 0 }]);
});

it("§5.3 gap retention, epoch, fork and future, each with the live line behind it", async () => {
  const started = await withHistory(20, { history: { count: 5 } });
  const head = started.at[20] as Position;
  const cases: readonly (readonly [Position, object])[] = [
    [started.at[10] as Position, { reason: "retention", from: 11, to: 20 }],
    [
      { ...head, epoch: "another" },
      { reason: "epoch", from: 1, to: 20, snapshot: true },
    ],
    [
      { ...head, tag: "forked" },
      { reason: "fork", from: 1, to: 20 },
    ],
    [
      { ...head, offset: 25 },
      { reason: "future", from: 1, to: 20 },
    ],
  ];
  const clients = [];
  for (const [position, expected] of cases) {
    const client = await connectV1(started.socketUrl, { token, streams: [{ channel, position }] });
    expect(client.hello.streams).toEqual([{ channel, verdict: "gap", position: head, ...expected }]);
    clients.push(client);
  }
  await publish(started, 21, 21);
  for (const client of clients) expect((await client.next("event")).offset).toBe(21);
});

it("§5.6 a subscribe for a channel it is on is answered again, from the position it names", async () => {
  const started = await withHistory(10);
  const client = await connectV1(started.socketUrl, { token });
  client.send({ type: "subscribe", streams: [{ channel, position: started.at[4] }] });
  expect((await client.next("verdict")).streams).toEqual([
    { channel, verdict: "recovered", position: started.at[10], count: 6 },
  ]);
  await publish(started, 11, 11);
  await until("all came", () => client.events.length === 7);
  expect(client.events.map(({ offset }) => offset)).toEqual([5, 6, 7, 8, 9, 10, 11]);
  expect(started.gateway.stats()).toMatchObject({ channels: 1, brokerSubscriptions: 1 });
});

it("§5.4 a stream that gateway code subscribes later continues from the position that hello named, though it was refused there", async () => {
  const started = await startGateway();
  const { gateway, socketUrl } = started;
  const first = await connectV1(socketUrl, { token });
  const room = { account: "acme" };
  [...gateway.connections()][0]?.subscribe("room");
  const [fresh] = (await first.next("verdict")).streams;
  const position = fresh?.verdict === "fresh" ? fresh.position : undefined;
  first.ws.terminate();
  await gateway.publish({ event: "missed", channel: "room" }, room);
  await until("the first is gone", () => gateway.stats().connections === 0);
  const second = await sayHello(socketUrl, { token, streams: [{ channel: "room", position: position as Position }] });
  expect((await second.next("connected")).streams).toMatchObject([
    { channel: "room", verdict: "refused", error: { code: "gateway.forbidden" } },
    { channel, verdict: "fresh" },
  ]);
  [...gateway.connections()][0]?.subscribe("room");
  expect((await second.next("verdict")).streams).toMatchObject([{ channel: "room", verdict: "recovered", count: 1 }]);
  expect((await second.next("event")).event).toBe("missed");
});

it("§12 events published while hello is answered come inside recovered or after it, once", async () => {
  const started = await withHistory(50);
  let next = 51;
  for (let round = 0; round < 20; round++) {
    const opening = sayHello(started.socketUrl, {
      token,
      streams: [{ channel, position: started.at[10] as Position }],
    });
    const publishing = publish(started, next, next + 9);
    next += 10;
    const client = await opening;
    await publishing;
    await until("all came", () => client.events.length === next - 11);
    expect(client.events.map(({ offset }) => offset)).toEqual(
      Array.from({ length: next - 11 }, (_, index) => 11 + index),
    );
    client.ws.terminate();
  }
});

it("§12 a gateway that restarts with an empty memory tells a gap of another epoch", async () => {
  const before = await withHistory(5);
  const after = await startGateway();
  await publish(after, 1, 2);
  const client = await connectV1(after.socketUrl, {
    token,
    streams: [{ channel, position: before.at[5] as Position }],
  });
  expect(client.hello.streams).toMatchObject([{ verdict: "gap", reason: "epoch", from: 1, to: 2 }]);
});

it("a client resumes on another gateway of the same broker", async () => {
  const broker = memoryBroker();
  const first = await withHistory(10, { broker });
  const second = await startGateway({ broker });
  const client = await connectV1(second.socketUrl, {
    token,
    streams: [{ channel, position: first.at[7] as Position }],
  });
  expect(client.hello.streams).toMatchObject([{ verdict: "recovered", count: 3 }]);
  await publish(first, 11, 11);
  await until("all came", () => client.events.length === 4);
  expect(client.events.map(({ offset }) => offset)).toEqual([8, 9, 10, 11]);
});

it("§5.3 subscribing is refused without an authorizer and by one, in the same words; limits and names are checked", async () => {
  const closed = await startGateway();
  const asked = await startGateway({
    limits: { subscriptions: 3 },
    authorize: ({ channel: name, principal }) => {
      if (name === "throws") throw new Error("broken authorizer");
      return name.startsWith("open") && principal.account === "acme";
    },
  });
  const errors: string[] = [];
  asked.gateway.on("error", ({ code, message }) => errors.push(`${code} ${message}`));
  const nobody = await connectV1(closed.socketUrl, { token });
  nobody.send({ type: "subscribe", streams: [{ channel: "open-1" }] });
  const [without] = (await nobody.next("verdict")).streams;
  const client = await connectV1(asked.socketUrl, {
    token,
    streams: [{ channel: "shut" }, { channel: "open-1" }, { channel: "a*" }],
  });
  expect(client.hello.streams.map(({ channel: name, verdict }) => [name, verdict])).toEqual([
    ["shut", "refused"],
    ["open-1", "fresh"],
    ["a*", "refused"],
    [channel, "fresh"],
  ]);
  const error = (without as { error?: object }).error;
  expect(client.hello.streams[0]).toEqual({ channel: "shut", verdict: "refused", error });
  client.send({ type: "subscribe", streams: [{ channel: "throws" }] });
  expect((await client.next("verdict")).streams).toEqual([{ channel: "throws", verdict: "refused", error }]);
  expect(errors).toEqual(["usage.listener-failed authorize failed: broken authorizer"]);
  client.send({ type: "subscribe", streams: [{ channel: "open-2" }, { channel: "open-3" }] });
  const answers = [await client.next("verdict"), await client.next("verdict")].flatMap(({ streams }) => streams);
  expect(answers.find((answer) => answer.channel === "open-2")?.verdict).toBe("fresh");
  expect(answers.find((answer) => answer.channel === "open-3")).toMatchObject({ error: { code: "gateway.limit" } });
});
