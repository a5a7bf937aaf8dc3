// P-42: any name that may name a channel does, on every way in and out.
import { once } from "node:events";
import { redisBroker } from "@trunkline/broker-redis";
import { type GatewayOptions, byPath } from "@trunkline/gateway";
import { createPublisher } from "@trunkline/publisher";
import { createClient } from "trunkline";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { openEventStream } from "../support/event-stream-client.ts";
import { connectV1, openLink } from "../support/frame-client.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(() => redis.close());

const names = [
  "scope:post;mutation:list::user_id:1",
  "component:chat",
  "posts/7/comments",
  "a b?c=d&e#f%20g+h",
  '"quoted" {braces} [1] \\back\\ ~tilde',
  "häuser 🏠 ".repeat(3),
  "x".repeat(512),
  "é".repeat(256),
];
const key = testKeys.acme;
const open: GatewayOptions = { authorize: () => true, subscriptions: byPath(), raw: { prefix: "/live/" } };

let prefixes = 0;
/** Two gateways of one broker on Redis, or twice the same one in memory: who publishes by one and who listens by the other. */
async function pair(kind: string) {
  if (kind === "memory") {
    const one = await startGateway(open);
    return [one, one] as const;
  }
  const prefix = `p42-${prefixes++}`;
  const start = async () => {
    const broker = redisBroker({ url: redis.url, prefix });
    onTestFinished(() => broker.close());
    return startGateway({ ...open, broker });
  };
  return [await start(), await start()] as const;
}

describe.each(["memory", "Redis"])("over a broker in %s", (kind) => {
  it("P-42 names come through as they are: publish → client, v1, plain, event stream, raw", async () => {
    const [there, here] = await pair(kind);
    const publisher = createPublisher({ url: there.url, key });
    const client = createClient({ url: here.url, apiKey: key });
    onTestFinished(() => Promise.all([publisher.close(), client.close()]).then(() => {}));
    const heard: unknown[] = [];
    client.on("*", (data, { channel }) => heard.push([channel, data]));
    await client.ready();
    for (const name of names) await client.subscribe(name);
    const v1 = await connectV1(here.socketUrl, { token: key, streams: names.map((channel) => ({ channel })) });
    const base = here.url.replace("http", "ws");
    const readers = await Promise.all(
      names.map(async (name) => {
        const encoded = encodeURIComponent(name);
        const plain = await openLink(`${here.socketUrl}?api_key=${key}&path=${encoded}`);
        await plain.next("connected");
        const stream = await openEventStream(here.url, { key, channel: name });
        const raw = new WebSocket(`${base}/live/${encoded}?api_key=${key}`);
        onTestFinished(() => raw.terminate());
        const texts: string[] = [];
        raw.on("message", (data: Buffer) => texts.push(data.toString()));
        await once(raw, "open");
        return { plain, stream, texts };
      }),
    );
    const receipts = await Promise.all(
      names.map((name, index) => publisher.publish({ event: "named", data: `to ${index}`, channel: name })),
    );
    expect(receipts.map(({ stream }) => stream)).toEqual(names);
    await until("everybody has theirs", () => {
      const some = readers.every(
        ({ plain, stream, texts }) => plain.plainEvents.length > 0 && stream.events.length > 0 && texts.length > 0,
      );
      return some && heard.length >= names.length && v1.events.length >= names.length;
    });
    const wanted = new Set(names.map((name, index) => JSON.stringify([name, `to ${index}`])));
    expect(new Set(heard.map((each) => JSON.stringify(each)))).toEqual(wanted);
    expect(new Set(v1.events.map(({ channel, data }) => JSON.stringify([channel, data])))).toEqual(wanted);
    for (const [index, { plain, stream, texts }] of readers.entries()) {
      expect(plain.plainEvents).toEqual([{ event: "named", data: `to ${index}` }]);
      expect(stream.events).toMatchObject([{ event: "named", data: `"to ${index}"` }]);
      expect(texts).toEqual([`to ${index}`]);
    }
  });
});

it.each([
  ["a * is for patterns", "post.*"],
  ["a leading ~ is reserved", "~members/chat"],
  ["no more than 512 bytes", "x".repeat(513)],
  ["no more than 512 bytes, whatever they spell", `${"é".repeat(256)}x`],
  ["no control characters", "a\u0000b"],
  ["no control characters, of the upper ones neither", "a\u0085b"],
  ["no empty name", ""],
])("P-42 %s: refused on every way in", async (_, name) => {
  const { url, socketUrl } = await startGateway(open);
  const encoded = encodeURIComponent(name);
  const published = await fetch(`${url}/api/v1/publish`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}` },
    body: JSON.stringify({ event: "e", channel: name }),
  });
  if (name.includes("*")) {
    // To publish to a pattern is to push to all that match; a channel of that name it is not.
    expect(await published.json()).toMatchObject({ stream: name, offset: 0 });
  } else {
    expect(published.status).toBe(400);
    expect(await published.json()).toMatchObject({
      error: { code: "gateway.bad-request", message: expect.stringMatching(/^channel: expected /) as string },
    });
  }
  // What goes along with a channel may be listened to by those whom the gateway lets, never by way of a bare name.
  if (!name.startsWith("~")) {
    const v1 = await connectV1(socketUrl, { token: key, streams: [{ channel: name }] });
    expect(v1.hello.streams[0]).toMatchObject({ verdict: "refused", error: { code: "gateway.bad-request" } });
    expect((await openEventStream(url, { key, channel: name })).response.status).toBe(400);
  }
  if (name === "") return;
  const raw = new WebSocket(`${url.replace("http", "ws")}/live/${encoded}?api_key=${key}`);
  const [, response] = (await once(raw, "unexpected-response")) as [unknown, { readonly statusCode: number }];
  expect(response.statusCode).toBe(400);
  raw.on("error", () => {}).terminate();
});
