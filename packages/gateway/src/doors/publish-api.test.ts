import { type IncomingMessage, createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "@trunkline/core/clock";
import type { Broker, StreamName } from "@trunkline/core/ports";
import { createPublishing } from "@trunkline/core/publish";
import { ManualClock } from "@trunkline/core/testing";
import { afterEach, describe, expect, it } from "vitest";
import type { Authenticator } from "../auth/authenticator.ts";
import { type Entrance, createEntrance } from "../auth/entrance.ts";
import { ReadRequest } from "../auth/request-info.ts";
import { WaitingRoom } from "../auth/waiting-room.ts";
import { memoryBroker } from "../memory-broker.ts";
import { createStats, publishObserver } from "../metrics.ts";
import { createPublishApi } from "./publish-api.ts";

const keys = createEntrance(
  {
    secretKeys: [
      { key: "sk-acme", account: "acme" },
      { key: "sk-other", account: "other" },
    ],
    publicKeys: [{ key: "pk-acme", channel: "news", account: "acme" }],
  },
  () => {},
);

interface Door {
  readonly url: string;
  readonly broker: Broker;
  readonly stats: ReturnType<typeof createStats>;
  /** Every request that ended or was cut off. */
  readonly ended: IncomingMessage[];
  accepting: boolean;
}

let close: (() => Promise<void>) | undefined;
afterEach(async () => close?.());

async function open(
  options: { readonly maxBodyBytes?: number; readonly keys?: Entrance; readonly clock?: ManualClock } = {},
): Promise<Door> {
  const broker = memoryBroker();
  const stats = createStats();
  const ended: IncomingMessage[] = [];
  const api = createPublishApi({
    entrance: options.keys ?? keys,
    waitingRoom: new WaitingRoom({
      clock: options.clock ?? systemClock,
      withinMs: 10_000,
      hasRoom: () => true,
      onWaiting: () => {},
    }),
    readRequest: (message) => new ReadRequest(message),
    origins: ["https://listed.example"],
    publishing: createPublishing({ broker, observer: publishObserver(stats) }),
    isAccepting: () => door.accepting,
    maxBodyBytes: options.maxBodyBytes,
    clock: options.clock,
    stats,
  });
  const server = createServer((request, response) => {
    request.on("close", () => ended.push(request));
    api(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  close = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const door: Door = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/publish`,
    broker,
    stats,
    ended,
    accepting: true,
  };
  return door;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

async function post(door: Door, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(door.url, {
    method: "POST",
    headers: { authorization: "Bearer sk-acme", "content-type": "application/json", ...headers },
    body: typeof body === "string" || body instanceof Blob ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

async function stored(door: Door, stream = "acme/account.acme"): Promise<readonly unknown[]> {
  const { log } = await door.broker.read(stream as StreamName, { offset: 0 }, 10_000);
  return log.entries.map(({ body }) => JSON.parse(body) as unknown);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe("§8.1 POST /api/v1/publish", () => {
  it("answers 202 with channel, offset and epoch", async () => {
    const door = await open();
    const first = await post(door, { event: "post.created", data: { id: 1 } });
    expect(first.status).toBe(202);
    expect(first.body).toEqual({ stream: "account.acme", offset: 1, epoch: expect.stringMatching(/./) });
    expect(first.headers.get("content-type")).toBe("application/json; charset=utf-8");
    const second = await post(door, { event: "post.created", data: "ünïcode 🚀", channel: "room" });
    expect(second.body).toMatchObject({ stream: "room", offset: 1 });
    expect(await stored(door, "acme/room")).toEqual([{ event: "post.created", data: "ünïcode 🚀" }]);
  });

  it("what is published with one account's key does not appear in another's", async () => {
    const door = await open();
    await post(door, { event: "a", channel: "room" }, { authorization: "Bearer sk-other" });
    expect(await stored(door, "acme/room")).toEqual([]);
    expect(await stored(door, "other/room")).toHaveLength(1);
  });

  it("takes the JSON that `curl -d` labels as a form", async () => {
    const door = await open();
    expect((await post(door, { event: "a" }, { "content-type": "application/x-www-form-urlencoded" })).status).toBe(
      202,
    );
  });

  it("the scheme's case does not matter", async () => {
    const door = await open();
    expect((await post(door, { event: "a" }, { authorization: "bearer sk-acme" })).status).toBe(202);
  });
});

describe("§8.4 refusals", () => {
  it.each([
    ["no key", { authorization: "" }, 401, "gateway.unauthorized"],
    ["an unknown key", { authorization: "Bearer sk-wrong" }, 401, "gateway.unauthorized"],
    ["another scheme", { authorization: "Basic c2stYWNtZQ==" }, 401, "gateway.unauthorized"],
    ["a public key", { authorization: "Bearer pk-acme" }, 403, "gateway.forbidden"],
    ["a secret key with an Origin", { origin: "https://listed.example" }, 403, "gateway.forbidden"],
    ["a page of a foreign origin", { origin: "https://app.example.com" }, 403, "gateway.forbidden"],
    ["a compressed body", { "content-encoding": "gzip" }, 415, "gateway.unsupported"],
  ])("%s: nothing is published", async (_, headers, status, code) => {
    const door = await open();
    const answer = await post(door, { event: "a" }, headers);
    expect([answer.status, answer.body]).toEqual([status, { error: { code, message: expect.stringMatching(/./) } }]);
    expect(JSON.stringify(answer.body)).not.toMatch(/sk-acme|sk-wrong|pk-acme|c2stYWNtZQ/);
    expect(answer.headers.get("www-authenticate")).toBe(status === 401 ? "Bearer" : null);
    expect([...answer.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
    expect(await stored(door)).toEqual([]);
    expect([...door.stats.refused]).toEqual([[code, 1]]);
  });

  it("a user publishes where it may, item by item; one who may nowhere is refused before its body", async () => {
    const user = { kind: "user", account: "acme", id: "ada" } as const;
    const authenticate: Authenticator = ({ token }) =>
      token === "writer" ? { ...user, mayPublish: ["chat.*"] } : token === "reader" ? user : null;
    const door = await open({ keys: createEntrance({ authenticate }, () => {}) });
    const writer = { authorization: "Bearer writer" };
    const batch = [{ event: "a", channel: "chat.1" }, { event: "a", channel: "news" }, { event: "a" }, 7];
    const answer = await post(door, batch, writer);
    expect([answer.status, (answer.body as { status: number }[]).map(({ status }) => status)]).toEqual([
      207,
      [202, 403, 403, 403],
    ]);
    expect((await post(door, { event: "a", channel: "chat.2" }, writer)).status).toBe(202);
    expect((await post(door, { event: "a", channel: "news" }, writer)).status).toBe(403);
    expect((await post(door, { event: "a", channel: "chat.1" }, { authorization: "Bearer reader" })).status).toBe(403);
    expect(await stored(door)).toEqual([]);
  });

  it("§2.7 whose token is over publishes nothing, whatever its authenticator says, also when it ends before the body has come", async () => {
    const clock = new ManualClock();
    const user = {
      kind: "user",
      account: "acme",
      id: "ada",
      mayPublish: ["*"],
      expiresAt: clock.wallTime() + 1000,
    } as const;
    const door = await open({ keys: createEntrance({ authenticate: () => user }, () => {}), clock });
    expect((await post(door, { event: "a", channel: "b" })).status).toBe(202);
    clock.advance(1000);
    const late = await post(door, { event: "a", channel: "b" });
    expect([late.status, late.body]).toMatchObject([401, { error: { code: "gateway.unauthorized" } }]);
  });

  it("§8.7 ids that name one event in several channels are for secret keys", async () => {
    const authenticate: Authenticator = () => ({ kind: "user", account: "acme", id: "ada", mayPublish: ["*"] });
    const door = await open({ keys: createEntrance({ authenticate }, () => {}) });
    const batch = [
      { event: "a", channel: "b", id: "push:1" },
      { event: "a", channel: "b", id: "1" },
    ];
    const { body } = await post(door, batch);
    expect((body as { status: number }[]).map(({ status }) => status)).toEqual([403, 202]);
  });

  it("publishing takes a key even where anonymous connections are let in", async () => {
    const door = await open({ keys: createEntrance({ anonymous: true }, () => {}) });
    expect((await post(door, { event: "a" }, { authorization: "" })).status).toBe(401);
  });

  it.each(["GET", "PUT", "DELETE", "OPTIONS"])("%s is 405 with Allow", async (method) => {
    const door = await open();
    const response = await fetch(door.url, {
      method,
      headers: { authorization: "Bearer sk-acme", origin: "https://x" },
    });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });

  it.each([
    ['{"event": "a",}', /body: expected JSON, got: .*position 14/],
    ['{"event": nonsense}', /body: expected JSON, got: .*nonsense|Unexpected token/],
    ["", /body: expected JSON such as .*got nothing/],
    ["  \n", /got nothing/],
    [new Blob([Uint8Array.of(0x7b, 0xff, 0x7d)]), /body: expected UTF-8/],
    ['"text"', /expected an object/],
    ["null", /expected an object/],
    [`${"[".repeat(500_000)}`, /body: expected JSON/],
    [{ data: 1 }, /^event: expected a string/],
    [{ event: "a", channel: 7 }, /^channel: expected a string, got number/],
    [{ event: "a", evnet: 1 }, /^evnet: /],
    [{ event: "*" }, /^event: /],
  ])("a body that can't be is 400 and says where: %#", async (body, message) => {
    const door = await open();
    const answer = await post(door, body);
    expect([answer.status, answer.body]).toEqual([
      400,
      { error: { code: "gateway.bad-request", message: expect.stringMatching(message) } },
    ]);
    expect(await stored(door)).toEqual([]);
  });

  it("§8.2 the same id and body give the first receipt, another body 409", async () => {
    const door = await open();
    const first = await post(door, { event: "a", data: 1, id: "i" });
    expect(await post(door, { event: "a", data: 1, id: "i" })).toMatchObject({ status: 202, body: first.body });
    expect(await post(door, { event: "a", data: 2, id: "i" })).toMatchObject({
      status: 409,
      body: { error: { code: "gateway.conflict" } },
    });
    expect(await stored(door)).toHaveLength(1);
  });

  it("an event over 256 KiB is 413", async () => {
    const door = await open();
    const answer = await post(door, { event: "a", data: "x".repeat(256 * 1024) });
    expect(answer).toMatchObject({ status: 413, body: { error: { code: "gateway.too-large" } } });
  });

  it.each([true, false])("a body over the limit is 413, with its length declared: %s", async (declared) => {
    const door = await open({ maxBodyBytes: 1000 });
    const text = JSON.stringify({ event: "a", data: "x".repeat(1000) });
    const response = await fetch(door.url, {
      method: "POST",
      headers: { authorization: "Bearer sk-acme" },
      ...(declared ? { body: text } : { body: new Blob([text]).stream(), duplex: "half" as const }),
    });
    expect([response.status, await response.json()]).toMatchObject([413, { error: { code: "gateway.too-large" } }]);
    expect(await stored(door)).toEqual([]);
  });

  it("a body of exactly the limit is taken", async () => {
    const text = JSON.stringify({ event: "a", data: "xyz" });
    const door = await open({ maxBodyBytes: text.length });
    expect((await post(door, text)).status).toBe(202);
  });

  it("a refused upload that does not end is cut off", async () => {
    const door = await open({ maxBodyBytes: 1000 });
    const upload = httpRequest(door.url, { method: "POST", headers: { authorization: "Bearer sk-acme" } });
    const cut = new Promise<void>((resolve) => upload.on("error", () => {}).on("close", () => resolve()));
    const status = new Promise<number | undefined>((resolve) =>
      upload.on("response", ({ statusCode }) => resolve(statusCode)),
    );
    upload.write("x".repeat(2000));
    expect(await status).toBe(413);
    upload.write("x".repeat(10_000));
    await cut;
    expect(await stored(door)).toEqual([]);
  });

  it("a body that comes a byte at a time for ever is 408 and cut off, many at once too; a whole one leaves no timer", async () => {
    const clock = new ManualClock();
    const door = await open({ clock });
    expect((await post(door, { event: "a" })).status).toBe(202);
    expect(clock.timers).toBe(0);
    const uploads = Array.from({ length: 20 }, () => {
      const upload = httpRequest(door.url, { method: "POST", headers: { authorization: "Bearer sk-acme" } });
      upload.write("{");
      const cut = new Promise<void>((resolve) => upload.on("error", () => {}).on("close", () => resolve()));
      const status = new Promise<number | undefined>((resolve) =>
        upload.on("response", (response) => resolve(response.resume().statusCode)),
      );
      return { upload, cut, status };
    });
    await expect.poll(() => clock.timers).toBe(20);
    clock.advance(29_999);
    for (const { upload } of uploads) upload.write(" ");
    clock.advance(1);
    for (const { cut, status } of uploads) {
      expect(await status).toBe(408);
      await cut;
    }
    expect(clock.timers).toBe(0);
    expect(await stored(door)).toHaveLength(1);
  });

  it("a refused upload that only trickles is cut off in the end", async () => {
    const clock = new ManualClock();
    const door = await open({ clock });
    const upload = httpRequest(door.url, { method: "POST" });
    const cut = new Promise<void>((resolve) => upload.on("error", () => {}).on("close", () => resolve()));
    const status = new Promise<number | undefined>((resolve) =>
      upload.on("response", (response) => resolve(response.resume().statusCode)),
    );
    upload.write("{");
    expect(await status).toBe(401);
    clock.advance(30_000);
    await cut;
    await expect.poll(() => clock.timers).toBe(0);
  });

  it("§7.4 while draining: 503 with Retry-After, and nothing is published", async () => {
    const door = await open();
    door.accepting = false;
    const answer = await post(door, { event: "a" });
    expect(answer).toMatchObject({ status: 503, body: { error: { code: "gateway.unavailable" } } });
    expect(answer.headers.get("retry-after")).toBe("1");
    expect(await stored(door)).toEqual([]);
  });

  it("a broker that is gone is 503", async () => {
    const door = await open();
    await door.broker.close();
    expect(await post(door, { event: "a" })).toMatchObject({
      status: 503,
      body: { error: { code: "gateway.unavailable" } },
    });
  });
});

describe("a body on its way", () => {
  const begin = (door: Door, headers: Record<string, string>) =>
    httpRequest(door.url, { method: "POST", headers: { authorization: "Bearer sk-acme", ...headers } });

  it.each([
    ["content-length", "100"],
    ["transfer-encoding", "chunked"],
  ])(
    "a client that goes away before its end publishes nothing, even if what came is whole JSON: %s",
    async (header, value) => {
      const door = await open();
      const upload = begin(door, { [header]: value });
      upload.on("error", () => {});
      let taken = false;
      upload.write('{"event":"a","data":1}', () => (taken = true));
      await until(() => taken);
      upload.destroy();
      await until(() => door.ended.length === 1);
      await post(door, { event: "after" });
      expect(await stored(door)).toEqual([{ event: "after", data: null }]);
    },
  );

  it("§7.4 a drain that begins while the body arrives refuses it", async () => {
    const door = await open();
    const upload = begin(door, { "transfer-encoding": "chunked" });
    const status = new Promise<number | undefined>((resolve) => {
      upload.on("response", (response) => {
        response.resume();
        resolve(response.statusCode);
      });
    });
    upload.write('{"event":');
    // Admitted before the drain: this request's head was handled before the next one's.
    await post(door, { event: "first" });
    door.accepting = false;
    upload.end('"a"}');
    expect(await status).toBe(503);
    expect(await stored(door)).toHaveLength(1);
  });

  it("a character cut by a chunk boundary arrives whole", async () => {
    const door = await open();
    const bytes = Buffer.from(JSON.stringify({ event: "a", data: "🚀" }));
    const upload = begin(door, { "transfer-encoding": "chunked" });
    const status = new Promise<number | undefined>((resolve) =>
      upload.on("response", ({ statusCode }) => resolve(statusCode)),
    );
    const cut = bytes.indexOf(0xf0) + 2;
    upload.write(bytes.subarray(0, cut));
    await post(door, { event: "between" });
    upload.end(bytes.subarray(cut));
    expect(await status).toBe(202);
    expect(await stored(door)).toEqual([
      { event: "between", data: null },
      { event: "a", data: "🚀" },
    ]);
  });
});

describe("§8.3 batches", () => {
  it("all accepted: 202, an item each, offsets in the order of the items", async () => {
    const door = await open();
    const items = Array.from({ length: 1000 }, (_, n) => ({ event: "a", data: n }));
    const answer = await post(door, items);
    expect(answer.status).toBe(202);
    expect(answer.body).toEqual(
      items.map((_, n) => ({ status: 202, stream: "account.acme", offset: n + 1, epoch: expect.any(String) })),
    );
    expect(await stored(door)).toEqual(items);
  });

  it("a bad item is answered in its place and stops none of the others", async () => {
    const door = await open();
    await post(door, { event: "a", id: "used" });
    const answer = await post(door, [
      { event: "a", data: 1 },
      { event: "" },
      "text",
      { event: "a", id: "used", data: "other" },
      { event: "a", data: "x".repeat(300_000) },
      { event: "a", id: "used" },
      { event: "a", data: 2 },
    ]);
    expect(answer.status).toBe(207);
    expect(answer.body).toMatchObject([
      { status: 202, offset: 2 },
      { status: 400, error: { code: "gateway.bad-request", message: expect.stringMatching(/^event: /) } },
      { status: 400, error: { code: "gateway.bad-request" } },
      { status: 409, error: { code: "gateway.conflict" } },
      { status: 413, error: { code: "gateway.too-large" } },
      { status: 202, offset: 1 },
      { status: 202, offset: 3 },
    ]);
  });

  it("an empty batch is answered empty; one of 1,001 is refused whole", async () => {
    const door = await open();
    expect(await post(door, [])).toMatchObject({ status: 202, body: [] });
    const answer = await post(
      door,
      Array.from({ length: 1001 }, () => ({ event: "a" })),
    );
    expect(answer).toMatchObject({
      status: 413,
      body: { error: { code: "gateway.too-large", message: expect.stringContaining("1001") } },
    });
    expect(await stored(door)).toEqual([]);
  });
});
