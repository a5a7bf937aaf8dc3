// P-46: many gateways over one Redis are one to those who publish. The whole shape of it, with figures: `npm run bench:push`.
import { redisBroker } from "@trunkline/broker-redis";
import { createPublisher } from "@trunkline/publisher";
import { expect, it, onTestFinished } from "vitest";
import { connectV1 } from "../support/frame-client.ts";
import { startRedisServer } from "../support/redis-server.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const gateways = 10;
const socketsEach = 100;
const messages = 10;

it("P-46 10 messages to 100 sockets on each of 10 gateways are 10,000 receipts, each once and in order", async () => {
  const redis = await startRedisServer();
  onTestFinished(() => redis.close());
  const urls = await Promise.all(
    Array.from({ length: gateways }, async () => {
      const broker = redisBroker({ url: redis.url });
      onTestFinished(() => broker.close());
      return (await startGateway({ broker })).socketUrl;
    }),
  );
  const clients = await Promise.all(
    urls.flatMap((url, at) =>
      Array.from({ length: socketsEach }, (_, n) =>
        connectV1(url, { token: testKeys.acme, instance: `socket-${at}-${n}` }),
      ),
    ),
  );
  expect(clients).toHaveLength(gateways * socketsEach);
  const publisher = createPublisher({ redis: redis.url, account: "acme" });
  onTestFinished(() => publisher.close());
  for (let n = 0; n < messages; n++) void publisher.publish({ event: "pushed", data: n, channel: "account.acme" });
  const receipts = (): number => clients.reduce((sum, { events }) => sum + events.length, 0);
  await until("all came", () => receipts() >= gateways * socketsEach * messages);
  // One more to everybody: whatever came twice has come by then.
  await publisher.publish({ event: "last", data: messages, channel: "account.acme" });
  await until("the last came", () => clients.every(({ events }) => events.at(-1)?.event === "last"));
  const wanted = Array.from({ length: messages + 1 }, (_, n) => n);
  for (const { events } of clients) expect(events.map(({ data }) => data)).toEqual(wanted);
});
