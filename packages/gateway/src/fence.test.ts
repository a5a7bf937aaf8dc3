import type { Broker, BrokerListener, StreamName } from "@trunkline/core/ports";
import { expect, it } from "vitest";
import type { Principal } from "./auth/principal.ts";
import { Fence, clientKey } from "./fence.ts";
import { memoryBroker } from "./memory-broker.ts";

const secret: Principal = { kind: "secret", account: "acme", keyId: "12345678" };
const client = clientKey(secret, "i");
const controlStream = "~gateway/fence" as StreamName;

function fenceOn(broker: Broker | null = null) {
  const errors: unknown[] = [];
  const fence = new Fence({ broker, onError: (error) => errors.push(error) });
  const ended: number[] = [];
  const open = (generation: number, of = client) => {
    const link = {
      generation,
      supersede: () => {
        ended.push(generation);
        fence.remove(of, link);
      },
    };
    fence.add(of, link);
    return link;
  };
  return { fence, errors, ended, open };
}

/** All that gateways have to say to each other is said. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

it("§7.6 a newer link ends those before it, and older ones are not let in while it is there", () => {
  const { fence, ended, open } = fenceOn();
  open(1);
  open(1);
  const newest = open(3);
  expect(ended).toEqual([1, 1]);
  expect(fence.isSuperseded(client, 2)).toBe(true);
  expect(fence.isSuperseded(client, 3)).toBe(false);
  fence.remove(client, newest);
  expect(fence.isSuperseded(client, 2)).toBe(false);
});

it("§7.6 a link that goes on draining is no newer one's end", () => {
  const { fence, ended, open } = fenceOn();
  const draining = { generation: 1, supersede: () => {} };
  fence.add(client, draining);
  open(2);
  fence.remove(client, draining);
  expect(fence.isSuperseded(client, 1)).toBe(true);
  open(3);
  expect(ended).toEqual([2]);
});

it("§7.6 instances of different principals never meet", () => {
  const principals: Principal[] = [
    secret,
    { ...secret, account: "other" },
    { ...secret, keyId: "87654321" },
    { ...secret, kind: "public", channel: "c" },
    { kind: "anonymous", account: "default" },
    { kind: "user", account: "acme", id: "1" },
    { kind: "user", account: "acme", id: "2" },
  ];
  const keys = principals.map((principal) => clientKey(principal, "i"));
  expect(new Set([...keys, clientKey(secret, "j")]).size).toBe(8);
  expect(clientKey(secret, "i")).toBe(client);
});

it("§7.6 the other gateways of a broker end their older links, and say so where theirs is newer", async () => {
  const broker = memoryBroker();
  const [one, two] = [fenceOn(broker), fenceOn(broker)];
  one.open(1);
  await settled();
  two.open(2);
  await settled();
  expect([one.ended, two.ended]).toEqual([[1], []]);
  // The first does not know of the second's link, and lets an older one in.
  one.open(1);
  await settled();
  expect([one.ended, two.ended]).toEqual([[1, 1], []]);
  expect([...one.errors, ...two.errors]).toEqual([]);
});

it("§7.6 two gateways that begin to listen at once miss nothing", async () => {
  const broker = memoryBroker();
  const [one, two] = [fenceOn(broker), fenceOn(broker)];
  two.open(2);
  one.open(1);
  await settled();
  expect([one.ended, two.ended]).toEqual([[1], []]);
});

it("tells many clients in few messages, without their names", async () => {
  const broker = memoryBroker();
  const bodies: string[] = [];
  const listener = { onEntry: () => {}, onDoubt: () => {}, onAvailable: () => {} };
  await broker.open({ ...listener, onVolatile: (_, body) => bodies.push(body) }).subscribe(controlStream);
  const { open } = fenceOn(broker);
  for (let index = 0; index < 1000; index++) open(1, clientKey(secret, `instance-${index}`));
  await settled();
  expect(bodies).toHaveLength(2);
  expect(bodies.join()).not.toMatch(/instance|acme|12345678/);
});

it("§7.6 what could not be told is told once the broker is back", async () => {
  const broker = memoryBroker();
  let down = true;
  const listeners: BrokerListener[] = [];
  const failing = memoryBroker();
  failing.open = (listener) => {
    listeners.push(listener);
    return broker.open(listener);
  };
  failing.broadcast = (stream, body) => (down ? Promise.reject(new Error("away")) : broker.broadcast(stream, body));
  const [one, two] = [fenceOn(broker), fenceOn(failing)];
  one.open(1);
  two.open(2);
  await settled();
  expect([one.ended, two.errors.length]).toEqual([[], 1]);
  down = false;
  for (const listener of listeners) listener.onAvailable(true);
  await settled();
  expect(one.ended).toEqual([1]);
});

it("a message that is none of ours ends nothing but itself", async () => {
  const broker = memoryBroker();
  const { open, ended, errors } = fenceOn(broker);
  open(1);
  await settled();
  for (const body of ["no JSON", "{}", "null", '{"gateway":"x","links":[7]}'])
    await broker.broadcast(controlStream, body);
  expect(errors).toHaveLength(4);
  expect(ended).toEqual([]);
});
