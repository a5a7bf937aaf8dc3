import { ManualClock } from "@trunkline/core/testing";
import type { Broker, BrokerListener, BrokerSession, Entry, StreamName } from "@trunkline/core/ports";
import { expect, it, onTestFinished } from "vitest";
import { memoryBroker } from "./memory-broker.ts";
import { PrefixFollower } from "./prefix-follower.ts";

const prefix = "acme/a" as StreamName;
const stream = "acme/a1" as StreamName;

/** All that was under way is done. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => void setImmediate(resolve));
};

/** A follower under "acme/a", and what comes between it and a memory broker. */
function setUp(wants: (name: StreamName) => boolean = () => true) {
  const broker = memoryBroker();
  const clock = new ManualClock();
  const heard: string[] = [];
  const errors: unknown[] = [];
  /** `late`: what is delivered waits there. */
  const wire = { lost: false, failures: 0, asked: 0, late: null as (() => void)[] | null };
  let listener: BrokerListener | undefined;
  const deliver = (run: () => void): void => {
    if (wire.late !== null) wire.late.push(run);
    else if (!wire.lost) run();
  };
  const via: Broker = {
    name: "via",
    append: (name, append) => broker.append(name, append),
    broadcast: (name, body) => broker.broadcast(name, body),
    heads: (names) => {
      wire.asked += 1;
      return wire.failures-- > 0 ? Promise.reject(new Error("away")) : broker.heads(names);
    },
    read: (name, from, limit) => broker.read(name, from, limit),
    close: () => broker.close(),
    open: (given): BrokerSession => {
      listener = given;
      return broker.open({
        onEntry: (name, entry) => deliver(() => given.onEntry(name, entry)),
        onVolatile: (name, body, time) => deliver(() => given.onVolatile(name, body, time)),
        onDoubt: (name) => given.onDoubt(name),
        onAvailable: (available) => given.onAvailable(available),
      });
    },
  };
  const follower = new PrefixFollower({
    broker: via,
    clock,
    onError: (error) => errors.push(error),
    ear: {
      wants,
      onEntry: (name, { line, body }: Entry) => heard.push(`${name} ${line} ${body}`),
      onVolatile: (name, body) => heard.push(`${name} volatile ${body}`),
      onBreak: (name, { verdict }) => heard.push(`${name} ${verdict}`),
      onUnheard: (name) => heard.push(`${name} unheard`),
    },
  });
  onTestFinished(() => follower.close());
  const say = (body: string, name = stream): Promise<unknown> => broker.append(name, { body });
  const change = (body: string): Promise<unknown> =>
    broker.append(stream, { body, state: { key: "k", deleted: false } });
  return { broker, clock, follower, heard, errors, wire, say, change, doubt: () => listener?.onPrefixDoubt?.(prefix) };
}

it("hears a stream from its first entry on, once and in order, whatever was there before", async () => {
  const { broker, follower, heard, say, change } = setUp();
  await say("old");
  await change("old");
  await follower.follow(prefix).ready();
  for (const body of ["1", "2"]) await say(body);
  await broker.broadcast(stream, "3");
  await say("elsewhere", "acme/b" as StreamName);
  await settled();
  await change("4");
  await broker.broadcast("acme/a2" as StreamName, "5");
  await say("6");
  expect(heard).toEqual([
    "acme/a1 log 1",
    "acme/a1 log 2",
    "acme/a1 volatile 3",
    "acme/a1 state 4",
    "acme/a2 volatile 5",
    "acme/a1 log 6",
  ]);
});

it("hears what was on its way on one line while the other was heard of first", async () => {
  const { follower, heard, wire, say, change } = setUp();
  await change("old");
  await follower.follow(prefix).ready();
  wire.late = [];
  await say("1");
  for (const body of ["2", "3"]) await change(body);
  const [first, ...rest] = wire.late;
  wire.late = null;
  first?.();
  await settled();
  for (const run of rest) run();
  await change("4");
  expect(heard).toEqual(["acme/a1 log 1", "acme/a1 state 2", "acme/a1 state 3", "acme/a1 state 4"]);
});

it("reads what was lost on a line that was not heard of yet, and what comes late of it is known then", async () => {
  const { clock, follower, heard, wire, say, change } = setUp();
  await follower.follow(prefix).ready();
  await say("1");
  await settled();
  wire.late = [];
  await change("2");
  const checked = follower.checkHeads();
  await settled();
  clock.advance(500);
  await checked;
  await settled();
  for (const run of wire.late) run();
  wire.late = null;
  await change("3");
  expect(heard).toEqual(["acme/a1 log 1", "acme/a1 state 2", "acme/a1 state 3"]);
});

it("compares what it knows after a doubt, and goes on trying while the broker is away", async () => {
  const { clock, follower, heard, errors, wire, say, doubt } = setUp();
  await follower.follow(prefix).ready();
  await say("1");
  await settled();
  wire.lost = true;
  await say("2");
  wire.lost = false;
  wire.failures = 1;
  doubt();
  await settled();
  expect(heard).toEqual(["acme/a1 log 1", "acme/a unheard"]);
  clock.advance(1000);
  await settled();
  clock.advance(500);
  await settled();
  await say("3");
  expect(heard).toEqual(["acme/a1 log 1", "acme/a unheard", "acme/a1 log 2", "acme/a1 log 3"]);
  expect(errors).toEqual([new Error("away")]);
});

it("holds what it hears of a new stream until the broker says where that is", async () => {
  const { clock, follower, heard, errors, wire, say } = setUp();
  await follower.follow(prefix).ready();
  wire.failures = 1;
  for (const body of ["1", "2"]) await say(body);
  await settled();
  expect([heard, errors]).toEqual([[], [new Error("away")]]);
  clock.advance(1000);
  await settled();
  await say("3");
  expect(heard).toEqual(["acme/a1 log 1", "acme/a1 log 2", "acme/a1 log 3"]);
});

it("compares what it has only begun to hear when the doubt comes", async () => {
  const { clock, follower, heard, wire, say, change, doubt } = setUp();
  await follower.follow(prefix).ready();
  wire.failures = 1;
  await change("1");
  await say("2");
  wire.lost = true;
  await say("3");
  await change("4");
  wire.lost = false;
  doubt();
  await settled();
  clock.advance(1000);
  await settled();
  await say("5");
  expect(heard.filter((line) => line.includes("log"))).toEqual(["acme/a1 log 2", "acme/a1 log 3", "acme/a1 log 5"]);
  expect(heard.filter((line) => line.includes("state"))).toEqual(["acme/a1 state 1", "acme/a1 state 4"]);
  expect(heard[0]).toBe("acme/a unheard");
});

it("keeps no track of what nobody wants, nor of more than 10,000 streams: those quiet for longest begin anew", async () => {
  const { follower, heard, wire, say } = setUp((name) => name !== stream);
  await follower.follow(prefix).ready();
  await say("unwanted");
  expect([heard, wire.asked]).toEqual([[], 0]);
  const other = (n: number): StreamName => `acme/a.${n}` as StreamName;
  for (let n = 0; n <= 10_000; n++) await say("first", other(n));
  await settled();
  expect(wire.asked).toBe(10_001);
  await say("known", other(1));
  expect(wire.asked).toBe(10_001);
  await say("new again", other(0));
  await settled();
  expect([wire.asked, heard.at(-1)]).toEqual([10_002, "acme/a.0 log new again"]);
});

it("stops, and follows again", async () => {
  let wanted = true;
  const { follower, heard, say } = setUp(() => wanted);
  const followed = follower.follow(prefix);
  await followed.ready();
  await say("1");
  await settled();
  wanted = false;
  const stopped = followed.stop();
  wanted = true;
  const again = follower.follow(prefix);
  await Promise.all([stopped, again.ready(), followed.stop()]);
  await say("2");
  await settled();
  await again.stop();
  await say("3");
  await settled();
  expect(heard).toEqual(["acme/a1 log 1", "acme/a1 log 2"]);
});
