import { createChannels } from "@trunkline/channels";
import type { Transport } from "@trunkline/core/ports";
import type { GatewayOptions } from "@trunkline/gateway";
import { instrumentClient } from "@trunkline/opentelemetry";
import { webSocketTransport } from "@trunkline/transport-node";
import { type Client, createClient } from "trunkline";
import { eventStreamTransport } from "trunkline/event-stream";
import { expect, it, onTestFinished } from "vitest";
import { startChaosProxy } from "../support/chaos-proxy.ts";
import { oldBroker } from "../support/old-broker.ts";
import { recordTelemetry } from "../support/telemetry.ts";
import { type StartedGateway, startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

// Channels over real sockets, with a real gateway.

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

function start(options: GatewayOptions = {}): Promise<StartedGateway> {
  return startGateway({ authorize: ({ channel }) => !channel.startsWith("private"), ...options });
}

/** A transport that notes the types of what is sent, by link. */
function noting(): { readonly transport: Transport; readonly sent: string[][] } {
  const inner = webSocketTransport();
  const sent: string[][] = [];
  return {
    sent,
    transport: {
      ...inner,
      open: (request, listener) => {
        const link = inner.open(request, listener);
        const types: string[] = [];
        sent.push(types);
        const send = (data: string | Uint8Array): void => {
          types.push((JSON.parse(String(data)) as { readonly type: string }).type);
          link.send(data);
        };
        return new Proxy(link, {
          get: (target, name) => {
            if (name === "send") return send;
            const value: unknown = Reflect.get(target, name);
            return typeof value === "function" ? (value.bind(target) as unknown) : value;
          },
        });
      },
    },
  };
}

/** A client of account acme that comes back at once, and channels over it. */
function join(url: string, options: Partial<Parameters<typeof createClient>[0]> = {}) {
  const client: Client = createClient({ url, apiKey: testKeys.acme, backoff: () => 1, ...options });
  const channels = createChannels(client);
  onTestFinished(async () => {
    channels.close();
    await client.close();
  });
  const errors: string[] = [];
  client.on("error", ({ code, message }) => errors.push(`${code} ${message}`));
  return { client, channels, errors };
}

function say({ gateway }: StartedGateway, channel: string, data: unknown): Promise<unknown> {
  return gateway.publish({ event: "message", data, channel }, { account: "acme" });
}

it.each([
  ["WebSocket", {}],
  ["event streams", { transport: eventStreamTransport() }],
])("two clients chat over %s: live events, what was said before, and older pages", async (_, options) => {
  const started = await start();
  for (const n of numbers(1, 250)) await say(started, "chat", n);
  const [ann, bob] = [join(started.url, options), join(started.url, options)];
  const [here, there] = [ann.channels.open("chat", { rewind: 50 }), bob.channels.open("chat")];
  const heard: unknown[][] = [[], []];
  here.on("message", (data) => heard[0]?.push(data));
  there.on("message", (data) => heard[1]?.push(data));
  await Promise.all([here.ready(), there.ready()]);
  await here.publish("message", 251);
  await there.publish("message", 252);
  await until("both heard both", () => heard[0]?.length === 52 && heard[1]?.length === 2);
  expect(heard).toEqual([numbers(201, 252), [251, 252]]);
  const pages: unknown[] = [];
  let before: number | undefined = 201;
  do {
    const { events, more } = await here.history({ limit: 90, before });
    pages.unshift(...events.map(({ data }) => data));
    before = more ? events[0]?.offset : undefined;
  } while (before !== undefined);
  expect(pages).toEqual(numbers(1, 200));
  expect([ann.errors, bob.errors]).toEqual([[], []]);
});

it("an instrumented client has channels as any other, and the span of an event around their listeners", async () => {
  const started = await start();
  const telemetry = recordTelemetry();
  const { client, channels } = join(started.url);
  const instrumented = createChannels(instrumentClient(client, telemetry));
  onTestFinished(() => instrumented.close());
  const [traced, bare] = [instrumented.open("chat"), channels.open("chat")];
  const heard: unknown[] = [];
  for (const handle of [traced, bare]) handle.on("message", (data) => heard.push(data));
  await Promise.all([traced.ready(), bare.ready()]);
  await traced.publish("message", 1);
  await until("both heard it", () => heard.length === 2);
  expect(telemetry.spans("process message")).toHaveLength(1);
  expect((await traced.history()).events).toHaveLength(1);
});

it("a channel that is not allowed is refused, and the others are not", async () => {
  const started = await start();
  const { channels, errors } = join(started.url);
  const [no, yes] = [channels.open("private"), channels.open("open")];
  await yes.ready();
  await expect(no.ready()).rejects.toMatchObject({ code: "gateway.forbidden" });
  await expect(no.history()).rejects.toMatchObject({ code: "gateway.forbidden" });
  expect([no.status, yes.status]).toEqual(["refused", "live"]);
  expect(errors).toEqual(["gateway.forbidden private: this connection may not listen to this channel"]);
});

it("500 channels are asked for in one frame, resume in one, and miss nothing meanwhile", async () => {
  const started = await start();
  const { transport, sent } = noting();
  const { client, channels } = join(started.url, { transport });
  const handles = numbers(1, 500).map((n) => channels.open(`room-${n}`));
  const heard = new Map<string, unknown[]>();
  for (const handle of handles)
    handle.on("message", (data) => heard.get(handle.name)?.push(data) ?? heard.set(handle.name, [data]));
  await Promise.all(handles.map((handle) => handle.ready()));
  expect(sent).toHaveLength(1);
  expect(sent[0]?.filter((type) => type !== "pong")).toEqual(["hello"]);
  const statuses: string[] = [];
  client.on("status", (status) => statuses.push(status));
  for (const connection of started.gateway.connections()) connection.close(1012);
  for (const n of [1, 250, 500]) await say(started, `room-${n}`, n);
  await until("it was away, and is back", () => statuses.join() === "reconnecting,connected");
  await Promise.all(handles.map((handle) => handle.ready()));
  for (const n of [1, 250, 500]) await say(started, `room-${n}`, -n);
  await until("all came", () => [1, 250, 500].every((n) => heard.get(`room-${n}`)?.length === 2));
  expect([...heard]).toEqual([1, 250, 500].map((n) => [`room-${n}`, [n, -n]]));
  expect(sent.map((types) => types.filter((type) => type !== "pong"))).toEqual([["hello"], ["hello"]]);
  // Those that are opened later, too.
  await Promise.all(numbers(501, 900).map((n) => channels.open(`room-${n}`).ready()));
  expect(sent[1]?.filter((type) => type === "subscribe")).toHaveLength(1);
});

it("components that come and go with the same channels cause no frame", async () => {
  const started = await start();
  const { transport, sent } = noting();
  const { channels } = join(started.url, { transport });
  const open = () => numbers(1, 20).map((n) => channels.open(`room-${n}`));
  let handles = open();
  await Promise.all(handles.map((handle) => handle.ready()));
  const before = sent[0]?.length;
  for (const _ of numbers(1, 200)) {
    for (const handle of handles) handle.close();
    await new Promise((resolve) => setImmediate(resolve));
    handles = open();
    await Promise.all(handles.map((handle) => handle.ready()));
  }
  expect(sent[0]?.length).toBe(before);
});

it("churn of a thousand opens and closes a second costs no event of another channel, nor the link", async () => {
  const started = await start();
  const { transport, sent } = noting();
  const { client, channels, errors } = join(started.url, { transport });
  const heard: unknown[] = [];
  const beganAt = performance.now();
  const news = channels.open("news");
  news.on("message", (data) => heard.push(data));
  await news.ready();
  const statuses: string[] = [];
  client.on("status", (status) => statuses.push(status));
  for (const round of numbers(1, 100)) {
    for (const n of numbers(1, 20)) {
      const handle = channels.open(n % 2 ? "same" : `room-${round}-${n}`);
      void handle.ready().catch(() => {});
      handle.close();
    }
    await say(started, "news", round);
    await until("it came", () => heard.length === round);
  }
  expect(heard).toEqual(numbers(1, 100));
  const last = channels.open("last");
  await last.ready();
  expect([statuses, errors]).toEqual([[], []]);
  const turns = (performance.now() - beganAt) / 50 + 2;
  for (const kind of ["subscribe", "unsubscribe"])
    expect(sent[0]?.filter((type) => type === kind).length).toBeLessThanOrEqual(turns);
});

it("resets lose nothing, and are no gap", async () => {
  const started = await start({ broker: oldBroker() });
  const proxy = await startChaosProxy(started.url);
  onTestFinished(() => proxy.close());
  const { channels } = join(proxy.url);
  const handle = channels.open("chat");
  const heard: unknown[] = [];
  const gaps: unknown[] = [];
  handle.on("message", (data) => heard.push(data));
  handle.on("gap", (gap) => gaps.push(gap));
  await handle.ready();
  for (const n of numbers(1, 10)) {
    await handle.publish("message", n);
    proxy.reset();
  }
  await until("all came", () => heard.length === 10);
  expect([heard, gaps]).toEqual([numbers(1, 10), []]);
});

it("what was forgotten while the link was away is told to its channel alone", async () => {
  const started = await start({ history: { count: 20 } });
  const proxy = await startChaosProxy(started.url);
  onTestFinished(() => proxy.close());
  const { client, channels } = join(proxy.url);
  const [quiet, busy] = [channels.open("quiet"), channels.open("busy")];
  const gaps: unknown[] = [];
  for (const handle of [quiet, busy])
    handle.on("gap", ({ channel, from, to, reason }) => gaps.push([handle.name, channel, from, to, reason]));
  await Promise.all([quiet.ready(), busy.ready()]);
  proxy.cut();
  await until("it is away", () => client.status !== "connected");
  expect([quiet.status, busy.status]).toEqual(["pending", "pending"]);
  for (const n of numbers(1, 50)) await say(started, "busy", n);
  proxy.heal();
  await Promise.all([quiet.ready(), busy.ready()]);
  expect(gaps).toEqual([["busy", "busy", 1, expect.any(Number), "retention"]]);
});
