import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { inspect } from "node:util";
import { GatewayError } from "@trunkline/core/errors";
import { ManualClock } from "@trunkline/core/testing";
import {
  type Authenticator,
  type Connection,
  type Principal,
  RequestAuthenticator,
  createGateway,
  jwt,
  requestAuthenticator,
  signToken,
} from "@trunkline/gateway";
import { createClient } from "trunkline";
import { expect, it, onTestFinished } from "vitest";
import { openEventStream, openStreamLink } from "../support/event-stream-client.ts";
import { connectV1, openLink, sayHello } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const ada: Principal = { kind: "user", account: "acme", id: "ada", channels: ["room.1"], mayListen: ["news*"] };
/** Takes a while over everything, and knows one token. */
const later: Authenticator = async ({ token }) => {
  await new Promise((resolve) => setImmediate(resolve));
  return token === "ada" ? ada : null;
};
/** Those of its answers are still out that were not let go. */
function heldUp() {
  const waiting: ((principal: Principal | null) => void)[] = [];
  const authenticate: Authenticator = () => new Promise((resolve) => waiting.push(resolve));
  return { authenticate, waiting };
}

class Session extends RequestAuthenticator {
  override matches(): boolean {
    return this.request.cookies.get("sid") === "1";
  }
  override principal(): Principal {
    return ada;
  }
}

it("R-12 every way in asks the same chain: header, hello, query, event stream, event-stream link", async () => {
  const { gateway, url, socketUrl } = await startGateway({ authenticate: later });
  const seen: Connection[] = [];
  gateway.on("connection", (connection) => seen.push(connection));
  const bearer = { Authorization: "Bearer ada" };
  await (await sayHello(socketUrl, { headers: bearer })).next("connected");
  await connectV1(socketUrl, { token: "ada" });
  const plain = await openLink(`${socketUrl}?api_key=ada`);
  await until("the plain one is in", () => plain.frames.length > 0);
  expect((await openEventStream(url, { key: "ada" })).response.status).toBe(200);
  const link = await openStreamLink(url);
  await link.post({ type: "hello", instance: "i", token: "ada" });
  await until("all five are in", () => seen.length === 5);
  expect(seen.map(({ principal, channels }) => [principal, channels])).toEqual(seen.map(() => [ada, ["room.1"]]));
  for (const { request } of seen) expect(request.headers.authorization).toBeUndefined();
  expect(seen[2]?.request.params.get("api_key")).toBeNull();
  expect(seen[0]?.request.segments).toEqual(["api", "ws", "v1", "events"]);
});

it("a user may subscribe to what its principal allows, and nothing else: forbidden looks like unknown", async () => {
  const { socketUrl } = await startGateway({ authenticate: later });
  const client = await connectV1(socketUrl, { token: "ada", streams: [{ channel: "news.1" }, { channel: "new" }] });
  client.send({ type: "subscribe", streams: [{ channel: "news" }, { channel: "account.acme" }] });
  await until("all are answered", () => client.all("verdict").flatMap(({ streams }) => streams).length === 2);
  const told = [...client.all("connected"), ...client.all("verdict")].flatMap(({ streams }) => streams);
  expect(told.map(({ channel, verdict }) => `${channel} ${verdict}`).sort((a, b) => a.localeCompare(b))).toEqual([
    "account.acme refused",
    "new refused",
    "news fresh",
    "news.1 fresh",
    "room.1 fresh",
  ]);
});

it("A-20 a request class is asked before the upgrade: 401 and no connection, or in; without a hello token", async () => {
  const gateway = createGateway({ authenticate: requestAuthenticator(Session) });
  onTestFinished(() => gateway.close({ drainMs: 0 }));
  const { url } = await gateway.listen({ port: 0 });
  const socketUrl = `${url.replace("http", "ws")}/api/ws/v1/events`;
  const seen: Connection[] = [];
  gateway.on("connection", (connection) => seen.push(connection));
  await expect(sayHello(socketUrl, { headers: { Cookie: "sid=2" } })).rejects.toThrow("401");
  await expect(sayHello(socketUrl)).rejects.toThrow("401");
  const plain = await openLink(socketUrl);
  expect((await plain.end()).code).toBe(4401);
  expect(seen).toEqual([]);
  const client = await sayHello(socketUrl, { headers: { Cookie: "sid=1" } });
  await client.next("connected");
  expect(seen.map(({ principal }) => principal)).toEqual([ada]);
});

it("A-20, R-13 an authenticator that throws is 500 before the upgrade and 1011 after it; the peer reads nothing of it", async () => {
  const errors: string[] = [];
  const { gateway, url, socketUrl } = await startGateway({
    authenticate: async ({ token }) => {
      if (token === "bad") throw new Error("db down: hunter2");
      return null;
    },
  });
  gateway.on("error", ({ message }) => void errors.push(message));
  await expect(sayHello(socketUrl, { headers: { Authorization: "Bearer bad" } })).rejects.toThrow("500");
  await expect(openLink(`${socketUrl}?api_key=bad`)).rejects.toThrow("500");
  const client = await sayHello(socketUrl, { token: "bad" });
  const end = await client.end();
  expect([end.code, client.frames]).toEqual([1011, []]);
  const stream = await fetch(`${url}/api/v1/events`, { headers: { Authorization: "Bearer bad" } });
  const publish = await fetch(`${url}/api/v1/publish`, {
    method: "POST",
    body: "{}",
    headers: { Authorization: "Bearer bad" },
  });
  expect([stream.status, publish.status]).toEqual([500, 500]);
  expect(end.reason + (await stream.text()) + (await publish.text())).not.toMatch(/hunter2/);
  expect(errors).toEqual(Array.from({ length: 5 }, () => "authenticate failed: db down: hunter2"));
  expect([...gateway.connections()]).toEqual([]);
  await connectV1(socketUrl, { token: testKeys.acme });
});

it("one that never answers is given up after greetTimeoutMs: 503 before the upgrade, 4408 after it", async () => {
  const clock = new ManualClock();
  const { authenticate, waiting } = heldUp();
  const { url, socketUrl } = await startGateway({ authenticate, clock, greetTimeoutMs: 1000 });
  const inHello = await sayHello(socketUrl, { token: "x" });
  const byHeader = sayHello(socketUrl, { headers: { Authorization: "Bearer x" } });
  byHeader.catch(() => {});
  const stream = fetch(`${url}/api/v1/events`, { headers: { Authorization: "Bearer x" } });
  const publish = fetch(`${url}/api/v1/publish`, {
    method: "POST",
    headers: { Authorization: "Bearer x" },
    body: "{}",
  });
  await until("all four are asked about", () => waiting.length === 4);
  clock.advance(1100);
  await expect(byHeader).rejects.toThrow("503");
  expect([(await stream).status, (await publish).status]).toEqual([503, 503]);
  expect((await inHello.end()).code).toBe(4408);
  // Too late: nobody is there to be let in.
  for (const settle of waiting) settle(ada);
});

it("§9 those who wait to be let in count as greetings; who leaves meanwhile leaves nothing behind", async () => {
  const { authenticate, waiting } = heldUp();
  const { gateway, port, socketUrl } = await startGateway({ authenticate, limits: { greetings: 3 } });
  const request =
    `GET /api/ws/v1/events HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
    `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: trunkline.v1\r\nAuthorization: Bearer x\r\n\r\n`;
  const sockets = [1, 2].map(() => connect(port, "127.0.0.1").on("error", () => {}));
  for (const socket of sockets) socket.write(request);
  const inHello = await sayHello(socketUrl, { token: "x" });
  await until("three are asked about", () => waiting.length === 3);
  await expect(sayHello(socketUrl)).rejects.toThrow("503");
  expect(
    (
      await fetch(`http://127.0.0.1:${port}/api/v1/publish`, {
        method: "POST",
        headers: { Authorization: `Bearer ${testKeys.acme}` },
        body: '{"event":"e"}',
      })
    ).status,
  ).toBe(202);
  sockets[0]?.destroy();
  sockets[1]?.resetAndDestroy();
  inHello.ws.terminate();
  for (const settle of waiting) settle(ada);
  const next = sayHello(socketUrl, { token: "x" });
  await until("there is room again", () => waiting.length === 4);
  waiting[3]?.(ada);
  await (await next).next("connected");
  await until("only the last one is there", () => [...gateway.connections()].length === 1);
});

it("a gateway that closes waits for no authenticator", async () => {
  const { authenticate, waiting } = heldUp();
  const { gateway, socketUrl } = await startGateway({ authenticate });
  const client = sayHello(socketUrl, { headers: { Authorization: "Bearer x" } });
  client.catch(() => {});
  await until("it is asked about", () => waiting.length === 1);
  await gateway.close({ drainMs: 0 });
  await expect(client).rejects.toThrow("503");
});

it("a page of a foreign origin can't publish with the cookies of its reader", async () => {
  const publisher: Principal = { kind: "user", account: "acme", id: "ada", mayPublish: ["*"] };
  class Writer extends Session {
    override principal = (): Principal => publisher;
  }
  const { url } = await startGateway({ authenticate: requestAuthenticator(Writer) });
  const post = async (headers: Record<string, string>) =>
    (await fetch(`${url}/api/v1/publish`, { method: "POST", body: '{"event":"e"}', headers })).status;
  expect(await post({ Cookie: "sid=1", Origin: "https://evil.example" })).toBe(403);
  expect(await post({ Cookie: "sid=1", Origin: url })).toBe(202);
  expect(await post({ Cookie: "sid=1" })).toBe(202);
});

it("A-20, §2.8 a JWT lets in by every way, also one whose keys are fetched first; a forged one nobody, and it is repeated nowhere", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keys = createServer((_, response) =>
    response.end(JSON.stringify({ keys: [publicKey.export({ format: "jwk" })] })),
  );
  await new Promise<void>((resolve) => keys.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void keys.close());
  const lines: string[] = [];
  const line = (message: string, fields?: object): void => void lines.push(message + inspect(fields, { depth: 9 }));
  const { gateway, url, socketUrl } = await startGateway({
    authenticate: jwt({ jwksUrl: `http://127.0.0.1:${(keys.address() as AddressInfo).port}`, audience: "live" }),
    logger: { debug: line, info: line, warn: line, error: line },
  });
  const claims = { sub: "ada", account: "acme", channels: ["room.1"], publish: ["room.*"] };
  const token = await signToken(claims, { privateKey, audience: "live" });
  const bearer = { Authorization: `Bearer ${token}` };
  const seen: string[] = [];
  gateway.on("connection", ({ principal }) => void seen.push(principal.kind));
  await connectV1(socketUrl, { token });
  await (await sayHello(socketUrl, { headers: bearer })).next("connected");
  const plain = await openLink(`${socketUrl}?api_key=${token}`);
  await until("the plain one is in", () => plain.frames.length > 0);
  expect((await openEventStream(url, { key: token })).response.status).toBe(200);
  const body = '{"event":"said","channel":"room.1"}';
  expect((await fetch(`${url}/api/v1/publish`, { method: "POST", headers: bearer, body })).status).toBe(202);
  expect(seen).toEqual(["user", "user", "user", "user"]);

  const forged = await signToken(claims, {
    privateKey: generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
    audience: "live",
  });
  const client = await sayHello(socketUrl, { token: forged });
  expect(await client.next("error")).toMatchObject({ code: "gateway.unauthorized", fatal: true });
  const { code, reason } = await client.end();
  expect(code).toBe(4401);
  await expect(sayHello(socketUrl, { headers: { Authorization: `Bearer ${forged}` } })).rejects.toThrow("401");
  const refused = await openLink(`${socketUrl}?api_key=${forged}`);
  expect((await refused.end()).code).toBe(4401);
  const said = [reason, ...lines, ...client.frames, ...refused.frames].join("\n");
  for (const part of [...token.split("."), ...forged.split(".")].filter((text) => text.length > 50))
    expect(said).not.toContain(part);
});

it("R-13 a client outlives an authenticator that fails for a while, and stops for good at a forbidden token", async () => {
  let broken = true;
  const { url } = await startGateway({
    authenticate: async ({ token }) => {
      if (broken) throw new Error("db down");
      if (token === "banned") throw new GatewayError("gateway.forbidden", "expected somebody who is welcome");
      return token === "ada" ? ada : null;
    },
  });
  const attempts: string[] = [];
  const clientOf = (token: string) => {
    const client = createClient({
      url,
      backoff: () => 1,
      getToken: () => {
        attempts.push(token);
        return token;
      },
    });
    onTestFinished(() => client.close());
    const errors: string[] = [];
    client.on("error", ({ code }) => void errors.push(code));
    return { client, errors };
  };
  const { client, errors } = clientOf("ada");
  await until("it has tried again", () => attempts.length > 2);
  expect(client.status).not.toBe("connected");
  expect(errors.filter((code) => code.startsWith("gateway."))).toEqual([]);
  broken = false;
  await until("it is in", () => client.status === "connected");
  const banned = clientOf("banned");
  await until("it is told", () => banned.errors.includes("gateway.forbidden"));
  await until("it has stopped", () => banned.client.status === "disconnected");
  expect(attempts.filter((token) => token === "banned")).toHaveLength(1);
});
