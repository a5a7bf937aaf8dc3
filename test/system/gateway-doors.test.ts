import { createServer } from "node:http";
import { type AddressInfo, type Socket, connect } from "node:net";
import { TrunklineError } from "@trunkline/core/errors";
import { createGateway, jwt, signToken } from "@trunkline/gateway";
import { expect, it, onTestFinished } from "vitest";
import { WebSocketServer } from "ws";
import { connectPlain, connectV1, openLink, sayHello } from "../support/frame-client.ts";
import { type RawClient, rawClient } from "../support/rfc6455-client.ts";
import { Opcode } from "../support/rfc6455-frames.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const token = testKeys.acme;
const path = "/api/ws/v1/events";

async function raw(
  url: string,
  ...rest: Parameters<typeof rawClient> extends [string, ...infer Rest] ? Rest : never
): Promise<RawClient> {
  const client = await rawClient(url, ...rest);
  onTestFinished(() => client.drop());
  return client;
}

it("R-11 D-23 listens on loopback unless told otherwise, and says where", async () => {
  const started = await startGateway();
  expect(started.host).toBe("127.0.0.1");
  expect(started.url).toBe(`http://127.0.0.1:${started.port}`);
  expect((await fetch(`${started.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${started.url}/elsewhere?api_key=${token}`)).status).toBe(404);
});

it("A-19 what is no WebSocket reads that there is nothing to see; attached, the app answers", async () => {
  const { url } = await startGateway();
  const answer = await fetch(url);
  expect([answer.status, await answer.text()]).toEqual([200, "Nothing to see here"]);
  expect((await fetch(url, { method: "HEAD" })).status).toBe(200);
  expect((await fetch(url, { method: "POST" })).status).toBe(404);
  const server = createServer((_, response) => response.end("the app's own"));
  const gateway = createGateway({ anonymous: true });
  gateway.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    await gateway.close({ drainMs: 0 });
    server.close().closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("the app's own");
});

it("behind a trusted proxy the address, TLS and host of the far end count; a header of anybody else does not", async () => {
  const seen = async (trustedProxies: readonly string[]) => {
    const { gateway, socketUrl } = await startGateway({ trustedProxies });
    const requests: unknown[] = [];
    gateway.on("connection", ({ remoteAddress, request }) =>
      requests.push([remoteAddress, request.secure, request.host]),
    );
    const headers = {
      "X-Forwarded-For": "203.0.113.7",
      "X-Forwarded-Proto": "https",
      "X-Forwarded-Host": "app.example",
      Origin: "https://app.example",
    };
    await connectV1(socketUrl, { token: testKeys.page, headers });
    return requests;
  };
  expect(await seen(["127.0.0.0/8"])).toEqual([["203.0.113.7", true, "app.example"]]);
  await expect(seen(["10.0.0.0/8"])).rejects.toThrow("403");
});

it("A-36 a client that is gone leaves nothing behind, however it went, and nobody who sends to it fails", async () => {
  const { gateway, url, socketUrl } = await startGateway();
  const errors: unknown[] = [];
  gateway.on("error", (error) => errors.push(error));
  const ways: ((client: Awaited<ReturnType<typeof connectV1>>) => void)[] = [
    ({ ws }) => ws.close(),
    ({ ws }) => ws.terminate(),
    ({ ws }) => (ws as unknown as { readonly _socket: Socket })._socket.resetAndDestroy(),
  ];
  for (const leave of ways) {
    const client = await connectV1(socketUrl, { token });
    const [connection] = gateway.connections();
    leave(client);
    const body = JSON.stringify(Array.from({ length: 100 }, (_, n) => ({ event: "e", data: n })));
    const publish = () =>
      fetch(`${url}/api/v1/publish`, { method: "POST", headers: { Authorization: `Bearer ${token}` }, body });
    expect((await publish()).status).toBe(202);
    await until("it is gone", () => gateway.stats().connections === 0);
    expect([...gateway.connections(), ...(connection?.channels ?? [])]).toEqual([]);
    await until("its channel is left", () => gateway.stats().brokerSubscriptions === 0);
    connection?.subscribe("room");
    connection?.close();
  }
  expect(errors).toEqual([]);
});

it("A-37 whatever a public call throws or rejects with is a TrunklineError with a code", async () => {
  const { gateway, port, socketUrl } = await startGateway();
  await connectV1(socketUrl, { token });
  const [connection] = gateway.connections();
  const closed = createGateway({ anonymous: true });
  await closed.close();
  const wrong: readonly (() => unknown)[] = [
    () => createGateway({}),
    () => createGateway({ secretKeys: [{ key: "" }] }),
    () => createGateway({ anonymous: true, authenticate: "x" as never }),
    () => createGateway({ anonymous: true, zebra: 1 } as never),
    () => gateway.listen({ port }),
    () => createGateway({ anonymous: true }).listen({ port }),
    () => createGateway({ anonymous: true }).listen({ port: 70_000 }),
    () => createGateway({ anonymous: true }).listen({ port: 0, tls: { key: "x", cert: "x" } }),
    () => gateway.publish({ event: "" }),
    () => gateway.publish({ event: "e" }, { account: "a/b" }),
    () => gateway.publish(null as never),
    () => connection?.subscribe("a*"),
    () => connection?.unsubscribe(""),
    () => connection?.close(1006),
    () => closed.attach(createServer()),
    () => closed.listen(),
    () => closed.publish({ event: "e" }),
    () => jwt({}),
    () => jwt({ secret: "x".repeat(32), publicKey: "x" }),
    () => signToken({ sub: "" }, { secret: "x".repeat(32) }),
    () => signToken({ sub: "ada" }, {}),
  ];
  for (const call of wrong) {
    const error: unknown = await (async () => call())().catch((cause: unknown) => cause);
    expect([String(call), error]).toEqual([String(call), expect.any(TrunklineError)]);
    expect((error as TrunklineError).code).toMatch(/^(usage|gateway)\.[a-z-]+$/);
  }
});

it("a taken port is a usage error that says what to do", async () => {
  const { port } = await startGateway();
  const second = createGateway({ anonymous: true });
  onTestFinished(() => second.close());
  await expect(second.listen({ port })).rejects.toMatchObject({
    code: "usage.bad-option",
    message: `gateway.listen: 127.0.0.1:${port} is taken by another process; stop that one, or give another port (0 takes a free one)`,
  });
  await second.listen({ port: 0 });
  await expect(second.listen({ port: 0 })).rejects.toMatchObject({ code: "usage.already-open" });
});

it("nobody to let in is a usage error that names both ways out", () => {
  expect(() => createGateway({})).toThrow(/secretKeys.*anonymous: true/);
  expect(() => createGateway({ anonymous: true, heartbeatMs: 0, limits: { unreadBytes: 1 }, origins: ["x"] })).toThrow(
    /heartbeatMs.*limits\.unreadBytes.*origins\[0\]/,
  );
});

it("W-16 (gateway half) a wrong key is refused once and for all: 401 by header, 4401 by hello and in the plain dialect", async () => {
  const { socketUrl, gateway } = await startGateway();
  await expect(sayHello(socketUrl, { headers: { Authorization: "Bearer nope" } })).rejects.toThrow("401");
  const v1 = await sayHello(socketUrl, { token: "nope" });
  expect(await v1.next("error")).toMatchObject({ code: "gateway.unauthorized", fatal: true });
  expect((await v1.end()).code).toBe(4401);
  for (const url of [`${socketUrl}?api_key=nope`, socketUrl]) {
    const plain = await openLink(url);
    expect((await plain.end()).code).toBe(4401);
    expect(plain.frames.map((frame) => Object.keys(JSON.parse(frame) as object))).toEqual([["type", "message"]]);
    expect(plain.messages[0]?.type).toBe("error");
  }
  expect(gateway.stats()).toMatchObject({ connections: 0, refused: 4 });
  const head = await raw(socketUrl, { protocols: ["trunkline.v1"], headers: { Authorization: "Bearer nope" } });
  expect(head.response.status).toBe(401);
  expect(JSON.parse(await head.response.body)).toMatchObject({ error: { code: "gateway.unauthorized" } });
});

it("§2.5 a secret key with an Origin is refused; a foreign origin too unless it is listed", async () => {
  const { socketUrl, port } = await startGateway({ origins: ["https://app.example.com"] });
  const own = { Origin: `http://127.0.0.1:${port}` };
  const hello = await sayHello(socketUrl, { token, headers: own });
  expect(await hello.next("error")).toMatchObject({ code: "gateway.forbidden", fatal: true });
  expect((await hello.end()).code).toBe(4403);
  await expect(sayHello(socketUrl, { headers: { ...own, Authorization: `Bearer ${token}` } })).rejects.toThrow("403");
  const plain = await openLink(`${socketUrl}?api_key=${token}`, { headers: own });
  expect((await plain.end()).code).toBe(4401);
  for (const Origin of [own.Origin, "https://app.example.com"]) {
    const page = await sayHello(socketUrl, { token: testKeys.page, headers: { Origin } });
    await page.next("connected");
  }
  await expect(
    sayHello(socketUrl, { token: testKeys.page, headers: { Origin: "https://evil.example" } }),
  ).rejects.toThrow("403");
  const foreign = await openLink(`${socketUrl}?api_key=${testKeys.page}`, {
    headers: { Origin: "https://evil.example" },
  });
  expect((await foreign.end()).code).toBe(4401);
});

it("only unknown subprotocols are a 400, and half a handshake too", async () => {
  const { socketUrl } = await startGateway();
  expect((await raw(socketUrl, { protocols: ["graphql-ws"] })).response.status).toBe(400);
  expect((await raw(socketUrl, { protocols: ["graphql-ws", "trunkline.v1"] })).protocol).toBe("trunkline.v1");
  for (const headers of [
    { "Sec-WebSocket-Key": undefined },
    { "Sec-WebSocket-Version": "7" },
    { "Sec-WebSocket-Key": "short" },
  ]) {
    expect((await raw(socketUrl, { headers })).response.status).toBe(400);
  }
});

it("P-35 binary is closed with 1003, text that is no JSON is answered and the link stays, in both dialects", async () => {
  const { socketUrl, gateway } = await startGateway();
  for (const client of [await connectV1(socketUrl, { token }), await connectPlain(socketUrl, token)]) {
    client.send("{not json");
    const error = await client.next("error");
    expect(error.message).toMatch(/^expected/);
    await gateway.publish({ event: "still", data: {} }, { account: "acme" });
    await until("it still hears", () => client.frames.some((frame) => frame.includes("still")));
    client.ws.send(Buffer.from([1, 2]));
    expect((await client.end()).code).toBe(1003);
  }
});

it("§3.2 the wrong field is named, unknown types are unsupported, unknown fields ignored, and 21 bad messages end it", async () => {
  const { socketUrl } = await startGateway();
  const client = await connectV1(socketUrl, { token });
  client.send({ type: "subscribe", streams: [{ channel: "a" }, { channel: 7 }] });
  expect(await client.next("error")).toEqual({
    type: "error",
    code: "peer.bad-frame",
    message: "subscribe.streams[1].channel: expected a string, got 7",
  });
  client.send({ type: "cancel", name: "x" });
  expect(await client.next("error")).toMatchObject({ code: "gateway.unsupported" });
  client.send({ type: "ping", id: 7, more: true });
  expect(await client.next("pong")).toEqual({ type: "pong", id: 7 });
  for (let index = 0; index < 20; index++) client.send("nonsense");
  expect((await client.end()).code).toBe(4400);
  expect(client.all("error").at(-1)).toMatchObject({ code: "peer.bad-frame", fatal: true });
});

it("a frame over the limit is closed with 1009, a fragmented hello is put together, broken UTF-8 is 1007", async () => {
  const { socketUrl } = await startGateway();
  const big = await connectV1(socketUrl, { token });
  big.send(`"${"x".repeat(70_000)}"`);
  expect((await big.end()).code).toBe(1009);
  const parts = await raw(socketUrl, { protocols: ["trunkline.v1"] });
  const text = JSON.stringify({ type: "hello", instance: "ü", token });
  parts.send(Opcode.text, text.slice(0, 20), { fin: false });
  parts.send(Opcode.ping, "in between");
  parts.send(Opcode.continuation, text.slice(20));
  expect((await parts.next())?.opcode).toBe(Opcode.pong);
  expect(String((await parts.next())?.payload)).toContain('"type":"connected"');
  parts.send(Opcode.text, new Uint8Array([0xc3, 0x28]));
  const close = await parts.next();
  expect(close?.opcode).toBe(Opcode.close);
  expect(Buffer.from(close?.payload ?? []).readUInt16BE()).toBe(1007);
});

it("§2.3 a hello that never comes is 4408, and what is no hello 4400", async () => {
  const { socketUrl, gateway } = await startGateway({ greetTimeoutMs: 60, limits: { greetings: 2 } });
  const silent = [
    await openLink(socketUrl, { protocols: ["trunkline.v1"] }),
    await openLink(socketUrl, { protocols: ["trunkline.v1"] }),
  ];
  await expect(openLink(socketUrl, { protocols: ["trunkline.v1"] })).rejects.toThrow("503");
  for (const client of silent) expect((await client.end()).code).toBe(4408);
  const early = await openLink(socketUrl, { protocols: ["trunkline.v1"] });
  early.send({ type: "ping" });
  expect((await early.end()).code).toBe(4400);
  expect(early.messages).toMatchObject([{ type: "error", fatal: true }]);
  await until("nothing is left", () => gateway.stats().connections === 0);
  const slowAuthorizer = await startGateway({ greetTimeoutMs: 60, authorize: () => new Promise<boolean>(() => {}) });
  const waiting = await sayHello(slowAuthorizer.socketUrl, { token, streams: [{ channel: "a" }] });
  expect((await waiting.end()).code).toBe(1013);
});

it("§9 more messages than the rate are closed with 4429", async () => {
  const { socketUrl } = await startGateway({ limits: { messagesPerSecond: 1, messageBurst: 50 } });
  const client = await connectV1(socketUrl, { token });
  for (let index = 0; index < 60; index++) client.send({ type: "ping" });
  expect((await client.end()).code).toBe(4429);
  expect(client.all("pong")).toHaveLength(49);
});

it("W-06, R-08, P-36, W-18 (gateway half) the gateway pings; who answers stays, who misses two is gone", async () => {
  const { socketUrl, gateway } = await startGateway({ heartbeatMs: 40 });
  const [alive, deaf] = [await connectV1(socketUrl, { token }), await connectV1(socketUrl, { token })];
  const [plain, plainDeaf] = [await connectPlain(socketUrl, token), await connectPlain(socketUrl, token)];
  deaf.answersPings = false;
  plainDeaf.answersPings = false;
  expect((await deaf.end()).code).toBe(4408);
  expect((await plainDeaf.end()).code).toBe(4408);
  expect(deaf.all("ping")).toHaveLength(2);
  expect(plainDeaf.frames).toEqual(['{"type":"connected"}', "ping", "ping"]);
  await until("many pings were answered", () => alive.all("ping").length > 6);
  expect(alive.all("ping")[0]).toEqual({
    type: "ping",
    positions: [{ channel: "account.acme", offset: 0, tag: "" }],
    spreadMs: 3,
  });
  expect(gateway.stats().connections).toBe(2);
  expect([alive.ended, plain.ended]).toEqual([null, null]);
});

it("P-34 a socket that breaks while it is written to is removed, and the others get everything", async () => {
  const { socketUrl, gateway } = await startGateway();
  const others = [await connectV1(socketUrl, { token }), await connectPlain(socketUrl, token)];
  const breaking = await raw(socketUrl, { protocols: ["trunkline.v1"] });
  breaking.text(JSON.stringify({ type: "hello", instance: "x", token }));
  await breaking.next();
  breaking.socket.pause();
  let published = 0;
  const flood = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) {
      published += 1;
      await gateway.publish({ event: "e", data: "x".repeat(1000) }, { account: "acme" });
    }
  };
  await flood(50);
  breaking.socket.resetAndDestroy();
  await flood(50);
  await until("it is gone", () => gateway.stats().connections === 2);
  await flood(1);
  await until("the others have all", () =>
    others.every((client) => client.frames.join("").split('"event":"e"').length - 1 === published),
  );
  expect(gateway.stats().errors).toBeGreaterThan(0);
});

it("§6.2 a close code mapped for browsers is understood", async () => {
  const { socketUrl, gateway } = await startGateway();
  const codes: number[] = [];
  gateway.on("disconnection", (_, code) => codes.push(code));
  const client = await connectV1(socketUrl, { token });
  client.ws.close(4901);
  await until("it is told", () => codes.length === 1);
  const lost = await connectV1(socketUrl, { token });
  lost.ws.terminate();
  await until("both are told", () => codes.length === 2);
  expect(codes).toEqual([1001, 1006]);
});

it("R-14 no key in any log line, error or metric, however it came in", async () => {
  const lines: string[] = [];
  const log = (message: string, fields?: object): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const { socketUrl, gateway, url } = await startGateway({ logger: { debug: log, info: log, warn: log, error: log } });
  const wrong = "sk_wrong_and_secret";
  await connectPlain(socketUrl, token);
  await connectV1(socketUrl, { token });
  const frames = [await openLink(`${socketUrl}?api_key=${wrong}`), await sayHello(socketUrl, { token: wrong })];
  for (const client of frames) await client.end();
  await rawClient(`${socketUrl}?api_key=${wrong}`, { protocols: ["other"] });
  await rawClient(`${socketUrl}?api_key=${wrong}`, {
    protocols: ["trunkline.v1"],
    headers: { Authorization: `Bearer ${wrong}` },
  });
  await fetch(`${url}/api/v1/publish?api_key=${wrong}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${wrong}` },
    body: "{",
  });
  const notFound = await (await fetch(`${url}/nowhere?api_key=${wrong}`)).text();
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(lines.length).toBeGreaterThan(5);
  const all = [
    ...lines,
    ...frames.flatMap((client) => client.frames),
    notFound,
    metrics,
    JSON.stringify(gateway.stats()),
  ].join("\n");
  for (const secret of [token, wrong]) expect(all).not.toContain(secret);
});

it("R-16 what throws or rejects in a callback reaches the error event and stops nothing else", async () => {
  const { socketUrl, gateway } = await startGateway({
    authorize: () => Promise.reject(new Error("authorizer")),
    logger: {
      debug: () => {},
      info: () => {
        throw new Error("logger");
      },
      warn: () => {},
      error: () => {},
    },
  });
  const told: string[] = [];
  gateway.on("connection", () => {
    throw new Error("listener");
  });
  gateway.on("connection", async () => Promise.reject(new Error("async listener")));
  gateway.on("connection", (connection) => connection.subscribe("room"));
  gateway.on("error", () => {
    throw new Error("error listener");
  });
  gateway.on("error", ({ code, message }) => told.push(`${code}: ${message}`));
  const client = await connectV1(socketUrl, { token, streams: [{ channel: "asked" }] });
  expect(client.hello.streams.map(({ channel, verdict }) => [channel, verdict])).toEqual([
    ["asked", "refused"],
    ["account.acme", "fresh"],
    ["room", "fresh"],
  ]);
  expect(new Set(told)).toEqual(
    new Set([
      "usage.listener-failed: the logger failed: logger",
      'usage.listener-failed: a "connection" listener failed: listener',
      'usage.listener-failed: a "connection" listener failed: async listener',
      "usage.listener-failed: authorize failed: authorizer",
    ]),
  );
  await gateway.publish({ event: "e" }, { account: "acme" });
  expect((await client.next("event")).event).toBe("e");
});

it("P-01 beside an app: its requests and other upgrades stay its own, and close takes the gateway off again", async () => {
  const gateway = createGateway({ secretKeys: [{ key: token, account: "acme" }] });
  const theirs = new WebSocketServer({ noServer: true });
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(request.url ?? "");
    response.end(`app ${request.url}`);
  });
  server.on("upgrade", (request, socket, head) => {
    if (request.url === "/app-socket") theirs.handleUpgrade(request, socket, head, (ws) => ws.send("app says hi"));
  });
  const listenersBefore = server.listeners("request");
  gateway.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    await gateway.close({ drainMs: 0 });
    server.closeAllConnections();
    server.close();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = await connectV1(`ws://${host}${path}`, { token });
  expect(await (await fetch(`http://${host}/page`)).text()).toBe("app /page");
  expect(await (await fetch(`http://${host}/healthz`)).json()).toEqual({ status: "alive" });
  const published = await fetch(`http://${host}/api/v1/publish`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}` },
    body: JSON.stringify({ event: "over.http", data: 1 }),
  });
  expect(published.status).toBe(202);
  expect((await client.next("event")).event).toBe("over.http");
  const app = await raw(`ws://${host}/app-socket`);
  expect(String((await app.next())?.payload)).toBe("app says hi");
  expect(seen).toEqual(["/page"]);
  // An upgrade that nobody answers is left as it is, neither answered nor ended.
  const stray = connect(Number(host.split(":")[1]), "127.0.0.1");
  stray.write("GET /stray HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  let strayHeard = false;
  stray.on("data", () => (strayHeard = true)).on("close", () => (strayHeard = true));
  await (await fetch(`http://${host}/healthz`)).text();
  expect(strayHeard).toBe(false);
  stray.destroy();
  await gateway.close({ drainMs: 0 });
  expect(server.listeners("request")).toEqual(listenersBefore);
  expect(server.listenerCount("upgrade")).toBe(1);
  expect(await (await fetch(`http://${host}/healthz`)).text()).toBe("app /healthz");
  expect(() => gateway.attach(server)).toThrow(/closed/);
  theirs.close();
});
