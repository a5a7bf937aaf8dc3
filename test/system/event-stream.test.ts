// `/api/v1/events` over real sockets, as another language would use it. PROTOCOL §11.
import { request as httpRequest } from "node:http";
import { type Verdict, defineContract, event } from "@trunkline/core/wire";
import type { GatewayOptions } from "@trunkline/gateway";
import { memoryBroker } from "@trunkline/gateway";
import { describe, expect, it } from "vitest";
import { openEventStream, openStreamLink, streamPath } from "../support/event-stream-client.ts";
import { type StartedGateway, startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const { acme, globex, page } = testKeys;

const publish = (to: StartedGateway, n: number, channel?: string, account = "acme") =>
  to.gateway.publish({ event: "e", data: { n }, ...(channel !== undefined && { channel }) }, { account });
const gone = (from: StartedGateway) =>
  until("the gateway has seen it go", () => from.gateway.stats().connections === 0);
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("a plain event stream", () => {
  it("§11.1 answers the events of the key's own channel: name, data, and the position as id", async () => {
    const on = await startGateway();
    const client = await openEventStream(on.url, { key: acme });
    expect(client.response.status).toBe(200);
    expect(Object.fromEntries(client.response.headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store, no-transform",
      "x-accel-buffering": "no",
    });
    const { epoch } = await on.gateway.publish({ event: "post.created", data: { "a\n": "b" } }, { account: "acme" });
    await on.gateway.publish({ event: "ticked" }, { account: "acme" });
    const [first, second] = await client.count(2);
    expect(first).toMatchObject({ event: "post.created", data: '{"a\\n":"b"}' });
    expect(first?.id).toMatch(new RegExp(`^${encodeURIComponent(epoch)}:1:.`));
    expect(second).toMatchObject({ event: "ticked", data: "null" });
  });

  it("§11.2 resumes by Last-Event-ID: what came meanwhile, in order, once", async () => {
    const on = await startGateway();
    const before = await openEventStream(on.url, { key: acme });
    await publish(on, 1);
    await before.count(1);
    before.leave();
    await gone(on);
    for (const n of numbers(2, 20)) await publish(on, n);
    const after = await openEventStream(on.url, { key: acme, lastEventId: before.lastEventId });
    await publish(on, 21);
    await after.count(20);
    expect([...before.numbers, ...after.numbers]).toEqual(numbers(1, 21));
  });

  it("§11.2 has an id before the first event, so that nothing is lost by leaving early", async () => {
    const on = await startGateway();
    const before = await openEventStream(on.url, { key: acme });
    await until("the first id came", () => before.lastEventId !== "");
    expect(before.events).toEqual([]);
    before.leave();
    await gone(on);
    await publish(on, 1);
    const after = await openEventStream(on.url, { key: acme, lastEventId: before.lastEventId });
    await after.count(1);
    expect(after.numbers).toEqual([1]);
  });

  it("§11.2 tells what can't be recovered by an event named gap, before what follows it", async () => {
    const on = await startGateway({ history: { count: 5 } });
    const before = await openEventStream(on.url, { key: acme });
    await publish(on, 1);
    await before.count(1);
    before.leave();
    await gone(on);
    for (const n of numbers(2, 20)) await publish(on, n);
    const after = await openEventStream(on.url, { key: acme, lastEventId: before.lastEventId });
    await after.count(1);
    await publish(on, 21);
    const [gap, next] = await after.count(2);
    expect(gap?.event).toBe("gap");
    expect(JSON.parse(gap?.data ?? "") as Verdict).toMatchObject({
      verdict: "gap",
      reason: "retention",
      from: 2,
      to: 20,
    });
    expect(next?.data).toBe('{"n":21}');
    // The gap's own id is a position like any other.
    const again = await openEventStream(on.url, { key: acme, lastEventId: gap?.id ?? "" });
    await again.count(1);
    expect(again.numbers).toEqual([21]);
  });

  it("§11.1 has both lines in its ids: it comes back to the latest value of each key, and to every event", async () => {
    const contract = defineContract({ events: { set: event<number>({ delivery: "state" }) } });
    const on = await startGateway({ contract });
    const set = (key: string, data: number) => on.gateway.publish({ event: "set", key, data }, { account: "acme" });
    const before = await openEventStream(on.url, { key: acme });
    await set("a", 1);
    await publish(on, 1);
    const [first, second] = await before.count(2);
    expect(first?.id.split(":")).toHaveLength(5);
    expect(second?.id.split(":").slice(3)).toEqual(first?.id.split(":").slice(3));
    before.leave();
    await gone(on);
    for (const data of [2, 3, 4]) await set("b", data);
    await publish(on, 2);
    const after = await openEventStream(on.url, { key: acme, lastEventId: before.lastEventId });
    await set("a", 5);
    await after.count(3);
    const values = after.events.filter((one) => one.event === "set").map(({ data }) => data);
    expect([values, after.numbers]).toEqual([["4", "5"], [2]]);
  });

  it("§11.1 keeps the line open with a comment every heartbeat, and wants no answer", async () => {
    const on = await startGateway({ heartbeatMs: 20 });
    const client = await openEventStream(on.url, { key: acme });
    await until("many heartbeats came", () => client.text.split("\n:\n").length > 6);
    expect(client.ended).toBe(false);
    expect(client.events).toEqual([]);
  });

  it("§9.1 paces a slow reader and loses nothing", async () => {
    const on = await startGateway({ limits: { unreadBytes: 65_536 }, history: { count: 5000 } });
    const { request, response } = await new Promise<{
      request: ReturnType<typeof httpRequest>;
      response: NodeJS.ReadableStream;
    }>((resolve) => {
      const asking = httpRequest(`${on.url}${streamPath}`, { headers: { Authorization: `Bearer ${acme}` } });
      asking.on("response", (answer) => resolve({ request: asking, response: answer }));
      asking.end();
    });
    response.pause();
    const padding = "x".repeat(5000);
    const total = 3000;
    for (let n = 1; n <= total; n++) {
      await on.gateway.publish({ event: "e", data: { n, padding } }, { account: "acme" });
    }
    await until("it fell behind", () => on.gateway.stats().lagging > 0);
    let text = "";
    response.on("data", (bytes: Buffer) => (text += bytes.toString())).resume();
    await until("all came", () => text.includes(`{"n":${total},`));
    const came = [...text.matchAll(/^data: \{"n":(\d+),/gm)].map(([, n]) => Number(n));
    expect(came).toEqual(numbers(1, total));
    expect(text).not.toContain("event: gap");
    request.destroy();
    await gone(on);
  });
});

describe("whose events", () => {
  it("a public key gets its channel, and no other", async () => {
    const on = await startGateway();
    const client = await openEventStream(on.url, { key: page });
    await publish(on, 1);
    await publish(on, 2, "news");
    await client.count(1);
    expect(client.numbers).toEqual([2]);
    const other = await openEventStream(on.url, { key: page, channel: "account.acme" });
    expect(other.response.status).toBe(403);
    expect(await openEventStream(on.url, { key: page, channel: "news" })).toMatchObject({ response: { status: 200 } });
  });

  it("nothing of one account reaches another, whatever it asks for", async () => {
    const on = await startGateway({ authorize: () => true });
    const theirs = await openEventStream(on.url, { key: acme, channel: "room" });
    await publish(on, 1, "room");
    await theirs.count(1);
    const mine = await openEventStream(on.url, { key: globex, channel: "room", lastEventId: theirs.lastEventId });
    const tricky = await openEventStream(on.url, { key: globex, channel: "acme/room" });
    const account = await openEventStream(on.url, { key: globex, channel: "account.acme" });
    await publish(on, 2, "room");
    await publish(on, 3);
    for (const channel of ["room", "acme/room", "account.acme"]) await publish(on, 9, channel, "globex");
    for (const client of [mine, tricky, account]) await until("its own came", () => client.numbers.length > 0);
    for (const client of [mine, tricky, account]) expect(client.numbers).toEqual([9]);
    expect(mine.events[0]?.event).toBe("gap");
    expect((await openEventStream(on.url, { key: globex, channel: "../acme/room" })).response.status).toBe(400);
  });

  it("§11.1 gives another channel to whom the authorizer or gateway code lets have it", async () => {
    const asked: string[] = [];
    const options: GatewayOptions = { authorize: ({ channel }) => asked.push(channel) > 0 && channel === "room" };
    const on = await startGateway(options);
    const client = await openEventStream(on.url, { key: acme, channel: "room" });
    await publish(on, 1);
    await publish(on, 2, "room");
    await client.count(1);
    expect(client.numbers).toEqual([2]);
    const refused = await openEventStream(on.url, { key: acme, channel: "cellar" });
    expect(refused.response.status).toBe(403);
    expect(asked).toEqual(["room", "cellar"]);
    on.gateway.on("connection", (connection) => connection.subscribe("cellar"));
    const put = await openEventStream(on.url, { key: acme, channel: "cellar" });
    await publish(on, 3, "cellar");
    await put.count(1);
    expect(put.numbers).toEqual([3]);
  });

  it("lets anybody in where that was said", async () => {
    const on = await startGateway({ anonymous: true });
    const client = await openEventStream(on.url);
    await publish(on, 1, undefined, "default");
    await client.count(1);
  });
});

describe("refusals", () => {
  it.each([
    ["no key", {}, 401, "gateway.unauthorized"],
    ["a wrong key", { key: "wrong" }, 401, "gateway.unauthorized"],
    ["another form of it", { headers: { Authorization: "Basic x" } }, 401, "gateway.unauthorized"],
    [
      "a secret key from a page",
      { key: acme, headers: { Origin: "https://listed.example" } },
      403,
      "gateway.forbidden",
    ],
    [
      "a secret key from an own page",
      { key: acme, headers: { "Sec-Fetch-Site": "same-origin" } },
      403,
      "gateway.forbidden",
    ],
    [
      "a page of a foreign origin",
      { key: page, headers: { Origin: "https://evil.example" } },
      403,
      "gateway.forbidden",
    ],
    ["another's id", { key: acme, lastEventId: "1718-0" }, 400, "gateway.bad-request"],
    ["no channel name", { key: acme, channel: "a*" }, 400, "gateway.bad-request"],
    ["another protocol", { key: acme, headers: { "Trunkline-Protocol": "v9" } }, 400, "gateway.unsupported"],
  ])("%s", async (_, options, status, code) => {
    const on = await startGateway({ origins: ["https://listed.example"] });
    const client = await openEventStream(on.url, options);
    expect(client.response.status).toBe(status);
    expect(client.response.headers.get("content-type")).toContain("application/json");
    if (status === 401) expect(client.response.headers.get("www-authenticate")).toBe("Bearer");
    await until("the answer came", () => client.ended);
    expect(JSON.parse(client.text)).toMatchObject({ error: { code } });
    expect(client.text).not.toContain(acme);
    expect(on.gateway.stats()).toMatchObject({ connections: 0, refused: 1 });
  });

  it.each(["HEAD", "PUT", "DELETE", "OPTIONS"])("405 for %s", async (method) => {
    const on = await startGateway();
    const response = await fetch(`${on.url}${streamPath}`, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, POST, OPTIONS");
  });

  it("503 while it drains; streams that are there go on until they are ended", async () => {
    const on = await startGateway({ drainMs: 10_000 });
    const client = await openEventStream(on.url, { key: acme });
    const link = await openStreamLink(on.url);
    await link.post({ type: "hello", instance: "i", token: acme });
    await link.client.frame("connected");
    const closing = on.gateway.close();
    const refused = await openEventStream(on.url, { key: acme });
    expect(refused.response.status).toBe(503);
    expect(refused.response.headers.get("retry-after")).toBe("1");
    await until("the plain stream was ended", () => client.ended);
    await until("the link was asked to leave", () => link.client.frames.some(({ type }) => type === "drain"));
    link.client.leave();
    await closing;
  });
});

describe("pages of other origins", () => {
  const origin = "https://listed.example";

  it("may read when their origin is listed, after a preflight", async () => {
    const on = await startGateway({ origins: [origin] });
    const preflight = await fetch(`${on.url}${streamPath}`, {
      method: "OPTIONS",
      headers: { Origin: origin, "Access-Control-Request-Method": "GET" },
    });
    expect(preflight.status).toBe(204);
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": "Authorization, Content-Type, Last-Event-ID, Trunkline-Protocol",
    });
    const client = await openEventStream(on.url, { key: page, headers: { Origin: origin } });
    expect(client.response.headers.get("access-control-allow-origin")).toBe(origin);
    const refused = await openEventStream(on.url, { key: "wrong", headers: { Origin: origin } });
    expect(refused.response.status).toBe(401);
    expect(refused.response.headers.get("access-control-allow-origin")).toBe(origin);
  });

  it("may not otherwise", async () => {
    const on = await startGateway({ origins: [origin] });
    const headers = { Origin: "https://evil.example", "Access-Control-Request-Method": "GET" };
    for (const method of ["OPTIONS", "GET", "POST"]) {
      const response = await fetch(`${on.url}${streamPath}`, { method, headers });
      expect(response.ok).toBe(false);
      expect(response.headers.get("access-control-allow-origin")).toBe(null);
    }
  });
});

describe("a whole link", () => {
  it("§11.3 opens, says hello by POST, hears its streams, and closes by an event", async () => {
    const on = await startGateway();
    const { client, id, post } = await openStreamLink(on.url);
    expect(client.events[0]).toMatchObject({ event: "open" });
    expect(id).toMatch(/^[\w-]{22}\.[\w-]{22}$/);
    expect((await post({ type: "hello", instance: "i", token: acme })).status).toBe(204);
    const { streams } = await client.frame("connected");
    expect(streams).toMatchObject([{ channel: "account.acme", verdict: "fresh" }]);
    await publish(on, 1);
    expect(await client.frame("event")).toMatchObject({ event: "e", offset: 1, data: { n: 1 } });
    await post([
      { type: "ping", id: 1 },
      { type: "ping", id: 2 },
    ]);
    await until("both pongs came", () => client.frames.filter(({ type }) => type === "pong").length === 2);
    const [connection] = [...on.gateway.connections()];
    expect(connection).toMatchObject({ dialect: "v1", remoteAddress: "127.0.0.1" });
    connection?.close(4403, "enough");
    await until("it ended", () => client.ended);
    expect(client.events.at(-1)).toMatchObject({ event: "close", data: '{"code":4403,"reason":"enough"}' });
    expect((await post({ type: "ping" })).status).toBe(404);
  });

  it("§2.2 judges a key in the header before it opens, and a secret key of a page at hello", async () => {
    const on = await startGateway();
    const headers = { "Trunkline-Protocol": "trunkline.v1" };
    expect((await openEventStream(on.url, { key: "wrong", headers })).response.status).toBe(401);
    const own = new URL(on.url).origin;
    const { client, post } = await openStreamLink(on.url, { Origin: own });
    await post({ type: "hello", instance: "i", token: acme });
    await until("it ended", () => client.ended);
    expect(client.events.at(-1)?.data).toContain('"code":4403');
    const known = await openStreamLink(on.url, { Authorization: `Bearer ${acme}` });
    await known.post({ type: "hello", instance: "i" });
    await known.client.frame("connected");
  });

  it("takes the frames of a link in their order, each once, whatever order they come in", async () => {
    const on = await startGateway();
    const { client, post } = await openStreamLink(on.url);
    await post({ type: "ping", id: 3 }, on.url, 3);
    await post({ type: "ping", id: 2 }, on.url, 2);
    await post({ type: "hello", instance: "i", token: acme }, on.url, 1);
    await post({ type: "ping", id: 2 }, on.url, 2);
    await post({ type: "ping", id: 4 }, on.url, 4);
    const pongs = () => client.frames.flatMap((frame) => (frame.type === "pong" ? [frame.id] : []));
    await until("the last pong came", () => pongs().includes(4));
    expect(pongs()).toEqual([2, 3, 4]);
  });

  it("answers what it can't take", async () => {
    const on = await startGateway({ limits: { incomingBytes: 200 } });
    const { post, id } = await openStreamLink(on.url);
    expect((await post("x".repeat(201))).status).toBe(413);
    expect((await post("x", on.url, 0)).status).toBe(400);
    const [gateway] = id.split(".");
    for (const link of ["", "x", id.slice(1), `${gateway}.${"A".repeat(22)}`, `${"A".repeat(22)}.${"A".repeat(22)}`]) {
      const response = await fetch(`${on.url}${streamPath}?link=${link}&n=1`, { method: "POST", body: "{}" });
      expect(response.status).toBe(404);
    }
  });

  it("§11.3 any gateway on the same broker takes its frames, and keeps them in order", async () => {
    const broker = memoryBroker();
    const [one, two] = [await startGateway({ broker }), await startGateway({ broker })];
    const { client, post } = await openStreamLink(one.url);
    expect((await post({ type: "hello", instance: "i", token: acme }, two.url)).status).toBe(204);
    await client.frame("connected");
    await publish(two, 1);
    expect(await client.frame("event")).toMatchObject({ data: { n: 1 } });
    await post({ type: "ping", id: 3 }, one.url, 3);
    await post({ type: "ping", id: 2 }, two.url, 2);
    const pongs = () => client.frames.flatMap((frame) => (frame.type === "pong" ? [frame.id] : []));
    await until("both pongs came", () => pongs().length === 2);
    expect(pongs()).toEqual([2, 3]);
    await broker.close();
  });
});
