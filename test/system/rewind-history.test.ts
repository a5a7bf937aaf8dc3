import type { Broker } from "@trunkline/core/ports";
import { defineContract, event } from "@trunkline/core/wire";
import { memoryBroker } from "@trunkline/gateway";
import { createClient } from "trunkline";
import { expect, it, onTestFinished } from "vitest";
import { connectV1, positionIn } from "../support/frame-client.ts";
import { type StartedGateway, startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const token = testKeys.acme;
const channel = "account.acme";

async function publish({ gateway }: StartedGateway, from: number, to: number): Promise<void> {
  for (let index = from; index <= to; index++) await gateway.publish({ event: "e", data: index }, { account: "acme" });
}

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

it("§5.10 a rewind begins with the newest events and the whole state, then the live line", async () => {
  const contract = defineContract({ events: { s: event({ delivery: "state" }) } });
  const started = await startGateway({ contract });
  await publish(started, 1, 300);
  await started.gateway.publish({ event: "s", data: "old", key: "k" }, { account: "acme" });
  await started.gateway.publish({ event: "s", data: "new", key: "k" }, { account: "acme" });
  const client = await connectV1(started.socketUrl, { token, streams: [{ channel, rewind: 200 }] });
  expect(client.hello.streams).toMatchObject([{ channel, verdict: "snapshot", count: 200, changes: 1 }]);
  await publish(started, 301, 303);
  await until("all came", () => client.events.length === 204);
  const logged = client.events.filter(({ offset }) => offset !== undefined);
  expect(logged.map(({ data }) => data)).toEqual(numbers(101, 303));
  expect(client.events.filter(({ key }) => key === "k").map(({ data }) => data)).toEqual(["new"]);
});

it("§5.10 a rewind of more than is kept, of none, and of an empty stream", async () => {
  const started = await startGateway({ history: { count: 5 } });
  const empty = await connectV1(started.socketUrl, { token, streams: [{ channel, rewind: 10 }] });
  expect(empty.hello.streams).toMatchObject([{ verdict: "snapshot", count: 0, changes: 0 }]);
  await publish(started, 1, 20);
  const all = await connectV1(started.socketUrl, { token, streams: [{ channel, rewind: 1000 }] });
  expect(all.hello.streams).toMatchObject([{ verdict: "snapshot", count: 5 }]);
  await until("what is kept came", () => all.events.length === 5);
  expect(all.events.map(({ data }) => data)).toEqual(numbers(16, 20));
  const none = await connectV1(started.socketUrl, { token, streams: [{ channel, rewind: 0 }] });
  expect(none.hello.streams).toMatchObject([{ verdict: "snapshot", count: 0 }]);
});

it("§5.10 who lost the link before the first event of a rewind resumes by the offset alone", async () => {
  const started = await startGateway();
  await publish(started, 1, 10);
  const first = await connectV1(started.socketUrl, { token, streams: [{ channel, rewind: 4 }] });
  const head = positionIn(first.hello, channel);
  const again = await connectV1(started.socketUrl, {
    token,
    streams: [{ channel, position: { ...head, offset: head.offset - 4, tag: "" } }],
  });
  expect(again.hello.streams).toMatchObject([{ verdict: "recovered", count: 4 }]);
});

it("§5.10 a client that rewinds is told what comes, and goes on from there after a loss", async () => {
  const started = await startGateway();
  await publish(started, 1, 10);
  const client = createClient({ url: started.url, apiKey: token, autoConnect: false });
  const seen: unknown[] = [];
  client.on("e", (data) => seen.push(data));
  const granted = client.subscribe(channel, { rewind: 3 });
  await client.connect();
  expect(await granted).toMatchObject({ verdict: "snapshot", count: 3 });
  await until("the rewind came", () => seen.length === 3);
  await publish(started, 11, 12);
  await until("live events came", () => seen.length === 5);
  for (const connection of started.gateway.connections()) connection.close(1012);
  await until("it is away", () => client.status !== "connected");
  await publish(started, 13, 14);
  await until("what was missed came", () => seen.length === 7);
  expect(seen).toEqual(numbers(8, 14));
  await client.close();
});

it("§14.1 history comes by pages, newest first, in order, and ends where nothing older is kept", async () => {
  const started = await startGateway({ history: { count: 250 } });
  await publish(started, 1, 300);
  const client = await connectV1(started.socketUrl, { token });
  const pages: unknown[][] = [];
  let before: number | undefined;
  for (let ref = 1; ; ref++) {
    client.send({ type: "history", ref, channel, ...(before !== undefined && { before }) });
    const page = await client.next("history");
    if (page.events === undefined) throw new Error("expected a page");
    pages.unshift(page.events.map(({ data }) => data));
    before = page.events[0]?.offset;
    if (page.more !== true) break;
  }
  expect(pages.map((page) => page.length)).toEqual([50, 100, 100]);
  expect(pages.flat()).toEqual(numbers(51, 300));
  expect(client.events).toEqual([]);
});

it("§14.1 a page is no longer than a frame may be, and holds at least one event", async () => {
  const started = await startGateway();
  const text = "x".repeat(30_000);
  for (let index = 0; index < 4; index++)
    await started.gateway.publish({ event: "e", data: text }, { account: "acme" });
  await started.gateway.publish({ event: "e", data: text.repeat(4) }, { account: "acme" });
  const client = await connectV1(started.socketUrl, { token });
  const lengths: number[] = [];
  for (const before of [undefined, 5, 3]) {
    client.send({ type: "history", ref: 1, channel, ...(before !== undefined && { before }) });
    const page = await client.next("history");
    lengths.push(page.events?.length ?? 0);
  }
  expect(lengths).toEqual([1, 2, 2]);
});

it("§14.1 no more is read than may be sent, however much is asked for", async () => {
  const inner = memoryBroker();
  onTestFinished(() => inner.close());
  let read = 0;
  const broker: Broker = {
    name: inner.name,
    open: (listener) => inner.open(listener),
    append: (stream, append) => inner.append(stream, append),
    broadcast: (stream, body) => inner.broadcast(stream, body),
    heads: (streams) => inner.heads(streams),
    close: () => inner.close(),
    async read(stream, from, limit) {
      const page = await inner.read(stream, from, limit);
      read += page.log.entries.length;
      return page;
    },
  };
  const started = await startGateway({ broker });
  const text = "x".repeat(10_000);
  for (let index = 0; index < 600; index++)
    await started.gateway.publish({ event: "e", data: text }, { account: "acme" });
  const client = await connectV1(started.socketUrl, { token });
  client.send({ type: "history", ref: 1, channel, limit: 1000 });
  expect(await client.next("history")).toMatchObject({ events: { length: 6 }, more: true });
  expect(read).toBeLessThanOrEqual(128);
});

it("§14.1 history of a channel that the connection is not on is refused, without a word on whether there is one", async () => {
  const started = await startGateway();
  const client = await connectV1(started.socketUrl, { token });
  client.send({ type: "history", ref: 1, channel: "other" });
  const answer = await client.next("history");
  expect(answer).toMatchObject({ ref: 1, error: { code: "gateway.forbidden" } });
});
