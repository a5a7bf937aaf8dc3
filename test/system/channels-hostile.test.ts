// What a hostile peer, or a careless app, can try on channels, presence and history, and what it gets.
import type { Registry } from "@trunkline/core/ports";
import { ManualClock } from "@trunkline/core/testing";
import { createGateway, memoryRegistry } from "@trunkline/gateway";
import { expect, it } from "vitest";
import { connectPlain, connectV1, sayHello } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";
import { Visitor, pageSecret, pageUrl } from "../support/visitor.ts";

const token = testKeys.acme;

/** JSON that engines can read, and can't write. */
function nested(depth: number): string {
  return "[".repeat(depth) + "]".repeat(depth);
}

it("§13.2 what a member says of itself that is nested too deep to be written is refused, and the link goes on", async () => {
  const { socketUrl } = await startGateway();
  const client = await connectV1(socketUrl, { token: testKeys.page });
  client.send(`{"type":"presence","ref":1,"enter":[{"channel":"news","data":${nested(20_000)}}]}`);
  expect((await client.next("presence")).refused).toEqual([
    { channel: "news", error: { code: "gateway.too-large", message: expect.stringContaining("4096 bytes") as string } },
  ]);
  client.send({ type: "presence", ref: 2, leave: ["news"] });
  expect(await client.next("presence")).toEqual({ type: "presence", ref: 2 });
});

it("§8.4 an event that is nested too deep is refused; all others can be read in every dialect, and as history", async () => {
  const { socketUrl, url } = await startGateway();
  const [v1, plain] = [await connectV1(socketUrl, { token }), await connectPlain(socketUrl, token)];
  const publish = async (depth: number): Promise<number> => {
    const body = `{"event":"deep","data":${nested(depth)}}`;
    const headers = { Authorization: `Bearer ${token}` };
    return (await fetch(`${url}/api/v1/publish`, { method: "POST", headers, body })).status;
  };
  let [least, most] = [0, 10_000];
  while (most - least > 1) {
    const depth = Math.floor((least + most) / 2);
    if ((await publish(depth)) === 202) least = depth;
    else most = depth;
  }
  expect(least).toBe(999);
  const count = v1.events.length;
  await until("all come", () => plain.plainEvents.length === v1.events.length && v1.events.length >= count);
  v1.send({ type: "history", ref: 1, channel: "account.acme" });
  const page = await v1.next("history");
  expect(page).toMatchObject({ events: { length: v1.events.length } });
});

const pages = { secret: pageSecret };

it("§15.5 a page that is subscribed only after its socket came is kept while that is there, and has joined", async () => {
  const clock = new ManualClock();
  const long = 2 ** 31 - 1;
  const { gateway, socketUrl } = await startGateway({ pages, clock, heartbeatMs: long, greetTimeoutMs: long });
  const told: string[] = [];
  gateway.on("join", (connection) => told.push(`join ${connection.page}`));
  gateway.on("leave", (connection) => told.push(`leave ${connection.page}`));
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  const client = await visitor.connect(socketUrl, page);
  expect(told).toEqual([]);
  await page.subscribe("a");
  await client.next("verdict");
  expect(told).toEqual([`join ${page.key}`]);
  clock.advance(61_000);
  await page.subscribe("b");
  await client.next("verdict");
  expect([...gateway.connections()].map(({ channels }) => channels)).toEqual([["a", "b"]]);
  client.ws.close();
  await until("it has left", () => told.length === 2);
  expect(told[1]).toBe(`leave ${page.key}`);
});

it("a registry that never answers holds up nobody: not its pages, not their sockets, not the gateway's close", async () => {
  const inner = memoryRegistry();
  const silent = new Proxy(inner, {
    get: (target, name: keyof Registry) =>
      typeof target[name] === "function" ? () => new Promise<never>(() => {}) : target[name],
  });
  const options = { pages: { ...pages, registry: silent }, anonymous: true, greetTimeoutMs: 200 };
  const gateway = createGateway(options);
  const { url } = await gateway.listen({ port: 0 });
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  await expect(page.subscribe("a")).rejects.toMatchObject({ code: "gateway.unavailable" });
  await expect(gateway.pushTo(page.key, "a", 1)).rejects.toMatchObject({ code: "gateway.unavailable" });
  const socketUrl = pageUrl(`${url.replace("http", "ws")}/api/ws/v1/events`, page.id);
  expect((await (await sayHello(socketUrl, { headers: visitor.headers })).end()).code).toBe(1013);
  void page.subscribe("b").catch(() => {});
  await gateway.close({ drainMs: 0 });
});

it("§15.4 a source that is told the name of a page's stream puts nobody on it", async () => {
  const { gateway, socketUrl } = await startGateway({
    pages: { ...pages, account: "acme" },
    subscriptions: ({ request }) => [request.params.get("room") ?? "lobby"],
  });
  const page = await new Visitor().load(gateway);
  await page.subscribe("a");
  await gateway.pushTo(page.key, "a", "for this page alone");
  const thief = await sayHello(`${socketUrl}?room=${encodeURIComponent(`~page/${page.key}`)}`, { token });
  expect((await thief.end()).code).toBe(4400);
  expect(thief.events).toEqual([]);
});

it("§13.3 who leaves a channel while it is found out whether it may watch it, may do so no longer than it may listen", async () => {
  const clock = new ManualClock();
  const asked: (() => void)[] = [];
  const { socketUrl } = await startGateway({
    clock,
    authorize: ({ token: permission }) => permission === "a while" && { expiresAt: clock.wallTime() + 5000 },
    authorizePresence: () => new Promise<boolean>((resolve) => asked.push(() => resolve(true))),
  });
  const client = await connectV1(socketUrl, { token: testKeys.page, streams: [{ channel: "room", token: "a while" }] });
  client.send({ type: "subscribe", streams: [{ channel: "~members/room" }] });
  await until("the app is asked", () => asked.length === 1);
  client.send({ type: "unsubscribe", channels: ["room"] });
  client.send({ type: "ping", id: 1 });
  await client.next("pong");
  asked[0]?.();
  expect((await client.next("verdict")).streams).toMatchObject([{ channel: "~members/room", verdict: "refused" }]);
});

it("what is no request of node:http, and no HTML, is refused with a word on what to do", async () => {
  const { gateway } = await startGateway({ pages });
  const request = new Request("http://localhost/") as never;
  await expect(gateway.page(request, new Response() as never)).rejects.toMatchObject({
    code: "usage.bad-argument",
    message: expect.stringContaining("gateway.pageFor") as string,
  });
  const page = await gateway.pageFor({ cookie: undefined });
  expect(() => page.html(Buffer.from("<body>") as never)).toThrow("as a string, got object");
});

it("§9.1 who is dropped for unread answers while history is read for it leaves the gateway free for others", async () => {
  const { gateway, socketUrl } = await startGateway({ authorize: () => true });
  const streams = Array.from({ length: 900 }, (_, index) => ({ channel: `c${index}`, rewind: 1000 }));
  for (const { channel } of streams)
    for (let index = 0; index < 20; index++)
      await gateway.publish({ event: "e", channel, data: "x".repeat(100) }, { account: "acme" });
  const client = await connectV1(socketUrl, { token });
  client.ws.pause();
  await until("it is dropped", () => {
    if (client.ws.readyState === client.ws.OPEN && client.ws.bufferedAmount === 0)
      client.send({ type: "subscribe", streams });
    return gateway.stats().connections === 0;
  });
  await connectV1(socketUrl, { token });
});
