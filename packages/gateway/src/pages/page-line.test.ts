import type { Broker, BrokerListener } from "@trunkline/core/ports";
import { expect, it } from "vitest";
import { memoryBroker } from "../memory-broker.ts";
import { PageLine } from "./page-line.ts";

const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

it("a change that could not be told is told by itself once the broker is back, and then forgotten", async () => {
  const memory = memoryBroker();
  const listeners: BrokerListener[] = [];
  let away = false;
  const broker: Broker = {
    name: "away at times",
    append: (stream, append) => memory.append(stream, append),
    broadcast: (stream, body) => (away ? Promise.reject(new Error("away")) : memory.broadcast(stream, body)),
    read: (stream, from, limit) => memory.read(stream, from, limit),
    heads: (streams) => memory.heads(streams),
    open: (listener) => {
      listeners.push(listener);
      return memory.open(listener);
    },
    close: () => memory.close(),
  };
  const changed: string[] = [];
  const errors: unknown[] = [];
  const lineTo = (onChanged: (key: string) => void): PageLine =>
    new PageLine({ broker, onChanged, onError: (error) => errors.push(error), onDoubt: () => {} });
  const [one, two] = [lineTo(() => {}), lineTo((key) => changed.push(key))];
  await Promise.all([one.ready(), two.ready()]);
  away = true;
  for (const key of ["a", "b"]) await expect(one.tell(key)).rejects.toThrow("away");
  listeners[0]?.onAvailable(true);
  await settled();
  expect([changed, errors.length, one.isUntold("a")]).toEqual([[], 2, true]);
  away = false;
  listeners[0]?.onAvailable(true);
  await settled();
  expect([changed, one.isUntold("a"), one.isUntold("b")]).toEqual([["a", "b"], false, false]);
  await Promise.all([one.close(), two.close()]);
});
