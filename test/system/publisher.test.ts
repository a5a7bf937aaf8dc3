// A publisher and the gateways: over HTTP with the real door, and over a broker that both share.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { StreamName } from "@trunkline/core/ports";
import { memoryBroker } from "@trunkline/gateway";
import {
  type HttpPublisherOptions,
  type Publisher,
  type PublishFetch,
  createPublisher,
  event,
} from "@trunkline/publisher";
import { type Client, createClient, defineContract, event as declare } from "trunkline";
import { expect, it, onTestFinished } from "vitest";
import { connectPlain, connectV1 } from "../support/frame-client.ts";
import { oldBroker } from "../support/old-broker.ts";
import { freePort } from "../support/redis-server.ts";
import { type StartedGateway, startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

interface Post {
  readonly id: number;
  readonly organization_id: number;
  readonly title: string;
}
const post: Post = { id: 7, organization_id: 1, title: "Hello" };

function overHttp({ url }: { readonly url: string }, options: HttpPublisherOptions = {}): Publisher {
  const publisher = createPublisher({ url, key: testKeys.acme, ...options });
  onTestFinished(() => publisher.close());
  return publisher;
}

/** A gateway of account acme whose pages are each on the channel that is their key. */
async function withPages(...channels: readonly string[]): Promise<StartedGateway> {
  return startGateway({ publicKeys: channels.map((channel) => ({ key: channel, channel, account: "acme" })) });
}

async function page({ url }: StartedGateway, publicKey: string): Promise<Client> {
  const client = createClient({ url, publicKey });
  onTestFinished(() => client.close());
  await client.ready();
  return client;
}

/** What listeners of `name` get, in order. */
function heardBy(client: Client, name: string): unknown[] {
  const heard: unknown[] = [];
  client.on(name, (data) => heard.push(data));
  return heard;
}

it("A-01 A-03 A-27 what happens to a record reaches listeners under its name, whole", async () => {
  const started = await withPages("organization.1");
  const posts = overHttp(started).resource<Post>("Post", { scope: ["organization_id"] });
  const client = await page(started, "organization.1");
  const heard = ["post.created", "post.updated", "post.destroyed"].map((name) => heardBy(client, name));
  const receipt = await posts.created(post);
  expect(receipt).toEqual({ stream: "organization.1", offset: 1, epoch: expect.any(String) as string });
  await posts.updated({ ...post, title: "Changed" }, { changes: { title: ["Hello", "Changed"] } });
  await posts.destroyed(post);
  await until("all came", () => heard.every((list) => list.length === 1));
  expect(heard[0]).toEqual([
    {
      id: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      name: "post.created",
      occurred_at: expect.any(String) as string,
      record: post,
      record_type: "Post",
      routing_key: "organization.1.post.created",
    },
  ]);
  expect(heard[1]).toMatchObject([{ record: { title: "Changed" }, changes: { title: ["Hello", "Changed"] } }]);
});

it("A-26 each scope sees its own, and none of what is within it", async () => {
  const started = await withPages("organization.1", "organization.2", "organization.1.user.2");
  const publisher = overHttp(started);
  const clients = await Promise.all(
    ["organization.1", "organization.2", "organization.1.user.2"].map((key) => page(started, key)),
  );
  const heard = clients.map((client) => heardBy(client, "post.created"));
  const send = (record: number, scope: Record<string, number>) =>
    publisher.publish(event("post.created", record, { scope }));
  await Promise.all([
    send(12, { organization: 1, user: 2 }),
    send(1, { organization: 1 }),
    send(2, { organization: 2 }),
    send(10, { organization: 10 }),
  ]);
  for (const organization of [1, 2]) await send(99, { organization });
  await send(99, { organization: 1, user: 2 });
  await until("the last came", () => heard.every((list) => (list.at(-1) as { record?: unknown })?.record === 99));
  expect(heard.map((list) => list.map((data) => (data as { record: unknown }).record))).toEqual([
    [1, 99],
    [2, 99],
    [12, 99],
  ]);
});

it("A-15 D-05 unscoped events and messages without a channel reach everybody on `all`, once", async () => {
  const started = await withPages("all");
  const publisher = overHttp(started);
  const links = await Promise.all([1, 2].map(() => connectV1(started.socketUrl, { token: "all" })));
  const plain = await connectPlain(started.socketUrl, "all");
  await publisher.resource<Post>("Post").created(post);
  await publisher.pub("to all");
  await publisher.pub("last");
  const heard = (): readonly { readonly event?: unknown; readonly data?: unknown }[][] => [
    ...links.map(({ events }) => [...events]),
    [...plain.plainEvents],
  ];
  await until("the last came", () => heard().every((events) => events.at(-1)?.data === "last"));
  for (const events of heard()) {
    expect(events.map(({ event: name }) => name)).toEqual(["post.created", "message", "message"]);
    expect(events[1]?.data).toBe("to all");
  }
});

it("A-16 an event of a resource that is made after a client came arrives", async () => {
  const started = await withPages("all");
  const publisher = overHttp(started);
  const client = await page(started, "all");
  const heard = heardBy(client, "late.comer.created");
  await publisher.resource("Late::Comer").created({ id: 1 });
  await until("it came", () => heard.length === 1);
});

it("A-12 R-18 what is published while a client is away comes when it is back; only volatile events do not", async () => {
  const contract = defineContract({ events: { moved: declare({ delivery: "volatile" }) } });
  const started = await startGateway({
    contract,
    publicKeys: [{ key: "all", channel: "all", account: "acme" }],
  });
  const publisher = overHttp(started);
  const client = await page(started, "all");
  const heard: string[] = [];
  client.on("*", (_, { event: name }) => heard.push(name));
  await client.close();
  await publisher.publish(event("post.created", 1));
  await publisher.publish({ event: "moved", channel: "all" });
  await client.connect();
  await client.ready();
  await publisher.publish({ event: "moved", channel: "all" });
  await publisher.publish({ event: "last", channel: "all" });
  await until("the last came", () => heard.includes("last"));
  expect(heard).toEqual(["post.created", "moved", "last"]);
});

it("D-03 D-01 a message with a channel goes there, and it is no failure that nobody listens", async () => {
  const started = await startGateway();
  const publisher = overHttp(started);
  expect(await publisher.pub("new model!", { channel: "trunkline/model_create" })).toMatchObject({
    stream: "trunkline/model_create",
    offset: 1,
  });
  expect(await publisher.publish({ event: "a" })).toMatchObject({ stream: "account.acme", offset: 1 });
});

it("push is one append for each channel with one id, and the gateway sends each", async () => {
  const started = await startGateway({ authorize: () => true });
  const streams = [{ channel: "room/1" }, { channel: "room/2" }];
  const connection = await connectV1(started.socketUrl, { token: testKeys.acme, streams });
  const receipts = await overHttp(started).push({ text: "hi" }, "room/1", "room/2");
  expect(receipts.map(({ stream, offset }) => [stream, offset])).toEqual([
    ["room/1", 1],
    ["room/2", 1],
  ]);
  await until("both came", () => connection.events.length === 2);
  const [one, other] = connection.events;
  expect([one?.channel, other?.channel].sort()).toEqual(["room/1", "room/2"]);
  expect(one?.id).toBe(other?.id);
});

it("R-03 what is pushed to several channels is heard once by a client on all of them", async () => {
  const started = await startGateway({ authorize: () => true });
  const channels = ["room/1", "room/2", "room/3"];
  const client = createClient({ url: started.url, apiKey: testKeys.acme, channels });
  onTestFinished(() => client.close());
  const heard: unknown[] = [];
  let copies = 0;
  client.on("message", (data) => heard.push(data));
  client.on("*", () => copies++);
  await client.ready();
  const publisher = overHttp(started);
  await publisher.push("one", ...channels);
  await publisher.push("two", ...channels);
  await until("all copies came", () => copies === 6);
  expect(heard).toEqual(["one", "two"]);
});

it("R-19 the broker gets the same bytes from a gateway, a publisher beside it, and over HTTP", async () => {
  const contract = defineContract({ events: { price: declare({ delivery: "state" }) } });
  const broker = memoryBroker();
  onTestFinished(() => broker.close());
  const started = await startGateway({ broker, contract });
  const beside = createPublisher({ broker, account: "acme", contract });
  const publishers = [started.gateway.publisher("acme"), beside, overHttp(started)];
  for (const [index, publisher] of publishers.entries()) {
    const id = `id${index}`;
    await publisher.publish({
      event: "post.created",
      data: { ü: [1, null] },
      channel: "a",
      key: "k",
      id,
      meta: { t: 1 },
    });
    await publisher.publish({ event: "price", data: 1, channel: "a", id: `p${index}` });
    await publisher.publish({ event: "b", id });
    await publisher.pub("hello", { id });
    await publisher.push("hello", "a");
    await publisher.resource<Post>("Post", { scope: ["organization_id"] }).created(post);
  }
  const random = /"(?:push:)?[0-9a-f]{32}"|"\d{4}-\d\d-\d\dT[\d:.]+Z"|"(?:id|p)\d"/g;
  for (const [channel, perPublisher] of [
    ["a", 2],
    ["account.acme", 1],
    ["all", 1],
    ["organization.1", 1],
  ] as const) {
    const { log } = await broker.read(`acme/${channel}` as StreamName, { offset: 0 }, 100);
    const bodies = log.entries.map(({ body }) => body.replace(random, '"…"'));
    expect([channel, bodies.length, new Set(bodies).size]).toEqual([channel, 3 * perPublisher, perPublisher]);
  }
  const { state } = await broker.read("acme/a" as StreamName, { offset: 0, revision: 0 }, 100);
  expect(state.entries.map(({ body }) => body)).toEqual(['{"event":"price","data":1,"key":"price","id":"p2"}']);
  // They are one author: an id of one is a repetition of the other's.
  const request = { event: "x", channel: "once", id: "shared" };
  const first = await beside.publish(request);
  expect(await started.gateway.publish(request, { account: "acme" })).toEqual(first);
});

it("the contract's delivery classes hold over a broker", async () => {
  const contract = defineContract({ events: { moved: declare({ delivery: "volatile" }) } });
  const broker = memoryBroker();
  onTestFinished(() => broker.close());
  const started = await startGateway({ broker, contract });
  const publisher = createPublisher({ broker, account: "acme", contract });
  const connection = await connectV1(started.socketUrl, { token: testKeys.acme });
  expect(await publisher.publish({ event: "moved", data: 1 })).toEqual({
    stream: "account.acme",
    offset: 0,
    epoch: "",
  });
  expect(await connection.next("event")).not.toHaveProperty("offset");
});

it("§8.6 a repetition after an answer that got lost is one event", async () => {
  const started = await startGateway({ broker: oldBroker() });
  let lost = 0;
  const fetch: PublishFetch = async (url, request) => {
    const response = await globalThis.fetch(url, request);
    if (lost++ === 0) throw Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNRESET" } });
    return response;
  };
  const connection = await connectV1(started.socketUrl, { token: testKeys.acme });
  const publisher = overHttp(started, { fetch });
  const receipts = await Promise.all([1, 2].map((data) => publisher.publish({ event: "a", data })));
  expect(receipts.map(({ offset }) => offset)).toEqual([1, 2]);
  await publisher.publish({ event: "last" });
  await until("the last came", () => connection.events.at(-1)?.event === "last");
  expect(connection.events.map(({ offset, data }) => [offset, data])).toEqual([
    [1, 1],
    [2, 2],
    [3, null],
  ]);
  expect(lost).toBe(3);
});

it("§8.6 what a gateway without memory of the first attempt can't tell is outcome-unknown, and not published", async () => {
  const { gateway, url } = await startGateway();
  const answer = await fetch(`${url}/api/v1/publish`, {
    method: "POST",
    headers: { authorization: `Bearer ${testKeys.acme}` },
    body: JSON.stringify([
      { event: "a", id: "i", retryMs: 3_600_000 },
      { event: "a", retryMs: 1 },
      { event: "a", id: "i", retryMs: "soon" },
      { event: "a", id: "i", retryMs: -1 },
    ]),
  });
  expect(answer.status).toBe(207);
  expect(await answer.json()).toMatchObject([
    { status: 503, error: { code: "gateway.outcome-unknown" } },
    { status: 400, error: { code: "gateway.bad-request", message: expect.stringContaining("id") as string } },
    { status: 400, error: { code: "gateway.bad-request", message: expect.stringContaining("retryMs") as string } },
    { status: 400, error: { code: "gateway.bad-request", message: expect.stringContaining("retryMs") as string } },
  ]);
  expect(gateway.stats().published).toBe(0);
});

it("A-09 each failure over HTTP is a typed rejection with the gateway's code", async () => {
  const started = await startGateway();
  const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => "none",
      (error: { readonly name: string; readonly code: string }) => [error.name, error.code],
    );
  const publisher = overHttp(started);
  const results = await Promise.all([
    codeOf(publisher.publish({ event: "a", id: "i", data: 1 })),
    codeOf(publisher.publish({ event: "a", id: "i", data: 2 })),
    codeOf(publisher.publish({ event: "a", data: "x".repeat(300_000) })),
    codeOf(overHttp(started, { key: "sk_wrong" }).publish({ event: "a" })),
    codeOf(overHttp(started, { key: testKeys.page }).publish({ event: "a" })),
    codeOf(overHttp({ url: `http://127.0.0.1:${await freePort()}` }, { timeoutMs: 500 }).publish({ event: "a" })),
  ]);
  expect(results).toEqual([
    "none",
    ["GatewayError", "gateway.conflict"],
    ["GatewayError", "gateway.too-large"],
    ["GatewayError", "gateway.unauthorized"],
    ["GatewayError", "gateway.forbidden"],
    ["LinkError", "link.lost"],
  ]);
});

it("A-09 a server that is none of ours is a typed rejection, and the key follows no redirect", async () => {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(302, { location: "/elsewhere" }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await expect(overHttp({ url }).publish({ event: "a" })).rejects.toMatchObject({ code: "peer.bad-frame" });
  expect(seen).toEqual([`Bearer ${testKeys.acme}`]);
});

it.each([undefined, { max: 64 }, { max: 100, flushMs: 5 }])(
  "P-39 1,000 publishes that nobody awaits keep their order over HTTP, with the batch %o",
  async (batch) => {
    const started = await startGateway();
    const connection = await connectV1(started.socketUrl, { token: testKeys.acme });
    const publisher = overHttp(started, { ...(batch !== undefined && { batch }) });
    for (let n = 0; n < 1000; n++) {
      // From turns of their own, too: requests are on their way while more is called.
      if (n % 100 === 99) await new Promise((resolve) => void setImmediate(resolve));
      void publisher.publish({ event: "e", data: n });
    }
    await publisher.close();
    await until("all came", () => connection.events.length === 1000);
    expect(connection.events.map(({ data }) => data)).toEqual(Array.from({ length: 1000 }, (_, n) => n));
    expect(connection.events.map(({ offset }) => offset)).toEqual(Array.from({ length: 1000 }, (_, n) => n + 1));
  },
);

it("a gateway's own publisher stays inside its account, and ends with the gateway", async () => {
  const { gateway, socketUrl } = await startGateway();
  const acme = await connectV1(socketUrl, { token: testKeys.acme });
  const globex = await connectV1(socketUrl, { token: testKeys.globex });
  await gateway.publisher("globex").publish({ event: "theirs" });
  await gateway.publisher("acme").publish({ event: "mine" });
  expect((await acme.next("event")).event).toBe("mine");
  expect((await globex.next("event")).event).toBe("theirs");
  expect(() => gateway.publisher("a/b")).toThrow(expect.objectContaining({ code: "usage.bad-argument" }));
  const publisher = gateway.publisher();
  await gateway.close({ drainMs: 0 });
  await expect(publisher.pub("late")).rejects.toMatchObject({ code: "usage.closed" });
});
