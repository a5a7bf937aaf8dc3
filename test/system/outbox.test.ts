import { type GatewayOptions, createGateway } from "@trunkline/gateway";
import { expect, it, onTestFinished } from "vitest";
import { createClient, createOutbox, type OutboxOptions, type TrunklineError } from "trunkline";
import { connectV1 } from "../support/frame-client.ts";
import { startChaosProxy } from "../support/chaos-proxy.ts";
import { oldBroker } from "../support/old-broker.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

/** A gateway behind a proxy, an outbox that publishes through it, and what a reader beside the proxy gets. */
async function setUp(options: GatewayOptions = {}, outboxOptions: OutboxOptions = {}) {
  const started = await startGateway({ broker: oldBroker(), ...options });
  const proxy = await startChaosProxy(started.url);
  onTestFinished(() => proxy.close());
  const client = createClient({ url: proxy.url, apiKey: testKeys.acme, backoff: () => 1 });
  onTestFinished(() => client.close());
  const reader = await connectV1(started.socketUrl, { token: testKeys.acme });
  return { ...started, proxy, client, reader, outbox: createOutbox(client, outboxOptions) };
}

it("§8.6 publishes 500 events over a link that is reset again and again: each once, in order, each call with its receipt", async () => {
  const { proxy, reader, outbox } = await setUp(
    { limits: { messagesPerSecond: 10_000, messageBurst: 10_000 } },
    { messagesPerSecond: 5_000 },
  );
  const results: Promise<{ readonly offset: number }>[] = [];
  for (let n = 0; n < 500; n++) {
    results.push(outbox.publish("tick", n));
    if (n % 25 === 24) {
      proxy.reset();
      await until("some were published", () => reader.events.length > n - 60);
    }
  }
  const receipts = await Promise.all(results);
  await until("all were read", () => reader.events.length >= 500);
  expect(reader.events.map(({ data }) => data)).toEqual(Array.from({ length: 500 }, (_, n) => n));
  expect(receipts.map(({ offset }) => offset)).toEqual(reader.events.map(({ offset }) => offset));
});

it("§8.6 one that was executed and whose answer was lost is not executed again, and gets its receipt", async () => {
  let attempts = 0;
  const { gateway, url, socketUrl } = await startGateway({
    broker: oldBroker(),
    // Executed all the same: the gateway learns of the reset later.
    authorizePublish: () => {
      if (++attempts === 1) proxy.reset();
      return true;
    },
  });
  const proxy = await startChaosProxy(url);
  onTestFinished(() => proxy.close());
  const client = createClient({ url: proxy.url, publicKey: testKeys.page, backoff: () => 1 });
  onTestFinished(() => client.close());
  const reader = await connectV1(socketUrl, { token: testKeys.page });
  const outbox = createOutbox(client);
  const receipt = await outbox.publish("once", { n: 1 }, { channel: "news" });
  const next = await outbox.publish("next", { n: 2 }, { channel: "news" });
  await until("both were read", () => reader.events.length >= 2);
  expect(reader.events.map(({ event, offset }) => [event, offset])).toEqual([
    ["once", receipt.offset],
    ["next", next.offset],
  ]);
  expect(attempts).toBe(3);
  expect(gateway.stats().connections).toBe(2);
});

it("§8.6 goes on at another gateway of the same broker", async () => {
  const broker = oldBroker();
  const first = await setUp({ broker });
  const { port } = new URL(first.url);
  const before = await first.outbox.publish("tick", 1);
  await first.gateway.close({ drainMs: 0 });
  const waiting = [first.outbox.publish("tick", 2), first.outbox.publish("tick", 3)];
  const second = createGateway({ broker, secretKeys: [{ key: testKeys.acme, account: "acme" }] });
  onTestFinished(() => second.close({ drainMs: 0 }));
  await second.listen({ port: Number(port) });
  const receipts = await Promise.all(waiting);
  expect([before, ...receipts].map(({ offset }) => offset)).toEqual([1, 2, 3]);
});

it("§9 900 at once stay within what a gateway takes by default", async () => {
  const { proxy, outbox, reader } = await setUp();
  const receipts = await Promise.all(Array.from({ length: 900 }, (_, n) => outbox.publish("tick", n)));
  expect(receipts.map(({ offset }) => offset)).toEqual(Array.from({ length: 900 }, (_, n) => n + 1));
  await until("all were read", () => reader.events.length === 900);
  expect(proxy.accepted).toBe(1);
});

it("says what became of what could not be published", async () => {
  const { proxy, client, outbox } = await setUp();
  const code = (result: Promise<unknown>) =>
    result.then(
      () => "ok",
      (error: TrunklineError) => error.code,
    );
  await client.ready();
  expect(await code(outbox.publish("e", 1, { id: "same" }))).toBe("ok");
  expect(await code(outbox.publish("e", 1, { id: "same" }))).toBe("ok");
  expect(await code(outbox.publish("e", 2, { id: "same" }))).toBe("gateway.conflict");
  proxy.freeze();
  expect(await code(outbox.publish("e", 3, { timeoutMs: 50 }))).toBe("gateway.outcome-unknown");
  proxy.cut();
  await until("the client knows", () => client.status === "reconnecting");
  expect(await code(outbox.publish("e", 4, { timeoutMs: 50 }))).toBe("link.timeout");
  const stranger = createClient({ url: (await startGateway()).url, publicKey: testKeys.page });
  onTestFinished(() => stranger.close());
  expect(await code(createOutbox(stranger).publish("e", 1))).toBe("gateway.forbidden");
});
