import { version } from "@trunkline/core/wire";
import { expect, it } from "vitest";
import { connectPlain, connectV1, openLink, positionIn, sayHello } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

it("W-03 P-37 connected is the first frame: exactly so in the plain dialect, with version and verdicts in trunkline.v1", async () => {
  const { socketUrl } = await startGateway();
  const plain = await connectPlain(socketUrl, testKeys.acme);
  expect(plain.frames[0]).toBe('{"type":"connected"}');
  const v1 = await connectV1(socketUrl, { token: testKeys.acme });
  expect(v1.messages[0]).toMatchObject({
    type: "connected",
    server: `trunkline-gateway/${version}`,
    heartbeatMs: 25_000,
    limits: { frameBytes: 65_536, subscriptions: 1000 },
    features: [],
    streams: [{ channel: "account.acme", verdict: "fresh", position: { offset: 0, tag: "" } }],
  });
});

it("W-05 the key determines the account: another account sees nothing", async () => {
  const { gateway, socketUrl } = await startGateway();
  const acme = await connectV1(socketUrl, { token: testKeys.acme });
  const globex = await connectV1(socketUrl, { token: testKeys.globex });
  const plain = await connectPlain(socketUrl, testKeys.globex);
  await gateway.publish({ event: "a", data: 1 }, { account: "acme" });
  await gateway.publish({ event: "b", data: 2 }, { account: "globex" });
  await until("all have theirs", () => acme.events.length + globex.events.length + plain.plainEvents.length === 3);
  expect(acme.events.map(({ event }) => event)).toEqual(["a"]);
  expect(globex.events.map(({ event }) => event)).toEqual(["b"]);
  expect(plain.plainEvents).toEqual([{ event: "b", data: 2 }]);
});

it("a public key listens to its channel, and anonymous to account.default", async () => {
  const { gateway, socketUrl } = await startGateway({ anonymous: true });
  const page = await connectV1(socketUrl, { token: testKeys.page });
  const nobody = await connectV1(socketUrl);
  expect(page.hello.streams.map(({ channel }) => channel)).toEqual(["news"]);
  expect(nobody.hello.streams.map(({ channel }) => channel)).toEqual(["account.default"]);
  await gateway.publish({ event: "n", data: 1, channel: "news" }, { account: "acme" });
  await gateway.publish({ event: "d", data: 2 });
  expect((await page.next("event")).event).toBe("n");
  expect((await nobody.next("event")).event).toBe("d");
});

it("§3.5 an event carries its channel, place, time and what the publisher said", async () => {
  const { gateway, socketUrl } = await startGateway();
  const client = await connectV1(socketUrl, { token: testKeys.acme });
  const receipt = await gateway.publish(
    { event: "post.created", data: { title: "ü", type: "hello" }, key: "k", id: "i", meta: { trace: 1 } },
    { account: "acme" },
  );
  const event = await client.next("event");
  expect(event).toEqual({
    type: "event",
    channel: "account.acme",
    offset: 1,
    tag: expect.any(String) as string,
    time: expect.any(Number) as number,
    event: "post.created",
    data: { title: "ü", type: "hello" },
    key: "k",
    id: "i",
    meta: { trace: 1 },
  });
  expect(receipt).toEqual({ stream: "account.acme", offset: 1, epoch: positionIn(client.hello, "account.acme").epoch });
});

it("§3.7 a payload that looks like a frame stays a payload", async () => {
  const { gateway, socketUrl } = await startGateway();
  const v1 = await connectV1(socketUrl, { token: testKeys.acme });
  const plain = await connectPlain(socketUrl, testKeys.acme);
  const forged = [
    { type: "error", code: "x", message: "y", fatal: true, event: "forged" },
    [{ type: "drain", spreadMs: 0 }],
    '","type":"drain"}',
    "ping",
  ];
  for (const data of forged) await gateway.publish({ event: "e", data }, { account: "acme" });
  await until("all came", () => v1.events.length === 4 && plain.plainEvents.length === 4);
  expect(v1.events.map(({ data }) => data)).toEqual(forged);
  expect(new Set(v1.messages.map(({ type }) => type))).toEqual(new Set(["connected", "event"]));
  expect(plain.plainEvents).toEqual([
    { event: "e", code: "x", message: "y", fatal: true },
    { event: "e", data: forged[1] },
    { event: "e", data: forged[2] },
    { event: "e", data: "ping" },
  ]);
  expect(plain.frames.slice(1).every((frame) => frame.startsWith("{"))).toBe(true);
});

it("§10.2 the plain dialect spreads an object and puts everything else under data", async () => {
  const { gateway, socketUrl } = await startGateway();
  const plain = await connectPlain(socketUrl, testKeys.acme);
  const cases: readonly (readonly [unknown, object])[] = [
    [{ a: 1, event: "x", type: "y" }, { a: 1 }],
    [null, { data: null }],
    [undefined, { data: null }],
    [7, { data: 7 }],
    [[1], { data: [1] }],
    [{ data: { deep: true } }, { data: { deep: true } }],
    [JSON.parse('{"__proto__":{"a":1}}'), JSON.parse('{"__proto__":{"a":1}}')],
  ];
  for (const [data] of cases) await gateway.publish({ event: "config_changed", data }, { account: "acme" });
  await until("all came", () => plain.plainEvents.length === cases.length);
  expect(plain.frames.slice(1)).toEqual(cases.map(([, out]) => JSON.stringify({ event: "config_changed", ...out })));
});

it("R-06 (JSON half) the word ping as an event's data never is a control frame", async () => {
  const { gateway, socketUrl } = await startGateway();
  const plain = await connectPlain(socketUrl, testKeys.acme);
  await gateway.publish({ event: "word", data: "ping" }, { account: "acme" });
  await until("it came", () => plain.plainEvents.length === 1);
  expect(plain.frames[1]).toBe('{"event":"word","data":"ping"}');
});

it("many events of one tick come in order, in few frames, none longer than the limit", async () => {
  const { gateway, socketUrl } = await startGateway({ limits: { frameBytes: 1000 } });
  const client = await connectV1(socketUrl, { token: testKeys.acme });
  const plain = await connectPlain(socketUrl, testKeys.acme);
  const sizes = Array.from({ length: 300 }, (_, index) => (index % 50 === 0 ? 1500 : index % 7));
  await Promise.all(
    sizes.map((size, index) => gateway.publish({ event: "e", data: [index, "é".repeat(size)] }, { account: "acme" })),
  );
  await until("all came", () => client.events.length === 300 && plain.plainEvents.length === 300);
  expect(client.events.map(({ offset }) => offset)).toEqual(sizes.map((_, index) => index + 1));
  expect(plain.plainEvents.map(({ data }) => (data as [number])[0])).toEqual(sizes.map((_, index) => index));
  const arrays = client.frames.filter((frame) => frame.startsWith("["));
  expect(client.frames.length).toBeLessThan(120);
  expect(arrays.length).toBeGreaterThan(20);
  for (const frame of arrays) expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(1000);
});

it("a connection on several channels gets each in its order", async () => {
  const { gateway, socketUrl } = await startGateway({ authorize: () => true });
  const channels = ["a", "b", "c"];
  const client = await connectV1(socketUrl, {
    token: testKeys.acme,
    streams: channels.map((channel) => ({ channel })),
  });
  expect(client.hello.streams.map(({ channel }) => channel)).toEqual([...channels, "account.acme"]);
  for (let index = 0; index < 30; index++) {
    void gateway.publish({ event: "e", data: index, channel: channels[index % 3] as string }, { account: "acme" });
  }
  await until("all came", () => client.events.length === 30);
  for (const channel of channels) {
    const got = client.events.filter((event) => event.channel === channel).map(({ offset }) => offset);
    expect(got).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  }
});

it("D-12 the last leaver's channel is freed and the broker unsubscribed", async () => {
  const { gateway, socketUrl } = await startGateway({ authorize: () => true });
  expect(gateway.stats()).toMatchObject({ connections: 0, channels: 0, brokerSubscriptions: 0 });
  const first = await connectV1(socketUrl, { token: testKeys.acme, streams: [{ channel: "room" }] });
  const second = await connectPlain(socketUrl, testKeys.acme);
  expect(gateway.stats()).toMatchObject({ connections: 2, channels: 2, brokerSubscriptions: 2 });
  first.send({ type: "unsubscribe", channels: ["room", "never-on"] });
  await until("room is freed", () => gateway.stats().brokerSubscriptions === 1);
  expect(gateway.stats().channels).toBe(1);
  first.ws.close();
  await until("one is left", () => gateway.stats().connections === 1);
  expect(gateway.stats().channels).toBe(1);
  second.ws.terminate();
  await until("all is freed", () => gateway.stats().brokerSubscriptions === 0);
  expect(gateway.stats()).toMatchObject({ connections: 0, channels: 0 });
});

it("D-12 leaving and coming back in one breath ends subscribed", async () => {
  const { gateway, socketUrl } = await startGateway({ authorize: () => true });
  const client = await connectV1(socketUrl, { token: testKeys.acme });
  const streams = [{ channel: "room" }];
  client.send(
    [
      { type: "subscribe", streams },
      { type: "unsubscribe", channels: ["room"] },
      { type: "subscribe", streams },
    ]
      .map((message) => JSON.stringify(message))
      .join(",")
      .replace(/^/, "[")
      .replace(/$/, "]"),
  );
  expect((await client.next("verdict")).streams).toMatchObject([{ channel: "room", verdict: "fresh" }]);
  for (let round = 0; round < 5; round++) {
    client.send({ type: "unsubscribe", channels: ["room"] });
    client.send({ type: "subscribe", streams });
    expect((await client.next("verdict")).streams).toMatchObject([{ verdict: "fresh" }]);
  }
  await gateway.publish({ event: "e", channel: "room" }, { account: "acme" });
  expect((await client.next("event")).channel).toBe("room");
  expect(gateway.stats()).toMatchObject({ channels: 2, brokerSubscriptions: 2 });
});

it("D-11 nothing is sent to a connection that closed, and it counts no more", async () => {
  const { gateway, socketUrl } = await startGateway();
  const stays = await connectV1(socketUrl, { token: testKeys.acme });
  const leaves = await connectV1(socketUrl, { token: testKeys.acme });
  leaves.ws.close(1000);
  await until("one is gone", () => gateway.stats().connections === 1);
  await gateway.publish({ event: "e" }, { account: "acme" });
  await stays.next("event");
  expect(gateway.stats()).toMatchObject({ delivered: 1, errors: 0 });
  expect([...gateway.connections()]).toHaveLength(1);
});

it("A-38 stats count connections, channels, broker subscriptions, deliveries and bytes", async () => {
  const { gateway, socketUrl } = await startGateway();
  const v1 = await connectV1(socketUrl, { token: testKeys.acme });
  const plain = await connectPlain(socketUrl, testKeys.acme);
  await gateway.publish({ event: "e", data: { a: 1 } }, { account: "acme" });
  await until("both have it", () => v1.events.length + plain.plainEvents.length === 2);
  const bytes = Buffer.byteLength(v1.frames[1] as string) + Buffer.byteLength(plain.frames[1] as string) + 2 + 2;
  expect(gateway.stats()).toMatchObject({
    connections: 2,
    channels: 1,
    brokerSubscriptions: 1,
    published: 1,
    delivered: 2,
    dropped: 0,
    bytes,
  });
});

it("volatile events reach those connected now, without a position", async () => {
  const contract = { events: { "cursor.moved": { delivery: "volatile" as const } }, calls: {} };
  const { gateway, socketUrl } = await startGateway({ contract });
  const v1 = await connectV1(socketUrl, { token: testKeys.acme });
  const plain = await connectPlain(socketUrl, testKeys.acme);
  await gateway.publish({ event: "cursor.moved", data: { x: 1 } }, { account: "acme" });
  const event = await v1.next("event");
  expect(event).toEqual({
    type: "event",
    channel: "account.acme",
    time: event.time,
    event: "cursor.moved",
    data: { x: 1 },
  });
  await until("plain has it", () => plain.plainEvents.length === 1);
  const late = await connectV1(socketUrl, {
    token: testKeys.acme,
    streams: [{ channel: "account.acme", position: positionIn(v1.hello, "account.acme") }],
  });
  expect(late.hello.streams).toMatchObject([{ verdict: "recovered", count: 0 }]);
});

it("R-21 the id in connected, at the connection and in the log lines is the same", async () => {
  const lines: unknown[] = [];
  const log = (_: string, fields?: object): void => void lines.push(fields);
  const { gateway, socketUrl } = await startGateway({ logger: { debug: log, info: log, warn: log, error: log } });
  const client = await connectV1(socketUrl, { token: testKeys.acme });
  const [connection] = gateway.connections();
  expect(client.hello.connection).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(connection).toMatchObject({
    id: client.hello.connection,
    dialect: "v1",
    remoteAddress: "127.0.0.1",
    channels: ["account.acme"],
  });
  expect(connection?.principal).toMatchObject({ kind: "secret", account: "acme" });
  expect(lines).toContainEqual(expect.objectContaining({ connection: client.hello.connection }));
});

it("R-20 every metric is named trunkline_", async () => {
  const { url, socketUrl } = await startGateway();
  await connectV1(socketUrl, { token: testKeys.acme });
  const text = await (await fetch(`${url}/metrics`)).text();
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name as string);
  expect(names.length).toBeGreaterThan(5);
  expect(names.filter((name) => !name.startsWith("trunkline_"))).toEqual([]);
  expect(text).toContain('trunkline_connections{dialect="v1"} 1');
});

it("gateway code subscribes a connection before connected, and later", async () => {
  const { gateway, socketUrl } = await startGateway();
  gateway.on("connection", async (connection) => {
    await Promise.resolve();
    connection.subscribe("room:1");
  });
  const client = await sayHello(socketUrl, { token: testKeys.acme });
  const { streams } = await client.next("connected");
  expect(streams.map(({ channel, verdict }) => [channel, verdict])).toEqual([
    ["account.acme", "fresh"],
    ["room:1", "fresh"],
  ]);
  const [connection] = gateway.connections();
  connection?.subscribe("room:2");
  connection?.subscribe("room:2");
  expect((await client.next("verdict")).streams).toMatchObject([{ channel: "room:2", verdict: "fresh" }]);
  connection?.unsubscribe("room:1");
  expect((await client.next("verdict")).streams).toEqual([{ channel: "room:1", verdict: "ended" }]);
  await gateway.publish({ event: "no", channel: "room:1" }, { account: "acme" });
  await gateway.publish({ event: "yes", channel: "room:2" }, { account: "acme" });
  expect((await client.next("event")).event).toBe("yes");
  expect(() => connection?.subscribe("a*")).toThrow(/channel: expected no "\*"/);
  connection?.close(4403, "enough");
  expect(await client.end()).toEqual({ code: 4403, reason: "enough" });
});

it("a header is judged before the upgrade, and hello needs no token then", async () => {
  const { socketUrl } = await startGateway();
  const client = await sayHello(socketUrl, { headers: { Authorization: `Bearer ${testKeys.acme}` } });
  expect((await client.next("connected")).streams).toMatchObject([{ channel: "account.acme" }]);
  const plain = await openLink(socketUrl, { headers: { Authorization: `Bearer ${testKeys.acme}` } });
  await plain.next("connected");
  await expect(sayHello(socketUrl, { headers: { Authorization: "Bearer wrong" } })).rejects.toThrow("401");
});

it("A-29 unsubscribe without channels leaves everything, and the connection stays", async () => {
  const { gateway, socketUrl } = await startGateway({ authorize: () => true });
  const client = await connectV1(socketUrl, { token: testKeys.acme, streams: [{ channel: "room" }] });
  client.send({ type: "unsubscribe" });
  client.send({ type: "ping", id: 1 });
  await client.next("pong");
  await gateway.publish({ event: "own" }, { account: "acme" });
  await gateway.publish({ event: "asked", channel: "room" }, { account: "acme" });
  client.send({ type: "subscribe", streams: [{ channel: "room" }] });
  await client.next("verdict");
  await gateway.publish({ event: "again", channel: "room" }, { account: "acme" });
  await client.next("event");
  expect(client.events.map(({ event }) => event)).toEqual(["again"]);
});
