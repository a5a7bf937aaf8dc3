import { memoryBroker } from "@trunkline/gateway";
import { expect, it, onTestFinished } from "vitest";
import { createClient } from "trunkline";
import { startRoundRobinProxy } from "../support/round-robin-proxy.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const account = { account: "acme" };

it("§7.4 a gateway that drains hands its clients to the other one: nobody is ever disconnected, each event comes once and in order", async () => {
  const broker = memoryBroker();
  const leaving = await startGateway({ broker });
  const staying = await startGateway({ broker });
  const proxy = await startRoundRobinProxy([leaving.url, staying.url]);
  onTestFinished(() => proxy.close());
  const clients = Array.from({ length: 20 }, () => {
    const client = createClient({ url: proxy.url, apiKey: testKeys.acme, backoff: () => 20 });
    onTestFinished(() => client.close());
    const ticks: unknown[] = [];
    const told: unknown[] = [];
    client.on("tick", (n) => ticks.push(n));
    client.on("gap", (gap) => told.push(gap));
    client.on("error", (error) => told.push(error));
    return { client, ticks, told };
  });
  await Promise.all(clients.map(({ client }) => client.ready()));
  const before = new Set(clients.map(({ client }) => client.health().connection));
  for (const { client, told } of clients) client.on("status", (status) => told.push(status));
  expect(leaving.gateway.stats().connections).toBe(10);

  let published = 0;
  const publish = (): Promise<unknown> => staying.gateway.publish({ event: "tick", data: ++published }, account);
  let drained = false;
  const closing = leaving.gateway.close({ drainMs: 10_000 }).then(() => (drained = true));
  await until("everybody has moved", async () => {
    await publish();
    return drained;
  });
  await closing;
  for (let count = 0; count < 10; count++) await publish();
  const all = Array.from({ length: published }, (_, index) => index + 1);
  await until("everything came", () => clients.every(({ ticks }) => ticks.length >= published));
  for (const { ticks, told } of clients) expect([ticks, told]).toEqual([all, []]);
  expect(staying.gateway.stats().connections).toBe(20);
  expect(clients.filter(({ client }) => before.has(client.health().connection)).length).toBe(10);
});
