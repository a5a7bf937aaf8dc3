// Which upgrades are the gateway's, and what becomes of those that are not, by raw sockets.
import { type Server, createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { UsageError } from "@trunkline/core/errors";
import { type Gateway, type GatewayOptions, createGateway, memoryBroker } from "@trunkline/gateway";
import { expect, it, onTestFinished } from "vitest";
import { connectV1 } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const socketPath = "/api/ws/v1/events";
const streamPath = "/api/v1/events";
const handshake = {
  Host: "x",
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version": "13",
};

type Headers = Readonly<Record<string, string | undefined>>;

/** The beginning of what is answered to a request, up to the text that is waited for. */
async function answerTo(
  port: number,
  path: string,
  headers: Headers = {},
  { method = "GET", wanted = /\r\n\r\n/, body = "" } = {},
): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  let text = "";
  socket.on("data", (data) => (text += String(data))).on("error", () => {});
  const lines = Object.entries({ ...handshake, ...headers }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  socket.write([`${method} ${path} HTTP/1.1`, ...lines, "", body].join("\r\n"));
  await until(`${method} ${path} is answered`, () => wanted.test(text) || socket.closed);
  return text;
}

const statusOf = (answer: string): number => Number(answer.split(" ")[1]);

/** A gateway beside an app, which says what it was asked for. */
async function besideApp(
  options: GatewayOptions,
): Promise<{ readonly port: number; readonly server: Server; readonly gateway: Gateway }> {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk))).on("end", () => response.end(`app ${request.url} ${body}.`));
  });
  const gateway = createGateway(options);
  gateway.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    await gateway.close({ drainMs: 0 });
    server.close().closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, server, gateway };
}

it("P-02 an upgrade to WebSocket is one however it is written", async () => {
  const { port } = await startGateway({ anonymous: true });
  for (const Upgrade of ["websocket", "WebSocket", "WEBSOCKET"]) {
    const answer = await answerTo(port, socketPath, { Upgrade, "Sec-WebSocket-Protocol": "trunkline.v1" });
    expect(statusOf(answer)).toBe(101);
    expect(answer).toContain("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  }
});

it.each<readonly [string, Headers]>([
  ["without a key", { "Sec-WebSocket-Key": undefined }],
  ["with a key that is too short", { "Sec-WebSocket-Key": "c2hvcnQ=" }],
  ["with a key that is no base64", { "Sec-WebSocket-Key": "!!!!!!!!!!!!!!!!!!!!!!!!" }],
  ["without a version", { "Sec-WebSocket-Version": undefined }],
  ["of another version", { "Sec-WebSocket-Version": "12" }],
  ["for another subprotocol", { "Sec-WebSocket-Protocol": "graphql-ws" }],
])("P-02 a handshake %s is 400, and the gateway goes on", async (_, headers) => {
  const { port } = await startGateway({ anonymous: true });
  expect(statusOf(await answerTo(port, socketPath, headers))).toBe(400);
  expect(statusOf(await answerTo(port, socketPath))).toBe(101);
});

it("P-02 what is not the gateway's is left to the app", async () => {
  const { port, server } = await besideApp({ anonymous: true });
  const wanted = /app .*\./;
  // Not to WebSocket: clients that could do HTTP/2 ask with everything.
  const h2c = { Connection: "Upgrade, HTTP2-Settings", Upgrade: "h2c", "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA" };
  expect(await answerTo(port, "/page", h2c, { wanted })).toMatch(/^HTTP\/1\.1 200 [^]*app \/page \./);
  const post = { ...h2c, "Content-Length": "5" };
  expect(await answerTo(port, "/form", post, { method: "POST", body: "a=b&c", wanted })).toMatch(/app \/form a=b&c\./);
  expect(await answerTo(port, socketPath, h2c, { wanted })).toMatch(/app \/api\/ws\/v1\/events \./);
  expect(await answerTo(port, "/healthz", h2c, { wanted: /alive/ })).toContain("200 OK");
  // No upgrade at all.
  const none = { Connection: "close", Upgrade: undefined };
  expect(await answerTo(port, socketPath, none, { wanted })).toMatch(/app \/api\/ws\/v1\/events \./);
  // Another path: refused while nobody takes it, else whose it is, whatever it is to.
  expect(statusOf(await answerTo(port, "/theirs"))).toBe(404);
  server.on("upgrade", ({ url, headers }, socket) => {
    if (url === "/theirs") socket.end(`HTTP/1.1 418 theirs\r\n\r\n${headers.upgrade}.`);
  });
  for (const Upgrade of ["websocket", "h2c"])
    expect(await answerTo(port, "/theirs", { Upgrade }, { wanted: /\.$/ })).toContain(`418 theirs\r\n\r\n${Upgrade}.`);
  expect(statusOf(await answerTo(port, socketPath))).toBe(101);
});

it("P-02 a gateway that goes leaves the app's server as it was", async () => {
  const server = createServer((request, response) => response.end(`app ${request.headers.upgrade}.`));
  /** What Node asks whether an upgrade is one. */
  const asked = () => (server as { readonly shouldUpgradeCallback?: unknown }).shouldUpgradeCallback;
  expect(typeof asked()).toBe("function");
  const [first, second] = [createGateway({ anonymous: true }), createGateway({ anonymous: true })];
  const detachFirst = first.attach(server);
  const detachSecond = second.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    await Promise.all([first.close({ drainMs: 0 }), second.close({ drainMs: 0 })]);
    server.close().closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  detachFirst();
  expect(statusOf(await answerTo(port, socketPath))).toBe(101);
  detachSecond();
  // Without listeners an upgrade is a request.
  for (const Upgrade of ["websocket", "h2c"])
    expect(await answerTo(port, socketPath, { Upgrade }, { wanted: /\.$/ })).toContain(`app ${Upgrade}.`);
  const third = createGateway({ anonymous: true });
  const before = asked();
  third.attach(server);
  expect(asked()).not.toBe(before);
  await third.close({ drainMs: 0 });
  expect(asked()).toBe(before);
});

it("P-02 a gateway of its own answers clients that would rather talk HTTP/2", async () => {
  const { port } = await startGateway();
  const body = '{"event":"e","data":1}';
  const headers = {
    Connection: "Upgrade, HTTP2-Settings",
    Upgrade: "h2c",
    "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA",
    Authorization: `Bearer ${testKeys.acme}`,
    "Content-Length": String(body.length),
  };
  expect(await answerTo(port, "/api/v1/publish", headers, { method: "POST", body, wanted: /offset/ })).toContain("202");
});

it("P-02 switched off, no connection is taken, whoever asks; the rest goes on", async () => {
  const broker = memoryBroker();
  onTestFinished(() => broker.close());
  const secretKeys = [{ key: testKeys.acme, account: "acme" }];
  const { port, gateway } = await besideApp({ enabled: false, broker, secretKeys });
  const alone = createGateway({ enabled: false });
  onTestFinished(() => alone.close({ drainMs: 0 }));
  const own = await alone.listen({ port: 0 });
  const none = { Connection: "close", Upgrade: undefined, Authorization: `Bearer ${testKeys.acme}` };
  for (const at of [port, own.port]) {
    expect(statusOf(await answerTo(at, `${socketPath}?api_key=${testKeys.acme}`))).toBe(404);
    expect(statusOf(await answerTo(at, socketPath, { "Sec-WebSocket-Protocol": "trunkline.v1" }))).toBe(404);
    expect(statusOf(await answerTo(at, socketPath, { "Sec-WebSocket-Key": undefined }))).toBe(404);
    expect(statusOf(await answerTo(at, streamPath, none))).toBe(404);
    const post = { ...none, "Content-Length": "2" };
    expect(statusOf(await answerTo(at, streamPath, post, { method: "POST", body: "{}" }))).toBe(404);
    expect(statusOf(await answerTo(at, "/healthz", none))).toBe(200);
  }
  expect(await answerTo(port, "/page", none, { wanted: /\.$/ })).toContain("app /page .");
  // What is published here is heard where connections are taken.
  const other = await startGateway({ broker });
  const client = await connectV1(other.socketUrl, { token: testKeys.acme });
  await gateway.publish({ event: "said", data: 1 }, { account: "acme" });
  expect(await client.next("event")).toMatchObject({ event: "said" });
});

it("P-02 `enabled` is true or false, and nothing that looks like it", () => {
  expect(() => createGateway({ enabled: "false" as unknown as boolean, anonymous: true })).toThrow(UsageError);
  expect(() => createGateway({ enabled: true })).toThrow(/nobody could come in/);
});
