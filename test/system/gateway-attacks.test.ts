// What a hostile peer can try, and what it gets.
import { createServer } from "node:http";
import { type AddressInfo, type Socket, connect } from "node:net";
import { createGateway } from "@trunkline/gateway";
import { expect, it, onTestFinished } from "vitest";
import { connectV1, sayHello } from "../support/frame-client.ts";
import { rawClient } from "../support/rfc6455-client.ts";
import { Opcode, encodeFrame } from "../support/rfc6455-frames.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const token = testKeys.acme;

/** What a raw request is answered. */
function answerTo(port: number, request: string): { readonly socket: Socket; text: () => string } {
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  let text = "";
  socket.on("data", (data) => (text += String(data))).on("error", () => {});
  socket.write(request);
  return { socket, text: () => text };
}

it("an upgrade of somebody else's path is answered when there is nobody else", async () => {
  const server = createServer((_, response) => response.end("app"));
  const gateway = createGateway({ anonymous: true });
  onTestFinished(() => gateway.close({ drainMs: 0 }));
  onTestFinished(() => void server.close());
  gateway.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const { socket, text } = answerTo(
    port,
    "GET /other HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  await until("the socket is closed", () => socket.closed);
  expect(text()).toMatch(/^HTTP\/1\.1 404 /);
  // With another listener it is that one's.
  server.on("upgrade", (_, theirs) => theirs.end("theirs"));
  const second = answerTo(port, "GET /other HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  await until("the other one answers", () => second.text() === "theirs");
});

it("closing while it begins to listen leaves no server behind", async () => {
  const gateway = createGateway({ anonymous: true });
  const listening = gateway.listen({ port: 0 }).then(
    ({ url }) => url,
    (error: { code: string }) => error.code,
  );
  await gateway.close();
  const outcome = await listening;
  if (outcome !== "usage.closed") await expect(fetch(outcome)).rejects.toThrow("fetch failed");
});

it("§7.4 who is still on the way in when the gateway begins to drain is asked to leave as soon as it is connected", async () => {
  const { gateway, socketUrl } = await startGateway();
  const arrived: (() => void)[] = [];
  gateway.on("connection", () => new Promise<void>((resolve) => arrived.push(resolve)));
  const client = await sayHello(socketUrl, { token });
  await until("it is on its way in", () => arrived.length === 1);
  const closing = gateway.close({ drainMs: 60_000 });
  arrived[0]?.();
  await client.next("connected");
  await client.next("drain");
  client.ws.close(1000);
  await closing;
});

it("a peer that asks for more and more without reading the answers is dropped", async () => {
  const { gateway, socketUrl } = await startGateway({ limits: { messagesPerSecond: 1e6, messageBurst: 1e6 } });
  const client = await connectV1(socketUrl, { token });
  client.ws.pause();
  const streams = Array.from({ length: 3000 }, (_, index) => ({ channel: `c${index}` }));
  const subscribe = JSON.stringify({ type: "subscribe", streams });
  let sent = 0;
  await until("it is dropped", () => {
    if (client.ws.bufferedAmount < 1_000_000 && sent++ < 2000) client.send(subscribe);
    return gateway.stats().connections === 0;
  });
});

it("a peer that sends WebSocket pings without reading the pongs costs no more than its budget", async () => {
  const sockets: Socket[] = [];
  const server = createServer().on("connection", (socket) => sockets.push(socket));
  const gateway = createGateway({ anonymous: true, limits: { unreadBytes: 65_536 } });
  onTestFinished(() => void server.close());
  onTestFinished(() => gateway.close({ drainMs: 0 }));
  gateway.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const client = await rawClient(`ws://127.0.0.1:${port}/api/ws/v1/events`, { protocols: ["trunkline.v1"] });
  onTestFinished(() => client.drop());
  client.send(Opcode.ping, "hi");
  expect((await client.next())?.opcode).toBe(Opcode.pong);
  client.socket.pause();
  const pings = Buffer.concat(
    Array.from({ length: 1000 }, () => encodeFrame(Opcode.ping, Buffer.alloc(125), { fin: true, masked: true })),
  );
  const [served] = sockets as [Socket];
  let written = 0;
  await until("all pings are read", () => {
    for (; written < 200 && client.socket.writableLength < 1_000_000; written++) client.socket.write(pings);
    return written === 200 && served.bytesRead > 200 * pings.length;
  });
  expect(served.writableLength).toBeLessThan(5_000_000);
});
