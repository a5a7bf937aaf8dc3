import { createGateway } from "@trunkline/gateway";
import { expect, it } from "vitest";
import { connectPlain, connectV1, openLink } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const token = testKeys.acme;
const account = { account: "acme" };

it("§7.4 drain asks, refuses new links, says not ready, closes who stays with 1001, and loses nothing it accepted", async () => {
  const { gateway, socketUrl, url } = await startGateway();
  const polite = await connectV1(socketUrl, { token });
  const stubborn = await connectV1(socketUrl, { token });
  const plain = await connectPlain(socketUrl, token);
  const receipts = Promise.all(
    Array.from({ length: 200 }, (_, index) => gateway.publish({ event: "e", data: index }, account)),
  );
  const closing = gateway.close({ drainMs: 400 });
  expect(gateway.close()).toBe(closing);
  const { spreadMs } = await polite.next("drain");
  expect(spreadMs).toBeLessThanOrEqual(200);
  expect((await fetch(`${url}/readyz`)).status).toBe(503);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  await expect(openLink(socketUrl)).rejects.toThrow("503");
  // Still accepted while a link is there, and still delivered.
  const late = await gateway.publish({ event: "late" }, account);
  expect(late.offset).toBe(201);
  await until("it came", () => polite.events.length === 201);
  polite.ws.close(1000);
  expect((await stubborn.end()).code).toBe(1001);
  expect((await plain.end()).code).toBe(1001);
  await closing;
  expect((await receipts).map(({ offset }) => offset)).toEqual(
    stubborn.events.slice(0, 200).map(({ offset }) => offset),
  );
  expect(stubborn.events.at(-1)?.event).toBe("late");
  expect(plain.plainEvents.length).toBeGreaterThanOrEqual(200);
  await expect(fetch(`${url}/healthz`)).rejects.toThrow("fetch failed");
  await expect(gateway.publish({ event: "x" }, account)).rejects.toMatchObject({ code: "usage.closed" });
  expect(gateway.stats()).toMatchObject({ connections: 0, channels: 0, brokerSubscriptions: 0, draining: true });
});

it("§7.4 closing at once still flushes what was accepted before", async () => {
  const { gateway, socketUrl } = await startGateway();
  const clients = [await connectV1(socketUrl, { token }), await connectPlain(socketUrl, token)];
  for (let index = 0; index < 50; index++) void gateway.publish({ event: "e", data: index }, account);
  await gateway.close({ drainMs: 0 });
  for (const client of clients) {
    expect((await client.end()).code).toBe(1001);
    expect(client.frames.join("").split('"event":"e"')).toHaveLength(51);
  }
});

it("§7.4 a reader that is behind gets the history it was promised before it is let go", async () => {
  const { gateway, socketUrl } = await startGateway({ limits: { unreadBytes: 65_536 } });
  const client = await connectV1(socketUrl, { token });
  client.ws.pause();
  for (let index = 0; index < 600; index++) await gateway.publish({ event: "e", data: "x".repeat(20_000) }, account);
  const closing = gateway.close({ drainMs: 4000 });
  client.ws.resume();
  await closing;
  expect((await client.end()).code).toBe(1001);
  expect(client.events.map(({ offset }) => offset)).toEqual(Array.from({ length: 600 }, (_, index) => index + 1));
});

it("a gateway nobody used closes at once, and twice", async () => {
  const gateway = createGateway({ anonymous: true });
  await gateway.close();
  await gateway.close();
  await expect(gateway.listen({ port: 0 })).rejects.toMatchObject({ code: "usage.closed" });
});

it("a peer that never answers the goodbye does not keep the gateway", async () => {
  const { gateway, socketUrl } = await startGateway();
  const client = await connectV1(socketUrl, { token });
  client.ws.pause();
  await gateway.close({ drainMs: 0 });
  expect(gateway.stats().connections).toBe(0);
});
