// Page sessions for servers in any language: POST /api/v1/pages (PROTOCOL §15.6).
import type { Registry } from "@trunkline/core/ports";
import { GatewayError } from "@trunkline/core/errors";
import { memoryRegistry } from "@trunkline/gateway";
import { expect, it } from "vitest";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";
import { Visitor, pageSecret } from "../support/visitor.ts";

const pages = { secret: pageSecret, account: "acme" };

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function post(url: string, body: unknown, token: string = testKeys.acme): Promise<Answer> {
  const response = await fetch(`${url}/api/v1/pages`, {
    method: "POST",
    headers: { ...(token !== "" && { authorization: `Bearer ${token}` }) },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? null : JSON.parse(text) };
}

interface NewPage {
  readonly id: string;
  readonly key: string;
  readonly setCookie: string | null;
}

/** A new page of `visitor`, as a server without a gateway makes it. */
async function load(url: string, visitor: Visitor, more: object = {}): Promise<NewPage> {
  const { status, body } = await post(url, { cookie: visitor.cookie ?? null, ...more });
  expect(status).toBe(200);
  const page = body as NewPage;
  visitor.cookie ??= page.setCookie?.split(";")[0];
  return page;
}

it("§15.6 a server makes a page, subscribes it before and after its socket, and pushes to it alone", async () => {
  const { url, socketUrl, gateway } = await startGateway({ pages });
  const publisher = gateway.publisher("acme");
  const visitor = new Visitor();
  const page = await load(url, visitor, { subscribe: ["news", "room"], push: [{ channel: "room", data: "hi" }] });
  expect(page).toEqual({
    id: expect.stringMatching(/^[\w=-]+~[\w=-]+$/),
    key: expect.stringMatching(/^[0-9a-f]{64}$/),
    setCookie: expect.stringMatching(/^tl_key=.*HttpOnly/),
  });
  await publisher.push("before", "news");
  const socket = await visitor.connect(socketUrl, page);
  await until("what was said before came", () => socket.events.length === 2);
  const stranger = new Visitor();
  const other = await load(url, stranger, { subscribe: ["news"] });
  const otherSocket = await stranger.connect(socketUrl, other);
  expect(
    await post(url, {
      connection: page.key,
      unsubscribe: ["room"],
      subscribe: ["hall"],
      push: [
        { channel: "hall", data: 1 },
        { channel: "hall", data: 2 },
      ],
    }),
  ).toEqual({ status: 204, body: null });
  for (const channel of ["room", "hall", "news"]) await publisher.push("after", channel);
  await until("the rest came", () => socket.events.length === 6 && otherSocket.events.length === 1);
  const mine = socket.events.map(({ channel, data, for: meant }) => [meant ?? channel, data]);
  expect(mine.filter(([, data]) => data !== "after")).toEqual(
    expect.arrayContaining([
      ["room", "hi"],
      ["news", "before"],
      ["hall", 1],
      ["hall", 2],
    ]),
  );
  expect(mine.filter(([, data]) => data === "after").map(([channel]) => channel)).toEqual(["hall", "news"]);
  expect(otherSocket.events.map(({ channel, data }) => [channel, data])).toEqual([["news", "after"]]);
});

it("§15.6 a visitor with a cookie keeps it; another page is another key", async () => {
  const { url } = await startGateway({ pages });
  const visitor = new Visitor();
  const first = await load(url, visitor);
  const second = await load(url, visitor);
  expect(second.setCookie).toBeNull();
  expect(new Set([first.id, second.id, first.key, second.key]).size).toBe(4);
  const secure = await post(url, { cookie: null, secure: true });
  expect((secure.body as NewPage).setCookie).toMatch(/Secure/);
});

it("§15.6 takes a secret key of the pages' account, and nothing else", async () => {
  const { url } = await startGateway({ pages, anonymous: true });
  const body = { cookie: null };
  const codeOf = async (token: string): Promise<unknown> => {
    const { status, body: answer } = await post(url, body, token);
    return [status, (answer as { readonly error?: { readonly code: string } }).error?.code];
  };
  expect(await codeOf(testKeys.acme)).toEqual([200, undefined]);
  expect(await codeOf(testKeys.globex)).toEqual([403, "gateway.forbidden"]);
  expect(await codeOf(testKeys.page)).toEqual([403, "gateway.forbidden"]);
  expect(await codeOf("wrong")).toEqual([401, "gateway.unauthorized"]);
  expect(await codeOf("")).toEqual([401, "gateway.unauthorized"]);
});

it("§15.6 a body that can't be right is refused before anything is done, naming its field", async () => {
  const { url, socketUrl } = await startGateway({ pages });
  const visitor = new Visitor();
  const page = await load(url, visitor, { subscribe: ["a"] });
  for (const [body, problem] of [
    ["", "body: expected JSON"],
    [{ connection: page.key, subscribe: ["b"], push: "x" }, "push: expected a list"],
    [{ connection: page.key.slice(1) }, "connection: expected 64 hex digits"],
  ] as const) {
    const message = expect.stringContaining(problem) as string;
    expect(await post(url, body)).toEqual({ status: 400, body: { error: { code: "gateway.bad-request", message } } });
  }
  const socket = await visitor.connect(socketUrl, page);
  expect(socket.hello.streams.map(({ channel }) => channel)).toEqual(["a"]);
  const large = { connection: page.key, push: [{ channel: "a", data: "x".repeat(300_000) }] };
  expect(await post(url, large)).toMatchObject({ status: 413, body: { error: { code: "gateway.too-large" } } });
});

it("§15.6 says that it may be sent again while the registry is away", async () => {
  const memory = memoryRegistry();
  const away = (): Promise<never> => Promise.reject(new GatewayError("gateway.unavailable", "away"));
  const registry: Registry = {
    name: "away",
    add: away,
    remove: away,
    read: away,
    hold: away,
    release: away,
    renew: away,
    drop: away,
    close: () => memory.close(),
  };
  const { url } = await startGateway({ pages: { ...pages, registry } });
  expect(await post(url, { cookie: null, subscribe: ["a"] })).toMatchObject({
    status: 503,
    body: { error: { code: "gateway.unavailable" } },
  });
});

it("a gateway without page sessions leaves the path alone", async () => {
  const { url } = await startGateway();
  expect((await fetch(`${url}/api/v1/pages`, { method: "POST" })).status).toBe(404);
});
