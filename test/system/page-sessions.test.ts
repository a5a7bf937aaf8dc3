import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { UsageError } from "@trunkline/core/errors";
import { ManualClock } from "@trunkline/core/testing";
import { type Connection, createGateway, memoryBroker, memoryRegistry } from "@trunkline/gateway";
import { expect, it, onTestFinished } from "vitest";
import { connectV1, openLink } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";
import { Visitor, pageSecret, pageUrl } from "../support/visitor.ts";

const pages = { secret: pageSecret };

/** A page that is subscribed to `channels`, before its socket. */
async function loaded(...channels: string[]) {
  const started = await startGateway({ pages });
  const visitor = new Visitor();
  const page = await visitor.load(started.gateway);
  if (channels.length > 0) await page.subscribe(...channels);
  return { ...started, visitor, page };
}

it("P-03 a route subscribes its page, by names and lists of names; to nothing is a mistake", async () => {
  const { page, visitor, socketUrl } = await loaded();
  await expect(page.subscribe()).rejects.toThrow(UsageError);
  await expect(page.subscribe([])).rejects.toMatchObject({ code: "usage.bad-argument" });
  await expect(page.subscribe("~page/x")).rejects.toMatchObject({ code: "usage.bad-argument" });
  await page.subscribe("a", ["b", "c"], ["a"]);
  const client = await visitor.connect(socketUrl, page);
  expect(client.hello.streams.map(({ channel }) => channel)).toEqual(["a", "b", "c"]);
  // Server-side only.
  client.send({ type: "subscribe", streams: [{ channel: "d" }] });
  expect((await client.next("verdict")).streams).toMatchObject([{ channel: "d", verdict: "refused" }]);
});

it("P-04 unsubscribing acts at once, while the socket is connected", async () => {
  const { gateway, page, visitor, socketUrl } = await loaded("a", "b");
  const client = await visitor.connect(socketUrl, page);
  await page.unsubscribe(["a"]);
  expect((await client.next("verdict")).streams).toEqual([{ channel: "a", verdict: "ended" }]);
  await gateway.publish({ event: "x", channel: "a" });
  await gateway.publish({ event: "y", channel: "b" });
  await client.next("event");
  expect(client.events).toMatchObject([{ channel: "b", event: "y" }]);
});

it("P-05 what is pushed between the page and its socket is there when the socket comes, and what comes then", async () => {
  const { gateway, page, visitor, socketUrl } = await loaded("a");
  await gateway.publish({ event: "before", channel: "a", data: 1 });
  const client = await visitor.connect(socketUrl, page);
  expect(client.hello.streams).toMatchObject([{ channel: "a", verdict: "recovered", count: 1 }]);
  await gateway.publish({ event: "after", channel: "a", data: 2 });
  await until("both come", () => client.events.length === 2);
  expect(client.events).toMatchObject([
    { event: "before", data: 1 },
    { event: "after", data: 2 },
  ]);
});

it("P-05 what is not kept that long is told as a gap", async () => {
  const { gateway, socketUrl } = await startGateway({ pages, history: { count: 2 } });
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  await page.subscribe("a");
  for (let number = 1; number <= 5; number++) await gateway.publish({ event: "x", channel: "a", data: number });
  const client = await visitor.connect(socketUrl, page);
  expect(client.hello.streams).toMatchObject([{ channel: "a", verdict: "gap", reason: "retention", from: 1, to: 5 }]);
});

it("P-05 a client that comes back goes on from where it was, not from where its page was", async () => {
  const { gateway, page, visitor, socketUrl } = await loaded("a");
  await gateway.publish({ event: "one", channel: "a" });
  const first = await visitor.connect(socketUrl, page);
  const { offset, tag } = await first.next("event");
  const [verdict] = first.hello.streams;
  first.ws.terminate();
  await gateway.publish({ event: "two", channel: "a" });
  const epoch = verdict !== undefined && "position" in verdict ? verdict.position.epoch : "";
  const position = { epoch, offset: offset as number, tag: tag as string };
  const second = await visitor.connect(socketUrl, page, { streams: [{ channel: "a", position }] });
  expect(second.hello.streams).toMatchObject([{ verdict: "recovered", count: 1 }]);
  expect(await second.next("event")).toMatchObject({ event: "two" });
});

it("P-06 a route subscribes, code pushes, the page gets a frame with channel and data", async () => {
  const gateway = createGateway({ pages });
  onTestFinished(() => gateway.close({ drainMs: 0 }));
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      const page = await gateway.page(request, response);
      expect(await gateway.page(request, response)).toBe(page);
      await page.subscribe("chan1");
      response.setHeader("Content-Type", "text/html").end(page.html("<html><body></body></html>"));
    };
    answer().catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  gateway.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const base = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const response = await fetch(`http://${base}/`);
  const visitor = new Visitor();
  visitor.cookie = response.headers.getSetCookie()[0]?.split(";")[0];
  const id = /data-trunkline-connection="([^"]+)"/.exec(await response.text())?.[1] ?? "";
  const client = await visitor.connect(`ws://${base}/api/ws/v1/events`, { id });
  await gateway.publish({ event: "message", channel: "chan1", data: { foo: "bar" } });
  expect(await client.next("event")).toMatchObject({ channel: "chan1", event: "message", data: { foo: "bar" } });
});

it("P-09 what is pushed to a page reaches it alone, before and after its socket is there; unknown keys are nobody's", async () => {
  const { gateway, page, visitor, socketUrl } = await loaded("a");
  const other = await visitor.load(gateway);
  await other.subscribe("a");
  const bystander = await visitor.connect(socketUrl, other, { instance: "other" });
  for (const nobody of ["", null, "0".repeat(64)]) await gateway.pushTo(nobody, "a", 1);
  await Promise.all([gateway.pushTo(page.key, "a", { n: 1 }), gateway.pushTo(page.key, "room", 2)]);
  const client = await visitor.connect(socketUrl, page);
  await gateway.pushTo(page.key, "a", [3]);
  await until("all three come", () => client.events.length === 3);
  const own = { channel: `~page/${page.key}`, event: "message" };
  expect(client.events).toMatchObject([
    { ...own, for: "a", data: { n: 1 }, offset: 1 },
    { ...own, for: "room", data: 2 },
    { ...own, for: "a", data: [3] },
  ]);
  await gateway.publish({ event: "x", channel: "a" });
  await bystander.next("event");
  expect(bystander.events).toHaveLength(1);
  expect(gateway.stats().published).toBe(4);
});

it("P-09 what JSON can't hold, what is too large and names that are none are refused", async () => {
  const { gateway, page } = await loaded("a");
  await expect(gateway.pushTo(page.key, "a", () => {})).rejects.toMatchObject({ code: "usage.bad-argument" });
  await expect(gateway.pushTo(page.key, "a", 1n)).rejects.toMatchObject({ code: "usage.bad-argument" });
  await expect(gateway.pushTo(page.key, "~a", 1)).rejects.toMatchObject({ code: "usage.bad-argument" });
  await expect(gateway.pushTo(page.key, "a", "x".repeat(300_000))).rejects.toMatchObject({
    code: "gateway.too-large",
  });
});

it("P-09 crosses gateways, as what a page is subscribed to does", async () => {
  const broker = memoryBroker();
  const registry = memoryRegistry();
  const shared = { broker, pages: { ...pages, registry } };
  const [one, two] = [await startGateway(shared), await startGateway(shared)];
  const visitor = new Visitor();
  const page = await visitor.load(one.gateway);
  await page.subscribe("a");
  const client = await visitor.connect(two.socketUrl, page);
  await one.gateway.pushTo(page.key, "a", "hi");
  expect(await client.next("event")).toMatchObject({ for: "a", data: "hi" });
  await page.subscribe("b");
  await until("it is on b", () => client.all("verdict").some(({ streams }) => streams[0]?.channel === "b"));
  await one.gateway.publish({ event: "x", channel: "b" });
  expect(await client.next("event")).toMatchObject({ channel: "b" });
  await page.unsubscribe("b");
  await until("it is taken off", () => client.all("verdict").some(({ streams }) => streams[0]?.verdict === "ended"));
});

it("P-13 the id of another session's page opens a socket that hears nothing, or is refused where that is said", async () => {
  const { gateway, page, socketUrl } = await loaded("a");
  const joined: string[] = [];
  gateway.on("join", ({ id }) => joined.push(id));
  const stranger = new Visitor();
  await stranger.load(gateway);
  const client = await stranger.connect(socketUrl, page);
  expect(client.hello.streams).toEqual([]);
  await gateway.publish({ event: "x", channel: "a" });
  await gateway.pushTo(page.key, "a", 1);
  client.send({ type: "subscribe", streams: [{ channel: `~page/${page.key}` }, { channel: "a" }] });
  expect((await client.next("verdict")).streams).toMatchObject([{ verdict: "refused" }]);
  client.send({ type: "ping", id: 1 });
  await client.next("pong");
  expect(client.events).toEqual([]);
  expect(joined).toEqual([]);

  const strict = await startGateway({ pages: { ...pages, onUnknownConnection: "reject" } });
  const known = new Visitor();
  const own = await known.load(strict.gateway);
  await own.subscribe("a");
  await known.connect(strict.socketUrl, own);
  await expect(stranger.connect(strict.socketUrl, own)).rejects.toThrow("403");
  await expect(new Visitor().connect(strict.socketUrl, own)).rejects.toThrow("403");
});

it("P-13 nobody's authorizer and no pattern lets another listen to what is pushed to one page", async () => {
  const user = { kind: "user", account: "default", id: "eve", mayListen: ["*"] } as const;
  const { gateway, socketUrl } = await startGateway({
    pages,
    authorize: () => true,
    authenticate: ({ token }) => (token === "eve" ? user : null),
  });
  const page = await new Visitor().load(gateway);
  await page.subscribe("a");
  await gateway.pushTo(page.key, "a", 1);
  const eve = await new Visitor().connect(socketUrl, { id: page.id }, { token: "eve" });
  eve.send({ type: "subscribe", streams: [{ channel: `~page/${page.key}`, rewind: 10 }] });
  expect((await eve.next("verdict")).streams).toMatchObject([{ verdict: "refused" }]);
});

it("P-14 an id with one character changed, cut or made up is refused before the upgrade, whoever brings it", async () => {
  const { page, visitor, url, socketUrl } = await loaded("a");
  const changed = page.id.slice(0, 5) + (page.id[5] === "A" ? "B" : "A") + page.id.slice(6);
  for (const id of [changed, page.id.slice(0, -2), "", "x~y", page.key, "a".repeat(5000)]) {
    await expect(visitor.connect(socketUrl, { id })).rejects.toThrow("403");
    const stream = await fetch(pageUrl(`${url}/api/v1/events`, id), { headers: visitor.headers });
    expect(stream.status).toBe(403);
  }
  // The plain dialect has no other words.
  const plain = await openLink(pageUrl(socketUrl, changed), { headers: visitor.headers });
  expect((await plain.end()).code).toBe(4401);
});

it("P-13 ids are of no use again: neither with a cookie that this gateway has not signed, nor once the page is forgotten", async () => {
  const clock = new ManualClock();
  const patient = { heartbeatMs: 2 ** 31 - 1, greetTimeoutMs: 2 ** 31 - 1 };
  const { gateway, socketUrl } = await startGateway({ pages, clock, ...patient });
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  await page.subscribe("a");
  const [, key = ""] = /^tl_key=([0-9a-f]{64})\./.exec(visitor.cookie ?? "") ?? [];
  const forger = new Visitor();
  for (const cookie of [`tl_key=${key}`, `tl_key=${key}.${"A".repeat(43)}`, `tl_key=${page.key}`, "tl_key="]) {
    forger.cookie = cookie;
    const link = await openLink(pageUrl(socketUrl, page.id), { protocols: ["trunkline.v1"], headers: forger.headers });
    link.send({ type: "hello", instance: "i" });
    expect((await link.end()).code).toBe(4401);
  }
  clock.advance(60_000);
  expect((await visitor.connect(socketUrl, page)).hello.streams).toEqual([]);
});

it("nobody but the gateway publishes to the stream of a page", async () => {
  const { gateway, page, url, socketUrl } = await loaded("a");
  const channel = `~page/${page.key}`;
  await expect(gateway.publish({ event: "x", channel })).rejects.toMatchObject({ code: "gateway.bad-request" });
  const authorization = `Bearer ${testKeys.acme}`;
  const body = JSON.stringify({ event: "x", channel });
  const published = await fetch(`${url}/api/v1/publish`, { method: "POST", headers: { authorization }, body });
  expect(published.status).toBe(400);
  const server = await connectV1(socketUrl, { token: testKeys.acme });
  server.send({ type: "publish", ref: 1, event: "x", channel });
  expect(await server.next("published")).toMatchObject({ error: { code: "gateway.bad-request" } });
});

it("no key of a page and no id is in a line of the log", async () => {
  const lines: string[] = [];
  const log = (message: string, fields?: object): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const logger = { debug: log, info: log, warn: log, error: log };
  const { gateway, socketUrl } = await startGateway({ pages, logger });
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  await page.subscribe("a");
  await gateway.pushTo(page.key, "a", 1);
  const client = await visitor.connect(socketUrl, page);
  await client.next("event");
  await expect(visitor.connect(socketUrl, { id: `${page.id}x` })).rejects.toThrow("403");
  await gateway.close({ drainMs: 0 });
  expect(lines.join("\n")).toContain('event accepted {"account":"default","channel":"a","event":"message"');
  for (const secret of [page.key, page.id, visitor.cookie ?? ""]) expect(lines.join("\n")).not.toContain(secret);
});

it("what is pushed to a page is written by `serialize` as everything is, and stays meant for its channel", async () => {
  const { gateway, socketUrl } = await startGateway({
    pages,
    serialize: ({ channel, data, ...event }) => ({ data, for: event.for, own: channel.startsWith("~page/") }),
  });
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  await page.subscribe("a");
  await gateway.pushTo(page.key, "a", 1);
  const client = await visitor.connect(socketUrl, page);
  expect(await client.next("event")).toMatchObject({ for: "a", data: { data: 1, for: "a", own: true } });
});

it("P-10 the visitor's key comes from its cookie, never from the query", async () => {
  const { gateway, page, visitor, socketUrl } = await loaded("a");
  const { cookie = "" } = visitor;
  const stranger = new Visitor();
  await stranger.load(gateway);
  const url = `${pageUrl(socketUrl, page.id)}&${cookie}`;
  const nothing = await openLink(url, { protocols: ["trunkline.v1"], headers: stranger.headers });
  nothing.send({ type: "hello", instance: "i" });
  expect((await nothing.next("connected")).streams).toEqual([]);
});

it("P-17 join comes when the page is registered, so that its handler can push to it; leave once", async () => {
  const { gateway, page, visitor, socketUrl } = await loaded("a");
  const heard: string[] = [];
  gateway.on("connection", ({ id }) => heard.push(`connection ${id}`));
  gateway.on("join", async (connection, request) => {
    heard.push(`join ${connection.id}`);
    expect(request.cookies.has("tl_key")).toBe(true);
    await gateway.pushTo(connection.page, "a", "welcome");
  });
  gateway.on("leave", ({ id }) => heard.push(`leave ${id}`));
  const client = await visitor.connect(socketUrl, page);
  expect(await client.next("event")).toMatchObject({ for: "a", data: "welcome" });
  const { connection } = client.hello;
  client.ws.close(1000);
  await until("it has left", () => heard.length === 3);
  await gateway.close({ drainMs: 0 });
  expect(heard).toEqual([`connection ${connection}`, `join ${connection}`, `leave ${connection}`]);
});

it("P-17 a gateway that closes tells of each page that leaves, once", async () => {
  const { gateway, page, visitor, socketUrl } = await loaded("a");
  const left: Connection[] = [];
  gateway.on("leave", (connection) => left.push(connection));
  const other = await visitor.load(gateway);
  await other.subscribe("a");
  await visitor.connect(socketUrl, page);
  await visitor.connect(socketUrl, other, { instance: "other" });
  await gateway.close({ drainMs: 0 });
  expect(left).toHaveLength(2);
  expect(new Set(left.map((connection) => connection.page))).toEqual(new Set([page.key, other.key]));
});

it("P-31 what is done to one page is done in the order of calls", async () => {
  const { gateway, page, visitor, socketUrl } = await loaded("a");
  const client = await visitor.connect(socketUrl, page);
  await Promise.all([page.subscribe("b"), page.unsubscribe("b"), page.subscribe("b")]);
  await gateway.publish({ event: "x", channel: "b" });
  expect(await client.next("event")).toMatchObject({ channel: "b" });
});

it("a page's socket may be one that its visitor has signed in on; of another account it hears nothing of its page", async () => {
  const users = { ada: "default", bob: "acme" } as const;
  const { gateway, socketUrl } = await startGateway({
    pages,
    authenticate: ({ token = "" }) =>
      Object.hasOwn(users, token)
        ? { kind: "user", id: token, account: users[token as keyof typeof users], channels: ["own"] }
        : null,
  });
  const visitor = new Visitor();
  const page = await visitor.load(gateway);
  await page.subscribe("a");
  const principals: unknown[] = [];
  gateway.on("connection", ({ principal }) => principals.push(principal));
  const ada = await visitor.connect(socketUrl, page, { token: "ada", instance: "ada" });
  expect(ada.hello.streams.map(({ channel }) => channel)).toEqual(["a", "own"]);
  const bob = await visitor.connect(socketUrl, page, { token: "bob" });
  expect(bob.hello.streams.map(({ channel }) => channel)).toEqual(["own"]);
  await visitor.connect(socketUrl, page, { instance: "page" });
  expect(principals).toMatchObject([{ id: "ada" }, { id: "bob" }, { kind: "user", account: "default" }]);
  const { id } = principals[2] as { readonly id: string };
  expect(id).toMatch(/^page-[\w-]{22}$/);
  expect(page.key + page.id).not.toContain(id.slice(5));
  await expect(visitor.connect(socketUrl, page, { token: "nobody" })).rejects.toThrow("401");
});

it("without its page a visitor is nobody", async () => {
  const { visitor, socketUrl, url } = await loaded("a");
  const client = await openLink(socketUrl, { protocols: ["trunkline.v1"], headers: visitor.headers });
  client.send({ type: "hello", instance: "i" });
  expect((await client.end()).code).toBe(4401);
  const published = await fetch(`${url}/api/v1/publish?connection=x`, {
    method: "POST",
    headers: visitor.headers,
    body: JSON.stringify({ event: "x" }),
  });
  expect(published.status).toBe(401);
});

it("plain links and event streams are a page's too", async () => {
  const { gateway, page, visitor, socketUrl, url } = await loaded("a");
  await gateway.publish({ event: "early", channel: "a", data: { n: 0 } });
  const plain = await openLink(pageUrl(socketUrl, page.id), { headers: visitor.headers });
  await plain.next("connected");
  const stream = await fetch(pageUrl(`${url}/api/v1/events`, page.id), { headers: visitor.headers });
  expect(stream.status).toBe(200);
  await gateway.publish({ event: "late", channel: "a", data: { n: 1 } });
  await until("it comes", () => plain.plainEvents.length > 0);
  // A plain link has no positions: it begins when it comes.
  expect(plain.plainEvents).toEqual([{ event: "late", n: 1 }]);
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.includes("late")) break;
  }
  expect(text).toContain("event: early");
});

it("what a listener to `connection` or `join` changes is so from the first moment", async () => {
  const { gateway, page, visitor, socketUrl } = await loaded("a", "b");
  gateway.on("connection", () => page.subscribe("c"));
  gateway.on("join", () => page.unsubscribe("a"));
  const client = await visitor.connect(socketUrl, page);
  expect(client.hello.streams.map(({ channel }) => channel)).toEqual(["b", "c"]);
  expect(client.all("verdict")).toEqual([]);
});

it("a gateway without pages says so", async () => {
  const { gateway } = await startGateway();
  await expect(gateway.pageFor({ cookie: undefined })).rejects.toMatchObject({ code: "usage.bad-option" });
  await expect(gateway.pushTo("k", "a", 1)).rejects.toThrow("pages: { secret }");
});

it("a gateway that is closed subscribes no page", async () => {
  const { gateway, page } = await loaded("a");
  await gateway.close({ drainMs: 0 });
  await expect(page.subscribe("b")).rejects.toMatchObject({ code: "usage.closed" });
  await expect(gateway.pushTo(page.key, "a", 1)).rejects.toMatchObject({ code: "usage.closed" });
});
