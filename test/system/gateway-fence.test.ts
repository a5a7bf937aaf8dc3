import type { StreamName } from "@trunkline/core/ports";
import { memoryBroker } from "@trunkline/gateway";
import { expect, it } from "vitest";
import { connectV1, sayHello } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const token = testKeys.acme;

it("§7.6 a newer link of the same instance ends the older one with 4409, and an older one is not let in", async () => {
  const { gateway, socketUrl } = await startGateway();
  const seen: string[] = [];
  gateway.on("connection", ({ id }) => seen.push(id));
  const old = await connectV1(socketUrl, { token, instance: "a", generation: 1 });
  const other = await connectV1(socketUrl, { token, instance: "b", generation: 1 });
  const stranger = await connectV1(socketUrl, { token: testKeys.globex, instance: "a", generation: 1 });
  const uncounted = await connectV1(socketUrl, { token, instance: "a" });
  const fresh = await connectV1(socketUrl, { token, instance: "a", generation: 2 });
  expect((await old.end()).code).toBe(4409);
  expect(old.all("error")).toMatchObject([{ code: "gateway.superseded", fatal: true }]);
  const late = await sayHello(socketUrl, { token, instance: "a", generation: 1 });
  expect((await late.end()).code).toBe(4409);
  expect(late.messages).toMatchObject([{ type: "error", code: "gateway.superseded", fatal: true }]);
  expect(seen).toHaveLength(5);
  for (const client of [other, stranger, uncounted, fresh]) {
    client.send({ type: "ping", id: 7 });
    expect(await client.next("pong")).toMatchObject({ id: 7 });
  }
  expect(gateway.stats()).toMatchObject({ connections: 4, refused: 2 });
});

it("§7.6 so do the other gateways of the same broker, whichever link they saw first", async () => {
  const broker = memoryBroker();
  const [one, two] = [await startGateway({ broker }), await startGateway({ broker })];
  const old = await connectV1(one.socketUrl, { token, instance: "a", generation: 1 });
  const fresh = await connectV1(two.socketUrl, { token, instance: "a", generation: 2 });
  expect((await old.end()).code).toBe(4409);
  const late = await sayHello(one.socketUrl, { token, instance: "a", generation: 1 });
  expect((await late.end()).code).toBe(4409);
  expect(fresh.ended).toBeNull();
  expect([one.gateway.stats().connections, two.gateway.stats().connections]).toEqual([0, 1]);
});

it("§7.6 a link that was asked to leave has until the drain's end, wherever the newer one is", async () => {
  const broker = memoryBroker();
  const told: string[] = [];
  const listener = { onEntry: () => {}, onDoubt: () => {}, onAvailable: () => {} };
  await broker
    .open({ ...listener, onVolatile: (_, body) => told.push(body) })
    .subscribe("~gateway/fence" as StreamName);
  const [one, two] = [await startGateway({ broker }), await startGateway({ broker })];
  const old = await connectV1(one.socketUrl, { token, instance: "a", generation: 1 });
  const closing = one.gateway.close({ drainMs: 60_000 });
  await old.next("drain");
  await connectV1(two.socketUrl, { token, instance: "a", generation: 2 });
  await until("the first gateway was told", () => told.some((body) => body.includes(",2]")));
  old.send({ type: "publish", ref: 1, event: "last" });
  expect(await old.next("published")).toMatchObject({ ref: 1, offset: 1 });
  old.ws.close(1000);
  await closing;
});
