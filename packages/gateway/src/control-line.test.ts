import { ManualClock } from "@trunkline/core/testing";
import type { Broker, BrokerListener, StreamName } from "@trunkline/core/ports";
import { expect, it, onTestFinished } from "vitest";
import type { ControlCommand } from "./control-command.ts";
import { ControlLine, controlStream } from "./control-line.ts";
import { memoryBroker } from "./memory-broker.ts";

function disconnect(id: string): ControlCommand {
  return { command: "disconnect", id, filter: { user: "42" }, code: 4401, reason: "" };
}

/** All that gateways have to say to each other is said. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

function lineOn(broker: Broker | null) {
  const clock = new ManualClock();
  const performed: string[] = [];
  const errors: unknown[] = [];
  const missed: true[] = [];
  const line = new ControlLine({
    broker,
    clock,
    onError: (error) => errors.push(error),
    perform: async ({ id }) => void performed.push(id),
    onMissed: () => void missed.push(true),
  });
  onTestFinished(() => line.close());
  return { line, clock, performed, errors, missed };
}

/** A way to a broker that can lose what it carries. `doubt`: says that it may have. */
function lossy(broker: Broker) {
  const wire = { lost: false, doubt: () => {}, failures: 0 };
  const via: Broker = {
    name: "lossy",
    append: (stream, append) => broker.append(stream, append),
    broadcast: (stream, body) => broker.broadcast(stream, body),
    heads: (streams) => (wire.failures-- > 0 ? Promise.reject(new Error("away")) : broker.heads(streams)),
    read: (stream, from, limit) => broker.read(stream, from, limit),
    close: () => broker.close(),
    open: (listener: BrokerListener) => {
      wire.doubt = () => listener.onDoubt(controlStream);
      return broker.open({
        onEntry: (stream, entry) => (wire.lost ? undefined : listener.onEntry(stream, entry)),
        onVolatile: (stream, body, time) => listener.onVolatile(stream, body, time),
        onDoubt: (stream) => listener.onDoubt(stream),
        onAvailable: (available) => listener.onAvailable(available),
      });
    },
  };
  return { via, wire };
}

it("does a command here and on every other gateway, once each", async () => {
  const broker = memoryBroker();
  const [one, two, late] = [lineOn(broker), lineOn(broker), lineOn(broker)];
  await Promise.all([one.line.ready(), two.line.ready()]);
  await one.line.say(disconnect("a"));
  await two.line.say(disconnect("b"));
  await late.line.ready();
  await late.line.say(disconnect("c"));
  expect([one.performed, two.performed, late.performed]).toEqual([["a", "b", "c"], ["a", "b", "c"], ["c"]]);
});

it("does it here even when the broker can't be used, and says that the others were not told", async () => {
  const broker = memoryBroker();
  const { line, performed } = lineOn(broker);
  await line.ready();
  await broker.close();
  await expect(line.say(disconnect("a"))).rejects.toMatchObject({ code: "gateway.unavailable" });
  expect(performed).toEqual(["a"]);
});

it("needs no broker when there are no other gateways", async () => {
  const { line, performed } = lineOn(null);
  await line.ready();
  await line.say(disconnect("a"));
  await line.checkHead();
  expect(performed).toEqual(["a"]);
});

it("reads what was lost on its way once it doubts, and by itself when heads are compared", async () => {
  const broker = memoryBroker();
  const { via, wire } = lossy(broker);
  const [one, two] = [lineOn(broker), lineOn(via)];
  await Promise.all([one.line.ready(), two.line.ready()]);
  wire.lost = true;
  await one.line.say(disconnect("a"));
  wire.doubt();
  await settled();
  expect(two.performed).toEqual(["a"]);
  await one.line.say(disconnect("b"));
  const checked = two.line.checkHead();
  await settled();
  two.clock.advance(500);
  await checked;
  await settled();
  expect(two.performed).toEqual(["a", "b"]);
  expect(two.missed).toEqual([]);
});

it("says again what it said when the broker begins another life, and does nothing twice", async () => {
  const [before, after] = [memoryBroker(), memoryBroker()];
  // Both have moved to the new broker; the second one's copy of "a" was lost with the old one.
  const moving = (): { via: Broker; wire: ReturnType<typeof lossy>["wire"]; move: () => void } => {
    let at = before;
    const pointer: Broker = {
      name: "moving",
      append: (stream, append) => at.append(stream, append),
      broadcast: (stream, body) => at.broadcast(stream, body),
      heads: (streams) => at.heads(streams),
      read: (stream, from, limit) => at.read(stream, from, limit),
      close: () => at.close(),
      open: (listener) => {
        void after.open(listener).subscribe(controlStream);
        return before.open(listener);
      },
    };
    return { ...lossy(pointer), move: () => (at = after) };
  };
  const [first, second] = [moving(), moving()];
  const [one, two] = [lineOn(first.via), lineOn(second.via)];
  await Promise.all([one.line.ready(), two.line.ready()]);
  second.wire.lost = true;
  await one.line.say(disconnect("a"));
  for (const { move, wire } of [first, second]) {
    wire.lost = false;
    move();
    wire.doubt();
  }
  await settled();
  expect([one.performed, two.performed]).toEqual([["a"], ["a"]]);
  expect([...one.missed, ...two.missed, ...one.errors, ...two.errors]).toEqual([]);
});

it("says so when commands went by that nobody can read any more", async () => {
  const broker = memoryBroker({ history: { count: 2 } });
  const { via, wire } = lossy(broker);
  const [one, two] = [lineOn(broker), lineOn(via)];
  await Promise.all([one.line.ready(), two.line.ready()]);
  wire.lost = true;
  for (const id of ["a", "b", "c"]) await one.line.say(disconnect(id));
  wire.doubt();
  await settled();
  expect(two.missed).toEqual([true]);
});

it("takes no notice of what is no command, nor of what only listeners hear", async () => {
  const broker = memoryBroker();
  const { line, performed, errors } = lineOn(broker);
  await line.ready();
  const good = disconnect("a");
  const bad = [7, null, "exit", {}, { ...good, filter: {} }, { ...good, filter: { usr: "42" } }, { ...good, id: "" }];
  const bodies = [
    "{",
    ...[...bad, { ...good, code: 7 }, { ...good, command: "exit" }].map((body) => JSON.stringify(body)),
  ];
  for (const body of bodies) await broker.append(controlStream, { body });
  await broker.broadcast(controlStream, JSON.stringify(good));
  await broker.append("acme/control" as StreamName, { body: JSON.stringify(good) });
  expect(performed).toEqual([]);
  expect(errors).toHaveLength(bodies.length);
  await broker.append(controlStream, { body: JSON.stringify(good) });
  expect(performed).toEqual(["a"]);
});

it("tells what was done since a mark, as far as it is remembered", async () => {
  const { line } = lineOn(null);
  await line.say(disconnect("a"));
  const { mark } = line;
  expect(line.since(mark)).toEqual([]);
  await line.say(disconnect("b"));
  await line.say(disconnect("b"));
  expect(line.since(mark)).toEqual([disconnect("b")]);
  for (let id = 0; id < 1000; id++) await line.say(disconnect(`${id}`));
  expect(line.since(mark)).toBeNull();
});

it("asks again when the broker could not be used", async () => {
  const broker = memoryBroker();
  const { via, wire } = lossy(broker);
  const [one, two] = [lineOn(broker), lineOn(via)];
  wire.failures = 1;
  await expect(two.line.ready()).rejects.toThrow("away");
  await two.line.ready();
  await one.line.say(disconnect("a"));
  expect(two.performed).toEqual(["a"]);
});
