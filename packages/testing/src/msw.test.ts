// Clients over the global WebSocket, as pages have it, against a test gateway behind msw.
import { type Client, createClient } from "@trunkline/core";
import { plain } from "@trunkline/core/plain";
import { webSocketTransport } from "@trunkline/transport-browser";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { trunklineHandlers } from "./msw.ts";
import { createTestGateway, type TestGateway, type TestGatewayOptions } from "./test-gateway.ts";

const url = "https://app.example.com";
const server = setupServer();
beforeAll(() => server.listen({ onUnhandledFrame: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

function start(options?: TestGatewayOptions): TestGateway {
  const gateway = createTestGateway(options);
  onTestFinished(() => gateway.close());
  server.use(...trunklineHandlers(url, gateway));
  return gateway;
}

function open(options: Partial<Parameters<typeof createClient>[0]> = {}): Client {
  const client = createClient({ url, transport: webSocketTransport(), backoff: () => 1, ...options });
  onTestFinished(() => client.close());
  client.on("error", () => {});
  return client;
}

it("bridges a client of the global WebSocket to the test gateway", async () => {
  const gateway = start();
  const client = open({ apiKey: gateway.apiKey, channels: ["orders"] });
  const told: unknown[] = [];
  client.on("order.placed", (data) => told.push(data));
  await client.ready();
  for (let index = 0; index < 100; index++)
    await gateway.publish({ event: "order.placed", channel: "orders", data: index });
  await vi.waitUntil(() => told.length === 100);
  expect(told).toEqual(Array.from({ length: 100 }, (_, index) => index));
  expect(await client.ping()).toBeGreaterThanOrEqual(0);
  await client.close();
  await vi.waitUntil(() => gateway.clients.length === 0);
});

it("takes the query of a client's URL along", async () => {
  const gateway = createTestGateway();
  onTestFinished(() => gateway.close());
  const urls: string[] = [];
  const open = gateway.transport.open.bind(gateway.transport);
  const transport = {
    ...gateway.transport,
    open: (...args: Parameters<typeof open>) => (urls.push(args[0].url), open(...args)),
  };
  const base = `${url}?connection=a%3D`;
  server.use(...trunklineHandlers(base, { url: gateway.url, transport }));
  const client = createClient({ url: base, apiKey: gateway.apiKey, transport: webSocketTransport() });
  onTestFinished(() => client.close());
  await client.ready();
  expect(urls.map((opened) => new URL(opened).search)).toEqual(["?connection=a%3D"]);
});

it("carries losses and returns: what was missed comes", async () => {
  const gateway = start();
  const client = open({ apiKey: gateway.apiKey });
  const told: unknown[] = [];
  client.on("*", (data) => told.push(data));
  await client.ready();
  const lost = client.once("status");
  gateway.disconnect();
  await gateway.publish({ event: "meanwhile", data: 1 });
  expect(await lost).toEqual(["reconnecting", "connected"]);
  await vi.waitUntil(() => told.length === 1);
});

it("carries a refusal", async () => {
  start({ anonymous: false });
  await expect(open({ apiKey: "sk_unknown" }).ready()).rejects.toMatchObject({ code: "gateway.unauthorized" });
});

it("carries a goodbye", async () => {
  const gateway = start();
  const client = open();
  await client.ready();
  const lost = client.once("status");
  await gateway.close();
  await lost;
  expect(client.health().lastError?.message).toContain("1001");
});

it("bridges the plain dialect, whose key is in the URL", async () => {
  const gateway = start({ anonymous: false });
  const client = open({ apiKey: gateway.apiKey, dialect: plain() });
  const told = client.once("post.created");
  await client.ready();
  await gateway.publish({ event: "post.created", data: { id: 1 } });
  expect((await told)[0]).toMatchObject({ id: 1 });
});

it("ends a link that sends a Blob", async () => {
  start();
  const socket = new WebSocket(`${url.replace("https", "wss")}/api/ws/v1/events`, ["trunkline.v1"]);
  const closed = new Promise<CloseEvent>((resolve) => (socket.onclose = resolve));
  socket.onopen = () => socket.send(new Blob(["x"]));
  expect(await closed).toMatchObject({ code: 1003 });
});
