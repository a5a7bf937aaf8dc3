import { type Client, createClient, createOutbox, defineContract, event } from "@trunkline/core";
import { expect, it, onTestFinished, vi } from "vitest";
import { type TestGateway, type TestGatewayOptions, createTestGateway } from "./test-gateway.ts";

function start(options?: TestGatewayOptions): TestGateway {
  const gateway = createTestGateway(options);
  onTestFinished(() => gateway.close());
  return gateway;
}

async function connect(gateway: TestGateway): Promise<Client> {
  const { url, transport, apiKey } = gateway;
  const client = createClient({ url, transport, apiKey, channels: ["orders"], backoff: () => 1 });
  onTestFinished(() => client.close());
  client.on("error", () => {});
  await client.ready();
  return client;
}

/** Everything of `orders` that `client` is told, in order. */
function diary(client: Client): unknown[] {
  const told: unknown[] = [];
  client.on("*", (data) => told.push(data));
  client.on("gap", ({ channel, reason }) => channel === "orders" && told.push(`gap: ${reason}`));
  return told;
}

const order = (data: unknown) => ({ event: "order.placed", channel: "orders", data });

it("delivers what is published to a real client, without a network", async () => {
  const gateway = start();
  const client = await connect(gateway);
  const told = diary(client);
  expect(await gateway.publish(order(1))).toMatchObject({ stream: "orders", offset: 1 });
  await vi.waitUntil(() => told.length === 1);
  expect(told).toEqual([1]);
  expect(gateway.clients.map(({ channels }) => channels)).toEqual([["account.default", "orders"]]);
  await client.close();
  await vi.waitUntil(() => gateway.clients.length === 0);
});

it("carries events of hundreds of kilobytes", async () => {
  const gateway = start();
  const told = diary(await connect(gateway));
  const large = "x".repeat(200_000);
  for (let index = 0; index < 10; index++) await gateway.publish(order(large));
  await vi.waitUntil(() => told.length === 10);
  expect(told.every((data) => data === large)).toBe(true);
});

it("P-44 answers what was published to a channel, whoever published it, and a repetition once", async () => {
  const contract = defineContract({
    events: { typing: event({ delivery: "volatile" }), "till.set": event({ delivery: "state" }) },
  });
  const gateway = start({ contract });
  const client = await connect(gateway);
  await gateway.publish({ ...order(1), id: "o-1" });
  await gateway.publish({ ...order(1), id: "o-1" });
  await createOutbox(client).publish("order.placed", 2, { channel: "orders" });
  await gateway.publish({ event: "typing", channel: "orders" });
  await gateway.publish({ event: "till.set", channel: "orders", data: "busy" });
  await gateway.publish({ event: "elsewhere" });
  const log = { account: "default", channel: "orders", line: "log", epoch: expect.any(String) };
  expect(gateway.published({ to: "orders" })).toEqual([
    { ...log, offset: 1, event: "order.placed", data: 1, id: "o-1" },
    { ...log, offset: 2, event: "order.placed", data: 2, id: expect.any(String) },
    { ...log, line: "volatile", epoch: "", offset: 0, event: "typing", data: null },
    { ...log, line: "state", offset: 1, event: "till.set", key: "till.set", data: "busy", deleted: false },
  ]);
  expect(gateway.published({ to: "nowhere" })).toEqual([]);
  expect(gateway.published()).toHaveLength(5);
  expect(gateway.published({ account: "other" })).toEqual([]);
});

it("disconnect() cuts every link; clients come back and miss nothing", async () => {
  const gateway = start();
  const client = await connect(gateway);
  const told = diary(client);
  const statuses: string[] = [];
  client.on("status", (status) => statuses.push(status));
  gateway.disconnect();
  await gateway.publish(order("meanwhile"));
  await vi.waitUntil(() => told.length === 1);
  expect(statuses).toEqual(["reconnecting", "connected"]);
  expect(told).toEqual(["meanwhile"]);
});

it("restart() loses the streams, and clients are told", async () => {
  const gateway = start();
  const client = await connect(gateway);
  const told = diary(client);
  await gateway.publish(order("before"));
  await vi.waitUntil(() => told.length === 1);
  const [{ epoch }] = [await gateway.publish(order("last"))];
  await vi.waitUntil(() => told.length === 2);
  await gateway.restart();
  await vi.waitUntil(() => told.length === 3);
  await client.ready();
  expect((await gateway.publish(order("after"))).epoch).not.toBe(epoch);
  await vi.waitUntil(() => told.length === 4);
  expect(told).toEqual(["before", "last", "gap: epoch", "after"]);
});

it("drain() hands the clients over to a successor, and nothing is missed or told twice", async () => {
  const gateway = start();
  const client = await connect(gateway);
  const told = diary(client);
  const statuses: string[] = [];
  client.on("status", (status) => statuses.push(status));
  const drained = gateway.drain({ drainMs: 2000 });
  for (let index = 0; index < 50; index++) await gateway.publish(order(index));
  await drained;
  await gateway.publish(order(50));
  await vi.waitUntil(() => told.length === 51);
  expect(told).toEqual(Array.from({ length: 51 }, (_, index) => index));
  expect(statuses).toEqual([]);
  expect(gateway.clients).toHaveLength(1);
});

it("close() says goodbye, twice if asked, and nobody comes in any more", async () => {
  const gateway = start();
  const client = await connect(gateway);
  const lost = client.once("status");
  await Promise.all([gateway.close(), gateway.close()]);
  expect(await lost).toEqual(["reconnecting", "connected"]);
  expect(client.health().lastError?.message).toContain("1001");
  await expect(gateway.restart()).rejects.toMatchObject({ code: "usage.closed" });
  await expect(gateway.drain()).rejects.toMatchObject({ code: "usage.closed" });
  await expect(gateway.publish(order(1))).rejects.toMatchObject({ code: "usage.closed" });
});

it("lets in who the options say, and tells the others", async () => {
  const gateway = start({ anonymous: false, secretKeys: [{ key: "sk_mine", account: "mine" }] });
  expect(gateway.apiKey).toBe("sk_mine");
  await connect(gateway);
  const { url, transport } = gateway;
  const stranger = createClient({ url, transport, apiKey: "sk_other" });
  onTestFinished(() => stranger.close());
  stranger.on("error", () => {});
  await expect(stranger.ready()).rejects.toMatchObject({ code: "gateway.unauthorized" });
});
