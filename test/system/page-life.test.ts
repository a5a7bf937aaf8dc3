import { GatewayError } from "@trunkline/core/errors";
import type { Broker, BrokerListener, Registry, StreamName } from "@trunkline/core/ports";
import { ManualClock } from "@trunkline/core/testing";
import { type Gateway, memoryBroker, memoryRegistry } from "@trunkline/gateway";
import { expect, it } from "vitest";
import { sayHello } from "../support/frame-client.ts";
import { startGateway } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";
import { Visitor, pageSecret, pageUrl } from "../support/visitor.ts";

const pages = { secret: pageSecret };
const day = 86_400_000;
/** No pings, and nobody is late, however far a test turns its clock. */
const patient = { heartbeatMs: 2 ** 31 - 1, greetTimeoutMs: 2 ** 31 - 1 };
const channelsOf = (hello: { readonly streams: readonly { readonly channel: string }[] }): string[] =>
  hello.streams.map(({ channel }) => channel);

/** Joins and leaves of a gateway, by connection. */
function heard(gateway: Gateway): string[] {
  const told: string[] = [];
  gateway.on("join", ({ id }) => told.push(`join ${id}`));
  gateway.on("leave", ({ id }) => told.push(`leave ${id}`));
  return told;
}

/** A registry that can be away. */
function absentRegistry(): { readonly registry: Registry; away: boolean } {
  const inner = memoryRegistry();
  const state = { registry: inner, away: false };
  state.registry = new Proxy(inner, {
    get: (target, name: keyof Registry) => {
      const method = target[name] as unknown;
      if (typeof method !== "function" || name === "close") return method;
      return async (...args: unknown[]) => {
        if (state.away) throw new GatewayError("gateway.unavailable", "the registry is away");
        return Reflect.apply(method, target, args) as unknown;
      };
    },
  });
  return state;
}

it("P-32 a page whose socket never comes is forgotten after a minute", async () => {
  const clock = new ManualClock();
  const { gateway, socketUrl } = await startGateway({ pages, clock, ...patient });
  const visitor = new Visitor();
  const [early, late] = [await visitor.load(gateway), await visitor.load(gateway)];
  await Promise.all([early.subscribe("a"), late.subscribe("a")]);
  clock.advance(59_999);
  expect(channelsOf((await visitor.connect(socketUrl, early)).hello)).toEqual(["a"]);
  clock.advance(1);
  expect(channelsOf((await visitor.connect(socketUrl, late, { instance: "late" })).hello)).toEqual([]);
});

it("P-32 one whose socket is gone keeps its channels for a day, from then on", async () => {
  const clock = new ManualClock();
  const { gateway, socketUrl } = await startGateway({ pages, clock, ...patient });
  const told = heard(gateway);
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  await page.subscribe("a", "b");
  for (const goneMs of [0, day - 1, day]) {
    clock.advance(goneMs);
    const { hello, ws } = await visitor.connect(socketUrl, page);
    expect(channelsOf(hello)).toEqual(goneMs === day ? [] : ["a", "b"]);
    const count = told.length;
    ws.terminate();
    if (goneMs < day) await until("it has left", () => told.length > count);
  }
});

it("P-32 a page is known for as long as its socket is connected", async () => {
  const clock = new ManualClock();
  const timeouts = { initialMs: 1000, disconnectMs: 8000 };
  const { gateway, socketUrl } = await startGateway({ pages: { ...pages, timeouts }, clock, ...patient });
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  await page.subscribe("a");
  const client = await visitor.connect(socketUrl, page);
  for (let turn = 0; turn < 10; turn++) clock.advance(2000);
  await gateway.pushTo(page.key, "a", 1);
  expect(await client.next("event")).toMatchObject({ for: "a" });
  await page.unsubscribe("a");
  expect((await client.next("verdict")).streams).toMatchObject([{ channel: "a", verdict: "ended" }]);
});

it.each([["the same gateway"], ["another gateway"]])(
  "P-33 of two sockets of a page on %s the newer one wins: when the older one drops nobody leaves, and pushes arrive",
  async (where) => {
    const shared = { broker: memoryBroker(), pages: { ...pages, registry: memoryRegistry() } };
    const one = await startGateway(shared);
    const two = where === "the same gateway" ? one : await startGateway(shared);
    const told = [heard(one.gateway), two === one ? [] : heard(two.gateway)];
    const visitor = new Visitor();
    const page = await visitor.load(one.gateway);
    await page.subscribe("a");
    const older = await visitor.connect(one.socketUrl, page, { instance: "older" });
    const newer = await visitor.connect(two.socketUrl, page, { instance: "newer" });
    older.ws.terminate();
    await until("it is gone", () => one.gateway.stats().connections === (two === one ? 1 : 0));
    await one.gateway.pushTo(page.key, "a", 1);
    expect(await newer.next("event")).toMatchObject({ for: "a", data: 1 });
    newer.ws.terminate();
    await until("the page has left", () => told.flat().length === 3);
    await one.gateway.close({ drainMs: 0 });
    await two.gateway.close({ drainMs: 0 });
    expect(told.flat().sort()).toEqual(
      [`join ${older.hello.connection}`, `join ${newer.hello.connection}`, `leave ${newer.hello.connection}`].sort(),
    );
  },
);

it("a socket that comes while the registry is away is told to come back, and has lost nothing then", async () => {
  const state = absentRegistry();
  const { gateway, socketUrl, url } = await startGateway({ pages: { ...pages, registry: state.registry } });
  gateway.on("error", () => {});
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  await page.subscribe("a");
  await gateway.publish({ event: "x", channel: "a" });
  state.away = true;
  const turned = await sayHello(pageUrl(socketUrl, page.id), { headers: visitor.headers });
  expect((await turned.end()).code).toBe(1013);
  expect(turned.all("error")).toEqual([]);
  const stream = await fetch(pageUrl(`${url}/api/v1/events`, page.id), { headers: visitor.headers });
  expect(stream.status).toBe(503);
  await expect(page.subscribe("b")).rejects.toMatchObject({ code: "gateway.unavailable" });
  await expect(page.unsubscribe("a")).rejects.toMatchObject({ code: "gateway.unavailable" });
  await expect(gateway.pushTo(page.key, "a", 1)).rejects.toMatchObject({ code: "gateway.unavailable" });
  state.away = false;
  const client = await visitor.connect(socketUrl, page);
  expect(client.hello.streams).toMatchObject([{ channel: "a", verdict: "recovered", count: 1 }]);
});

it("one that goes while the registry is away leaves when it is back; a gateway that closes meanwhile does not wait", async () => {
  const clock = new ManualClock();
  const state = absentRegistry();
  const { gateway, socketUrl } = await startGateway({
    pages: { ...pages, registry: state.registry },
    clock,
    ...patient,
  });
  const errors: unknown[] = [];
  gateway.on("error", (error) => errors.push(error));
  const told = heard(gateway);
  const visitor = new Visitor();
  const [page, other] = [await visitor.load(gateway), await visitor.load(gateway)];
  await Promise.all([page.subscribe("a"), other.subscribe("a")]);
  const client = await visitor.connect(socketUrl, page);
  const stays = await visitor.connect(socketUrl, other, { instance: "other" });
  state.away = true;
  client.ws.terminate();
  await until("its going could not be told", () => errors.length === 1);
  clock.advance(1000);
  await until("nor again", () => errors.length === 2);
  state.away = false;
  expect(told).toHaveLength(2);
  clock.advance(1000);
  await until("it has left", () => told.length === 3);
  state.away = true;
  const closing = gateway.close({ drainMs: 0 });
  await stays.end();
  clock.advance(1000);
  await closing;
  expect(told.slice(2)).toEqual([`leave ${client.hello.connection}`, `leave ${stays.hello.connection}`]);
});

it("a change that another gateway did not hear of is made good when its broker is in doubt", async () => {
  const inner = memoryBroker();
  let deaf = false;
  const listeners: BrokerListener[] = [];
  const deafBroker: Broker = {
    name: "deaf",
    append: (stream, append) => inner.append(stream, append),
    broadcast: (stream, body) => inner.broadcast(stream, body),
    read: (stream, from, limit) => inner.read(stream, from, limit),
    heads: (streams) => inner.heads(streams),
    close: () => inner.close(),
    open: (listener) => {
      listeners.push(listener);
      return inner.open({
        onEntry: (stream, entry) => listener.onEntry(stream, entry),
        onDoubt: (stream) => listener.onDoubt(stream),
        onAvailable: (available) => listener.onAvailable(available),
        onVolatile: (stream, body, time) => (deaf ? undefined : listener.onVolatile(stream, body, time)),
      });
    },
  };
  const registry = memoryRegistry();
  const one = await startGateway({ broker: inner, pages: { ...pages, registry } });
  const two = await startGateway({ broker: deafBroker, pages: { ...pages, registry } });
  const visitor = new Visitor();
  const page = await visitor.load(one.gateway);
  await page.subscribe("a");
  const client = await visitor.connect(two.socketUrl, page);
  deaf = true;
  await page.subscribe("b");
  await one.gateway.publish({ event: "x", channel: "b" });
  client.send({ type: "ping", id: 1 });
  await client.next("pong");
  expect(client.all("verdict")).toEqual([]);
  for (const listener of listeners) listener.onDoubt("~gateway/pages" as StreamName);
  // What was published meanwhile comes too.
  expect((await client.next("verdict")).streams).toMatchObject([{ channel: "b", verdict: "recovered", count: 1 }]);
  expect(await client.next("event")).toMatchObject({ event: "x" });
});

it("what nobody can read on the line of pages is an error of the gateway, and ends nothing", async () => {
  const broker = memoryBroker();
  const { gateway, socketUrl } = await startGateway({ broker, pages: { ...pages, registry: memoryRegistry() } });
  const errors: unknown[] = [];
  gateway.on("error", (error) => errors.push(error));
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  await page.subscribe("a");
  const client = await visitor.connect(socketUrl, page);
  for (const body of ["x", "null", "{}", '{"key":1}']) await broker.broadcast("~gateway/pages" as StreamName, body);
  await page.subscribe("b");
  expect((await client.next("verdict")).streams).toMatchObject([{ channel: "b" }]);
  expect(errors).toHaveLength(2);
});
