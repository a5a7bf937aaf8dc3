import type { Broker, BrokerListener, StreamName } from "@trunkline/core/ports";
import { expect, it } from "vitest";
import { memoryBroker } from "./memory-broker.ts";
import { VolatileLine } from "./volatile-line.ts";

const stream = "~gateway/test" as StreamName;
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

it("hears what is told once it is ready, and nothing once it is closed", async () => {
  const broker = memoryBroker();
  const told: string[] = [];
  const line = new VolatileLine({ broker, stream, onTold: (body) => told.push(body) });
  await broker.broadcast(stream, "1");
  await Promise.all([line.ready(), line.ready()]);
  await broker.broadcast(stream, "2");
  await broker.append(stream, { body: "3" });
  await line.close();
  await broker.broadcast(stream, "4");
  expect(told).toEqual(["2"]);
});

it("a line that could not be opened opens by itself when the broker can be used again", async () => {
  const memory = memoryBroker();
  let listener: BrokerListener | null = null;
  let away = true;
  let sessions = 0;
  const broker: Broker = {
    ...memory,
    broadcast: (name, body) => memory.broadcast(name, body),
    open: (given) => {
      sessions += 1;
      listener = given;
      const session = memory.open(given);
      const subscribe = (name: StreamName) => (away ? Promise.reject(new Error("away")) : session.subscribe(name));
      given.onAvailable(true);
      return { subscribe, unsubscribe: (name) => session.unsubscribe(name), close: () => session.close() };
    },
  };
  const told: string[] = [];
  const availability: boolean[] = [];
  const line = new VolatileLine({
    broker,
    stream,
    onTold: (body) => told.push(body),
    onAvailable: (available) => availability.push(available),
  });
  await expect(line.ready()).rejects.toThrow("away");
  expect(line.isReady).toBe(false);
  away = false;
  (listener as BrokerListener | null)?.onAvailable(true);
  await settled();
  expect(line.isReady).toBe(true);
  await broker.broadcast(stream, "1");
  expect([told, sessions, availability]).toEqual([["1"], 1, [true, true]]);
});
