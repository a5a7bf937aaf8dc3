import type { Broker, BrokerListener } from "@trunkline/core/ports";
import { memoryBroker } from "@trunkline/gateway";
import { expect, it } from "vitest";
import { connectPlain, connectV1 } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const token = testKeys.acme;
const account = { account: "acme" };

/** A memory broker that loses the first live delivery on the way to the gateway. */
function losingBroker(): Broker & { lost: number } {
  const memory = memoryBroker();
  const losing = {
    name: "losing",
    lost: 0,
    open(listener: BrokerListener) {
      return memory.open({
        onEntry(stream, entry) {
          if (losing.lost === 0) losing.lost += 1;
          else listener.onEntry(stream, entry);
        },
        onVolatile: (...args) => listener.onVolatile(...args),
        onDoubt: (stream) => listener.onDoubt(stream),
        onAvailable: (available) => listener.onAvailable(available),
      });
    },
    append: memory.append.bind(memory),
    broadcast: memory.broadcast.bind(memory),
    read: memory.read.bind(memory),
    heads: memory.heads.bind(memory),
    close: memory.close.bind(memory),
  } satisfies Broker & { lost: number };
  return losing;
}

it("§4.2 an event that was lost between broker and gateway comes with a later heartbeat, though nothing else happens", async () => {
  const broker = losingBroker();
  const { gateway, socketUrl } = await startGateway({ broker, heartbeatMs: 50 });
  const client = await connectV1(socketUrl, { token });
  await gateway.publish({ event: "lost", data: 1 }, account);
  await until("it came all the same", () => client.events.length === 1);
  expect(broker.lost).toBe(1);
  expect(client.events).toMatchObject([{ event: "lost", offset: 1 }]);
  await gateway.publish({ event: "next" }, account);
  await until("the line goes on", () => client.events.length === 2);
  expect(client.events.map(({ offset }) => offset)).toEqual([1, 2]);
});

it("§4.2 pings list the streams that were quiet, at their heads, in the same queue as events", async () => {
  const { gateway, socketUrl } = await startGateway({ heartbeatMs: 40 });
  gateway.on("connection", (connection) => connection.subscribe("busy"));
  const client = await connectV1(socketUrl, { token });
  const { offset } = await gateway.publish({ event: "e" }, account);
  const tag = (await client.next("event")).tag;
  await until("it is listed", () =>
    client.all("ping").some(({ positions }) => positions?.some((position) => position.offset === offset)),
  );
  const [listed] = client.all("ping").flatMap(({ positions = [] }) => positions.filter((each) => each.offset === 1));
  expect(listed).toEqual({ channel: "account.acme", offset: 1, tag });
  // Never ahead of what was sent before it.
  for (let count = 0; count < 200; count++) {
    await gateway.publish({ event: "e", channel: "busy" }, account);
    if (count % 20 === 0) await client.next("ping");
  }
  await until("all came", () => client.events.length === 201);
  let seen = 0;
  for (const message of client.messages) {
    if (message.type === "event" && message.channel === "busy") seen = message.offset ?? 0;
    if (message.type === "ping")
      for (const { channel, offset: at } of message.positions ?? []) if (channel === "busy") expect(at).toBe(seen);
  }
});

it("§4.2 at most 64 positions per ping, in turn; none in the plain dialect", async () => {
  const { gateway, socketUrl } = await startGateway({ heartbeatMs: 40 });
  gateway.on("connection", (connection) => {
    for (let count = 0; count < 149; count++) connection.subscribe(`c${count}`);
  });
  const client = await connectV1(socketUrl, { token });
  const plain = await connectPlain(socketUrl, token);
  const listed = (): string[][] =>
    client.all("ping").map(({ positions = [] }) => positions.map(({ channel }) => channel));
  await until("all had their turn", () => new Set(listed().flat()).size === 150);
  expect(listed().every((each) => each.length <= 64)).toBe(true);
  expect(new Set(listed().slice(0, 3).flat()).size).toBe(150);
  await until("plain is pinged", () => plain.frames.includes("ping"));
});
