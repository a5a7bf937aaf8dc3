import { ManualClock } from "@trunkline/core/testing";
import type { Broker } from "@trunkline/core/ports";
import { expect, it } from "vitest";
import { LinkRelay } from "./link-relay.ts";
import { memoryBroker } from "./memory-broker.ts";

function relayOn(broker: Broker | null, clock = new ManualClock()) {
  const errors: unknown[] = [];
  const relay = new LinkRelay({ broker, clock, onError: (error) => errors.push(error) });
  const told: (string | number)[] = [];
  const link = relay.nextId();
  relay.add(link, { onText: (text) => told.push(text), close: (code) => told.push(code) });
  return { relay, clock, link, told, errors };
}

it("§11.3 gives a frame to its link, and knows when that is gone", async () => {
  const { relay, link, told } = relayOn(null);
  expect(await relay.take({ link, number: 1, text: "a" })).toBe(true);
  expect(await relay.take({ link: `${"A".repeat(22)}.${"A".repeat(22)}`, number: 1, text: "a" })).toBe(false);
  relay.remove(link);
  expect(await relay.take({ link, number: 2, text: "b" })).toBe(false);
  expect(told).toEqual(["a"]);
});

it("§11.3 a gateway of the same broker hands on what it is not for", async () => {
  const broker = memoryBroker();
  const [one, two] = [relayOn(broker), relayOn(broker)];
  await Promise.all([one.relay.ready(), two.relay.ready()]);
  expect(await two.relay.take({ link: one.link, number: 1, text: "a" })).toBe(true);
  expect(await two.relay.take({ link: "acme/room.x", number: 1, text: "a" })).toBe(false);
  expect([one.told, two.told]).toEqual([["a"], []]);
  await broker.close();
  await expect(two.relay.take({ link: one.link, number: 2, text: "b" })).rejects.toMatchObject({
    code: "gateway.unavailable",
  });
});

it("ends a link whose frame was lost on its way, once nobody can expect it any more", async () => {
  const { relay, clock, link, told } = relayOn(null);
  await relay.take({ link, number: 2, text: "b" });
  clock.advance(4999);
  expect(told).toEqual([]);
  clock.advance(1);
  expect(told).toEqual([1013]);
});

it("waits anew for each frame that is late", async () => {
  const { relay, clock, link, told } = relayOn(null);
  await relay.take({ link, number: 2, text: "b" });
  clock.advance(4000);
  await relay.take({ link, number: 4, text: "d" });
  await relay.take({ link, number: 1, text: "a" });
  clock.advance(4000);
  expect(told).toEqual(["a", "b"]);
  await relay.take({ link, number: 3, text: "c" });
  clock.advance(10_000);
  expect(told).toEqual(["a", "b", "c", "d"]);
});

it("takes no notice of what is no frame, and forgets a link that is gone", async () => {
  const broker = memoryBroker();
  const { relay, link, told, errors, clock } = relayOn(broker);
  await relay.ready();
  const [gateway] = link.split(".");
  const stream = `~gateway/${gateway}` as never;
  for (const body of ["{", "7", "null", "{}", JSON.stringify({ link, number: "1", text: "a" })])
    await broker.broadcast(stream, body);
  expect(errors).toHaveLength(2);
  await relay.take({ link, number: 2, text: "b" });
  relay.remove(link);
  clock.advance(60_000);
  expect(told).toEqual([]);
  await relay.close();
  await broker.close();
});

it("asks again when the broker could not be used", async () => {
  const broker = memoryBroker();
  let failures = 1;
  const flaky: Broker = {
    ...broker,
    open: (listener) => {
      const session = broker.open(listener);
      return {
        subscribe: (stream) => (failures-- > 0 ? Promise.reject(new Error("away")) : session.subscribe(stream)),
        unsubscribe: (stream) => session.unsubscribe(stream),
        close: () => session.close(),
      };
    },
  };
  const { relay } = relayOn(flaky);
  await expect(relay.ready()).rejects.toThrow("away");
  await relay.ready();
  await broker.close();
});
