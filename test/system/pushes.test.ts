// Pushes to channels by name and by pattern, on two gateways of one broker.
import type { Broker } from "@trunkline/core/ports";
import { defineContract, event } from "@trunkline/core/wire";
import { byAccount, memoryBroker } from "@trunkline/gateway";
import { createPublisher } from "@trunkline/publisher";
import { createClient } from "trunkline";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { openEventStream } from "../support/event-stream-client.ts";
import { type FrameClient, connectPlain, connectV1 } from "../support/frame-client.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { sharedBrokers } from "../support/shared-broker.ts";
import { type StartedGateway, startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.close());

async function pair(brokers: () => Broker): Promise<readonly [StartedGateway, StartedGateway]> {
  const start = async (): Promise<StartedGateway> => {
    const broker = brokers();
    onTestFinished(() => broker.close());
    return startGateway({ broker, authorize: () => true });
  };
  return [await start(), await start()];
}

function on({ socketUrl }: StartedGateway, token: string, ...channels: readonly string[]): Promise<FrameClient> {
  return connectV1(socketUrl, { token, streams: channels.map((channel) => ({ channel })) });
}

function heard({ events }: FrameClient): readonly unknown[] {
  return events.map(({ channel, data }) => [channel, data]);
}

describe.each(sharedBrokers(() => server.url))("two gateways on %s", (_, open) => {
  it("P-06 P-08 a push reaches each channel that is named or matches, once, wherever its subscribers are", async () => {
    const [one, two] = await pair(open());
    const near = await on(one, testKeys.acme, "score:1", "xscore:1", "a.b", "axb", "room;1");
    const far = await on(two, testKeys.acme, "score:1", "score:2", "plain");
    const stranger = await on(two, testKeys.globex, "score:1", "a.b", "room;1");
    const publisher = one.gateway.publisher("acme");
    const receipts = await publisher.push({ foo: "bar" }, "score:*", "plain");
    expect(receipts).toEqual([
      { stream: "score:*", offset: 0, epoch: "" },
      { stream: "plain", offset: 1, epoch: expect.stringMatching(/./) },
    ]);
    await publisher.push(2, "a.b*");
    await publisher.push(3, "room*");
    await publisher.push(4, "room*;*");
    await publisher.push("end", "xscore:1", "score:2");
    const end = ({ events }: FrameClient): boolean => events.some(({ data }) => data === "end");
    await until("all came", () => end(near) && end(far) && far.events.length === 4);
    expect(heard(near)).toEqual([
      ["score:1", { foo: "bar" }],
      ["a.b", 2],
      ["room;1", 4],
      ["xscore:1", "end"],
    ]);
    const elsewhere = heard(far).map((each) => JSON.stringify(each));
    expect(new Set(elsewhere)).toEqual(
      new Set(
        [
          ["plain", { foo: "bar" }],
          ["score:1", { foo: "bar" }],
          ["score:2", { foo: "bar" }],
          ["score:2", "end"],
        ].map((each) => JSON.stringify(each)),
      ),
    );
    expect(elsewhere).toHaveLength(4);
    const [first] = near.events;
    expect(first).toEqual({
      type: "event",
      channel: "score:1",
      time: expect.any(Number),
      event: "message",
      data: { foo: "bar" },
      id: expect.stringMatching(/^push:/),
    });
    expect(new Set(far.events.filter(({ data }) => data !== "end").map(({ id }) => id))).toEqual(new Set([first?.id]));
    await two.gateway.publisher("globex").push("yours", "score:1");
    await until("the other account hears its own", () => stranger.events.length > 0);
    expect(heard(stranger)).toEqual([["score:1", "yours"]]);
  });

  it("R-03 a client on several channels that match hears it once by name; the next push is another", async () => {
    const [one, two] = await pair(open());
    const client = createClient({ url: two.url, apiKey: testKeys.acme, channels: ["score:1", "score:2", "other"] });
    onTestFinished(() => client.close());
    const messages: unknown[] = [];
    let copies = 0;
    client.on("message", (data) => messages.push(data));
    client.on("*", () => copies++);
    await client.ready();
    const publisher = one.gateway.publisher("acme");
    await publisher.push("one", "score:*", "other");
    await publisher.push("two", "score:*");
    await until("all copies came", () => copies === 5);
    expect(messages).toEqual(["one", "two"]);
  });
});

it("P-07 nobody is on any channel that matches: the push succeeds all the same", async () => {
  const { gateway } = await startGateway();
  const nowhere = { offset: 0, epoch: "" };
  expect(await gateway.push("hello", "nobody:*")).toEqual([{ stream: "nobody:*", ...nowhere }]);
  expect(await gateway.push("hello", "nobody")).toMatchObject([{ stream: "nobody", offset: 1 }]);
});

it("P-08 a push by pattern is volatile, whatever the contract says; state has to name its channel", async () => {
  const contract = defineContract({ events: { price: event({ delivery: "state" }) } });
  const broker = memoryBroker();
  const { gateway, socketUrl } = await startGateway({ broker, contract, authorize: () => true });
  const publisher = gateway.publisher("acme");
  await publisher.push("before", "score:*");
  const reader = await connectV1(socketUrl, { token: testKeys.acme, streams: [{ channel: "score:1", rewind: 5 }] });
  await publisher.publish({ event: "goal", channel: "score:*", data: 1, id: "mine" });
  await until("it came", () => reader.events.length === 1);
  expect(reader.events[0]).toMatchObject({ event: "goal", data: 1, id: expect.stringMatching(/^push:/) });
  expect(reader.events[0]).not.toHaveProperty("offset");
  await expect(publisher.publish({ event: "price", channel: "score:*", data: 1 })).rejects.toMatchObject({
    code: "gateway.bad-request",
    message: expect.stringContaining("one channel"),
  });
  expect(gateway.stats()).toMatchObject({ published: 2 });
});

it("P-08 publishers beside gateways and over HTTP push by pattern, too, with a secret key", async () => {
  const broker = memoryBroker();
  onTestFinished(() => broker.close());
  const started = await startGateway({
    broker,
    authorize: () => true,
    subscriptions: [byAccount(), () => ["score:2"]],
    authenticate: ({ token }) =>
      token === "ada" ? { kind: "user", account: "acme", id: "ada", mayPublish: ["*"] } : null,
  });
  const reader = await on(started, testKeys.acme, "score:1");
  const plain = await connectPlain(started.socketUrl, testKeys.acme);
  const stream = await openEventStream(started.url, { key: testKeys.acme, channel: "score:1" });
  expect(stream.response.status).toBe(200);
  const overHttp = createPublisher({ url: started.url, key: testKeys.acme });
  onTestFinished(() => overHttp.close());
  await overHttp.push("over HTTP", "score:*");
  await createPublisher({ broker, account: "acme" }).push("beside", "score:*");
  await until("both came", () => reader.events.length === 4 && plain.plainEvents.length === 2);
  expect(reader.events.filter(({ channel }) => channel === "score:1").map(({ data }) => data)).toEqual([
    "over HTTP",
    "beside",
  ]);
  await until("the event stream has them", () => stream.text.includes("beside"));
  expect(stream.text.match(/over HTTP|beside/g)).toEqual(["over HTTP", "beside"]);
  const asAda = await fetch(`${started.url}/api/v1/publish`, {
    method: "POST",
    headers: { authorization: "Bearer ada" },
    body: JSON.stringify({ event: "goal", channel: "score:*" }),
  });
  expect(asAda.status).toBe(400);
});
