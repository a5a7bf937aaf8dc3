import { ManualClock } from "@trunkline/core/testing";
import { type GatewayOptions, memoryBroker } from "@trunkline/gateway";
import { type Position, defineContract, event } from "@trunkline/core/wire";
import { expect, it } from "vitest";
import { connectPlain, connectV1, positionIn } from "../support/frame-client.ts";
import { type StartedGateway, startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const token = testKeys.acme;
const channel = "account.acme";
const contract = defineContract({
  events: {
    "flag.set": event<number>({ delivery: "state" }),
    "flag.removed": event<null>({ delivery: "state", deletes: true }),
  },
});

async function start(options: GatewayOptions = {}): Promise<
  StartedGateway & {
    set(key: string, data: number): Promise<unknown>;
    remove(key: string): Promise<unknown>;
    log(data: number): Promise<unknown>;
  }
> {
  const started = await startGateway({ contract, ...options });
  const publish = (name: string, data: unknown, key?: string): Promise<unknown> =>
    started.gateway.publish({ event: name, data, ...(key !== undefined && { key }) }, { account: "acme" });
  return {
    ...started,
    set: (key, data) => publish("flag.set", data, key),
    remove: (key) => publish("flag.removed", null, key),
    log: (data) => publish("logged", data),
  };
}

it("§5.1 state events carry revision, key and deleted; log offsets beside them stay gapless", async () => {
  const on = await start();
  const client = await connectV1(on.socketUrl, { token });
  await on.set("a", 1);
  await on.log(1);
  await on.remove("a");
  await on.log(2);
  await until("all came", () => client.events.length === 4);
  expect(client.events).toMatchObject([
    { event: "flag.set", key: "a", revision: 1, data: 1 },
    { event: "logged", offset: 1 },
    { event: "flag.removed", key: "a", revision: 2, deleted: true },
    { event: "logged", offset: 2 },
  ]);
  for (const frame of client.events) expect("after" in frame).toBe(false);
});

it("§5.3 §5.7 who returns gets the latest of each key that changed, bridged by after, and the log whole", async () => {
  const on = await start();
  const first = await connectV1(on.socketUrl, { token });
  await on.set("kept", 0);
  const [, place] = [await until("it came", () => first.events.length === 1), first.events[0]];
  const position: Position = {
    ...positionIn(first.hello, channel),
    state: { revision: place?.revision as number, tag: place?.tag as string },
  };
  first.ws.terminate();
  for (let data = 1; data <= 20; data++) await on.set("a", data);
  await on.log(1);
  await on.set("b", 1);
  await on.remove("b");
  const second = await connectV1(on.socketUrl, { token, streams: [{ channel, position }] });
  expect(second.hello.streams).toMatchObject([
    { verdict: "recovered", count: 1, changes: 2, position: { offset: 1, state: { revision: 23 } } },
  ]);
  await on.set("c", 1);
  await until("all came", () => second.events.length === 4);
  const changes = second.events.filter(({ revision }) => revision !== undefined);
  expect(changes).toMatchObject([
    { key: "a", data: 20, revision: 21, after: 1 },
    { key: "b", deleted: true, revision: 23, after: 21 },
    { key: "c", revision: 24 },
  ]);
});

it("§5.3 snapshot: who was away for longer than deletions are remembered gets the whole state", async () => {
  const clock = new ManualClock();
  const broker = memoryBroker({ clock, history: { ageMs: 1000 } });
  const on = await start({ broker });
  const first = await connectV1(on.socketUrl, { token });
  const before = positionIn(first.hello, channel);
  await on.set("kept", 1);
  await on.set("gone", 2);
  await until("both came", () => first.events.length === 2);
  const last = first.events[1];
  const position = { ...before, state: { revision: 2, tag: last?.tag as string } };
  first.ws.terminate();
  await on.remove("gone");
  await on.set("new", 3);
  clock.advance(60_000);
  const second = await connectV1(on.socketUrl, { token, streams: [{ channel, position }] });
  expect(second.hello.streams).toMatchObject([{ verdict: "snapshot", count: 0, changes: 2 }]);
  await until("the state came", () => second.events.length === 2);
  expect(second.events).toMatchObject([
    { key: "kept", revision: 1 },
    { key: "new", revision: 4, after: 1 },
  ]);
});

it("§5.8 a new epoch is a gap with the whole state", async () => {
  const on = await start();
  await on.set("a", 1);
  await on.log(1);
  const position: Position = { epoch: "older", offset: 7, tag: "t", state: { revision: 9, tag: "s" } };
  const client = await connectV1(on.socketUrl, { token, streams: [{ channel, position }] });
  expect(client.hello.streams).toMatchObject([
    { verdict: "gap", reason: "epoch", from: 1, to: 1, changes: 1, snapshot: true },
  ]);
  expect((await client.next("event")).revision).toBe(1);
});

it("§9.1 a slow reader's state is conflated: it ends with the latest of every key, and its log is paced or told", async () => {
  const on = await start({ limits: { unreadBytes: 65_536 } });
  const client = await connectV1(on.socketUrl, { token });
  client.ws.pause();
  const padding = "x".repeat(20_000);
  for (let data = 1; data <= 300; data++) {
    await on.gateway.publish({ event: "flag.set", key: `k${data % 3}`, data: { data, padding } }, { account: "acme" });
  }
  client.ws.resume();
  const latest = (): unknown =>
    Object.fromEntries(client.events.map(({ key, data }) => [key, (data as { data: number }).data]));
  await until("it has caught up", () => JSON.stringify(latest()) === '{"k1":298,"k2":299,"k0":300}');
  const revisions = client.events.map(({ revision = 0 }) => revision);
  expect(revisions).toEqual([...new Set(revisions)].sort((one, other) => one - other));
  expect(client.events.length).toBeLessThan(300);
});

it("§10.2 the plain dialect gets state events as any other", async () => {
  const on = await start();
  const client = await connectPlain(on.socketUrl, testKeys.acme);
  await on.set("a", 1);
  await until("it came", () => client.plainEvents.length === 1);
  expect(client.plainEvents).toEqual([{ event: "flag.set", data: 1 }]);
});
