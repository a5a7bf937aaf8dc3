// Traces and metrics over real processes, sockets and brokers.
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { GatewayError } from "@trunkline/core/errors";
import type { Broker, StreamName } from "@trunkline/core/ports";
import { memoryBroker } from "@trunkline/gateway";
import { instrumentBroker, instrumentClient, instrumentGateway, instrumentPublisher } from "@trunkline/opentelemetry";
import { createPublisher } from "@trunkline/publisher";
import { createClient } from "trunkline";
import { expect, it, onTestFinished } from "vitest";
import { Heard } from "../support/broker-listener.ts";
import { command, type Running } from "../support/command.ts";
import { connectV1 } from "../support/frame-client.ts";
import { startRedisServer } from "../support/redis-server.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { withActiveSpans } from "../support/spans.ts";
import { recordTelemetry } from "../support/telemetry.ts";
import { until } from "../support/until.ts";
import { Visitor, pageSecret } from "../support/visitor.ts";

withActiveSpans();

interface ShownSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId?: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A process of test/support/traced-process.ts, once it is ready. */
async function start(role: "gateway" | "publisher" | "listener", url: string) {
  const running: Running = command("test/support/traced-process.ts", [role, url]);
  onTestFinished(async () => {
    running.kill("SIGKILL");
    await running.exited;
  });
  const [, ready = "null"] = await running.until(/^\{"ready":(.+)\}$/m);
  const spans = (): ShownSpan[] =>
    running.stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as ShownSpan)
      .filter(({ traceId }) => traceId !== undefined);
  return { ready: JSON.parse(ready) as string, running, spans };
}

it("R-20 R-21 one trace runs publisher → gateway → broker → other gateway → client listener, over four processes", async () => {
  const redis = await startRedisServer();
  onTestFinished(() => redis.close());
  const [one, two] = await Promise.all([start("gateway", redis.url), start("gateway", redis.url)]);
  const listener = await start("listener", two.ready);
  const publisher = await start("publisher", one.ready);
  await until("the listener has done its work", () => listener.spans().length === 2);
  const has = (spans: readonly ShownSpan[], name: string): boolean => spans.some((span) => span.name === name);
  await until("the first gateway has told", () => has(one.spans(), "append post.created"));
  await until("the second gateway has told", () => has(two.spans(), "deliver post.created"));

  const [publish, request] = publisher.spans();
  const append = one.spans().find(({ name }) => name.startsWith("append"));
  const deliver = two.spans().find(({ name }) => name.startsWith("deliver"));
  const [render, process] = listener.spans();
  const chain = [request, publish, append, deliver, process, render];
  expect(chain.map((span) => span?.name)).toEqual([
    "request",
    "publish post.created",
    "append post.created",
    "deliver post.created",
    "process post.created",
    "render",
  ]);
  expect(new Set(chain.map((span) => span?.traceId)).size).toBe(1);
  expect(request?.parentId).toBeUndefined();
  expect(publish?.parentId).toBe(request?.spanId);
  // What gateways do with an event and what listeners do are children of its publishing.
  for (const span of [append, deliver, process]) expect(span?.parentId).toBe(publish?.spanId);
  expect(render?.parentId).toBe(process?.spanId);

  // the listener's id of its connection is that of the gateway's spans.
  expect(process?.attributes["trunkline.connection.id"]).toBe(listener.ready);
  const arrivals = two.spans().filter(({ name }) => name === "trunkline.connect");
  expect(arrivals.map(({ attributes }) => attributes["trunkline.connection.id"])).toEqual([listener.ready]);
  // R-20, and no key anywhere.
  const all = [one, two, listener, publisher].flatMap(({ spans }) => spans());
  for (const { attributes } of all.filter(({ name }) => name !== "request" && name !== "render")) {
    expect(attributes["messaging.system"]).toBe("trunkline");
    const names = Object.keys(attributes).filter((name) => !/^(messaging|trunkline)\.|^error\.type$/.test(name));
    expect(names).toEqual([]);
  }
  expect(JSON.stringify(all)).not.toContain("sk_traced");
});

it("R-21 the connection's id is the same in connected, in the gateway's log and in spans; coming and going are linked", async () => {
  const telemetry = recordTelemetry();
  const logged: unknown[] = [];
  const log = (_: string, fields?: object): void => void logged.push(fields);
  const { gateway, socketUrl } = await startGateway({ logger: { debug: log, info: log, warn: log, error: log } });
  instrumentGateway(gateway, telemetry);
  const client = await connectV1(socketUrl, { token: testKeys.acme });
  const { connection } = client.hello;
  client.ws.close();
  await until("it is gone", () => telemetry.spans("trunkline.disconnect").length === 1);
  const [connect, disconnect] = telemetry.spans();
  expect(connect).toMatchObject({ name: "trunkline.connect", kind: SpanKind.SERVER });
  expect(connect?.attributes).toEqual({
    "messaging.system": "trunkline",
    "trunkline.connection.id": connection,
    "trunkline.dialect": "v1",
    "trunkline.account": "acme",
    "trunkline.principal": "secret",
  });
  expect(disconnect?.attributes).toMatchObject({ "trunkline.connection.id": connection, "trunkline.close.code": 1005 });
  expect(disconnect?.links.map(({ context }) => context)).toEqual([connect?.spanContext()]);
  expect(logged).toContainEqual(expect.objectContaining({ connection }));
});

it("R-20 a gateway's figures are metrics named trunkline.gateway.*, true to the end", async () => {
  const telemetry = recordTelemetry();
  const started = await startGateway();
  const gateway = instrumentGateway(started.gateway, telemetry);
  expect(instrumentGateway(gateway, telemetry)).toBe(gateway);
  const client = await connectV1(started.socketUrl, { token: testKeys.acme });
  await gateway.publish({ event: "paid", data: 1 }, { account: "acme" });
  await until("it came", () => client.events.length === 1);
  expect(await telemetry.metric("trunkline.gateway.connections")).toEqual([1]);
  expect(await telemetry.metric("trunkline.gateway.events.published")).toEqual([1]);
  expect(await telemetry.metric("trunkline.gateway.messages.delivered")).toEqual([1]);
  expect(await telemetry.metric("trunkline.gateway.draining")).toEqual([0]);
  const names = await telemetry.metrics();
  expect(names).toHaveLength(Object.keys(gateway.stats()).length);
  expect(names.filter((name) => !name.startsWith("trunkline.gateway."))).toEqual([]);
  expect(telemetry.spans("publish paid")[0]?.attributes).toMatchObject({
    "messaging.destination.name": "account.acme",
    "trunkline.offset": 1,
  });
  await gateway.close({ drainMs: 0 });
  expect(await telemetry.metric("trunkline.gateway.connections")).toEqual([0]);
});

it("a publish inside a gateway is one trace up to a listener, and meta keeps what it held", async () => {
  const telemetry = recordTelemetry();
  const inner = memoryBroker();
  onTestFinished(() => inner.close());
  const { gateway, url } = await startGateway({ broker: instrumentBroker(inner, telemetry) });
  const client = instrumentClient(createClient({ url, apiKey: testKeys.acme }), telemetry);
  onTestFinished(() => client.close());
  const metas: unknown[] = [];
  client.on("paid", (_, { meta }) => metas.push(meta));
  await client.ready();
  const request = { event: "paid", data: 1, meta: { tenant: 7 } };
  await instrumentPublisher(gateway, telemetry).publish(request, { account: "acme" });
  await until("it came", () => telemetry.spans("process paid").length === 1);
  const [publish] = telemetry.spans("publish paid");
  const { traceId, spanId } = publish?.spanContext() ?? {};
  expect(metas).toEqual([{ tenant: 7, traceparent: `00-${traceId}-${spanId}-01` }]);
  const parents = ["append paid", "deliver paid", "process paid"].flatMap((name) =>
    telemetry.spans(name).map(({ parentSpanContext }) => parentSpanContext?.spanId),
  );
  expect(parents).toEqual([spanId, spanId, spanId]);
});

it("every verb of a publisher is traced, of a gateway's own too, and keeps its registry", async () => {
  const telemetry = recordTelemetry();
  const inner = memoryBroker();
  onTestFinished(() => inner.close());
  const started = await startGateway({ broker: inner });
  const apart = createPublisher({ broker: inner, account: "acme" });
  onTestFinished(() => apart.close());
  const reader = await connectV1(started.socketUrl, { token: testKeys.acme });
  const traced = instrumentPublisher(apart, telemetry);
  expect(traced.events).toBe(apart.events);
  const own = instrumentGateway(started.gateway, telemetry).publisher("acme");
  for (const publisher of [traced, own]) {
    const [earlier, came] = [telemetry.spans().length, reader.events.length];
    const channel = "account.acme";
    await publisher.publish({ event: "paid", data: 1 });
    await publisher.pub("one", { channel });
    await publisher.push("all", channel);
    await publisher.resource("Post", { scope: { account: () => "acme" } }).created({ id: 1 });
    expect(publisher.events.names()).toEqual(["post.created", "post.updated", "post.destroyed"]);
    const spans = telemetry.spans().slice(earlier);
    const names = ["publish paid", "publish message", "publish message", "publish post.created"];
    expect(spans.map(({ name }) => name)).toEqual(names);
    await until("all came", () => reader.events.length === came + names.length);
    const contexts = spans.map((span) => span.spanContext());
    expect(reader.events.slice(came).map(({ meta }) => meta)).toEqual(
      contexts.map(({ traceId, spanId }) => ({ traceparent: `00-${traceId}-${spanId}-01` })),
    );
  }
});

it("a broadcast that has a trace is delivered in it; what gateways tell each other has no spans", async () => {
  const telemetry = recordTelemetry();
  const inner = memoryBroker();
  onTestFinished(() => inner.close());
  const broker = instrumentBroker(inner, telemetry);
  const heard = new Heard();
  const session = broker.open(heard);
  onTestFinished(() => session.close());
  const [stream, between] = ["acme/posts", "~gateway/fence"] as StreamName[] as [StreamName, StreamName];
  await Promise.all([session.subscribe(stream), session.subscribe(between)]);
  const [traceId, spanId] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
  const body = JSON.stringify({ event: "typing", data: null, meta: { traceparent: `00-${traceId}-${spanId}-01` } });
  await broker.broadcast(stream, body);
  await broker.broadcast(between, body);
  await until("both came", () => heard.volatile.length === 2);
  expect(telemetry.spans().map(({ name, parentSpanContext }) => [name, parentSpanContext?.spanId])).toEqual([
    [expect.stringMatching(/^(deliver|broadcast) typing$/), spanId],
    [expect.stringMatching(/^(deliver|broadcast) typing$/), spanId],
  ]);
  expect(telemetry.spans("deliver typing")[0]).toMatchObject({
    kind: SpanKind.CONSUMER,
    attributes: { "messaging.destination.name": "posts", "trunkline.event": "typing", "trunkline.account": "acme" },
  });
});

it("a broker's reads, heads and failures have spans; events without a trace are delivered without", async () => {
  const telemetry = recordTelemetry();
  const inner = memoryBroker();
  onTestFinished(() => inner.close());
  const failure = new GatewayError("gateway.unavailable", "no answer from redis://:hunter2@host:6379");
  const flaky: Broker = {
    name: "flaky",
    open: (listener) => inner.open(listener),
    append: (stream, append) => inner.append(stream, append),
    broadcast: () => Promise.reject(failure),
    read: (stream, from, limit) => inner.read(stream, from, limit),
    heads: (streams) => inner.heads(streams),
    close: () => inner.close(),
  };
  const broker = instrumentBroker(flaky, telemetry);
  expect(instrumentBroker(broker, telemetry)).toBe(broker);
  const heard = new Heard();
  const session = broker.open(heard);
  onTestFinished(() => session.close());
  const stream = "acme/posts" as StreamName;
  await session.subscribe(stream);
  await broker.append(stream, { body: '{"event":"paid","data":"\\"traceparent\\""}' });
  await until("it was delivered", () => heard.entries.length === 1);
  await broker.read(stream, { offset: 0 }, 10);
  await broker.heads([stream]);
  await expect(broker.broadcast(stream, '{"event":"typing"}')).rejects.toBe(failure);
  expect(telemetry.spans().map(({ name, kind }) => [name, kind])).toEqual([
    ["append paid", SpanKind.PRODUCER],
    ["trunkline.broker.read", SpanKind.CLIENT],
    ["trunkline.broker.heads", SpanKind.CLIENT],
    ["broadcast typing", SpanKind.PRODUCER],
  ]);
  const [append, , , broadcast] = telemetry.spans();
  expect(append?.attributes).toEqual({
    "messaging.system": "trunkline",
    "messaging.destination.name": "posts",
    "messaging.operation.name": "append",
    "messaging.operation.type": "send",
    "trunkline.account": "acme",
    "trunkline.append.outcome": "appended",
    "trunkline.broker": "flaky",
    "trunkline.event": "paid",
    "trunkline.offset": 1,
  });
  expect(broadcast).toMatchObject({
    status: { code: SpanStatusCode.ERROR, message: "no answer from redis://host:6379" },
    attributes: { "error.type": "gateway.unavailable" },
  });
});

it("§8.2 a publish that is repeated with its id gets its receipt, though each attempt has a span of its own", async () => {
  const telemetry = recordTelemetry();
  const { gateway } = await startGateway();
  const publisher = instrumentPublisher(gateway, telemetry);
  const attempt = () => publisher.publish({ event: "paid", data: 1, id: "invoice-7" }, { account: "acme" });
  expect(await attempt()).toEqual(await attempt());
  expect(telemetry.spans("publish paid")).toHaveLength(2);
});

it("no span holds the key of a page, neither of what is pushed to it nor of what reads it", async () => {
  const telemetry = recordTelemetry();
  const inner = memoryBroker();
  onTestFinished(() => inner.close());
  const broker = instrumentBroker(inner, telemetry);
  const { gateway, socketUrl } = await startGateway({ broker, pages: { secret: pageSecret } });
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  await page.subscribe("news");
  await gateway.pushTo(page.key, "news", 1);
  const client = await visitor.connect(socketUrl, page);
  await client.next("event");
  await gateway.publish({ event: "e", channel: "news" });
  await client.next("event");
  expect(telemetry.spans().map(({ attributes }) => attributes["messaging.destination.name"])).toEqual(
    expect.arrayContaining(["~page", "news"]),
  );
  const told = JSON.stringify(telemetry.spans().map(({ name, attributes, events }) => [name, attributes, events]));
  expect(told).not.toContain(page.key);
});
