import { createChannels, type Presence } from "@trunkline/channels";
import { type Authenticator, type GatewayOptions, memoryBroker } from "@trunkline/gateway";
import { createTestGateway } from "@trunkline/testing";
import { type Client, createClient } from "trunkline";
import { expect, it, onTestFinished } from "vitest";
import { startChaosProxy } from "../support/chaos-proxy.ts";
import { type StartedGateway, startGateway } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

// Presence as users of channels see it, over real sockets, with a real gateway.

/** A token is the name of a user of acme, who may be everywhere but in private rooms. */
const authenticate: Authenticator = ({ token }) =>
  token === undefined
    ? null
    : { kind: "user", account: "acme", id: token, mayListen: ["*"], mayPublish: ["*"], mayAttend: ["chat*", "room*"] };

const start = (options: GatewayOptions = {}): Promise<StartedGateway> => startGateway({ authenticate, ...options });

function join(url: string, name: string, options: Partial<Parameters<typeof createClient>[0]> = {}) {
  const client: Client = createClient({ url, getToken: async () => name, backoff: () => 1, ...options });
  const channels = createChannels(client);
  onTestFinished(async () => {
    channels.close();
    await client.close();
  });
  return { client, channels };
}

/** What is told of comings and goings, in order. */
function heard(presence: Presence): string[] {
  const told: string[] = [];
  presence.on("join", ({ id }) => told.push(`+${id}`));
  presence.on("leave", ({ id }) => told.push(`-${id}`));
  presence.on("update", ({ id, data }) => told.push(`${id}=${JSON.stringify(data)}`));
  return told;
}

/** In the order of the alphabet: two may have come in the same millisecond. */
const ids = ({ members }: Presence): string[] => members.map(({ id }) => id ?? "").sort();

it("§13 two clients see each other come, say something else, and go", async () => {
  const { url } = await start();
  const [ann, bob] = [join(url, "ann"), join(url, "bob")];
  const [here, there] = [ann.channels.open("chat"), bob.channels.open("chat")];
  const told = heard(here.presence);
  const counts: number[] = [];
  here.presence.on("count", (count) => counts.push(count));
  await here.presence.enter({ name: "Ann" });
  await there.presence.enter({ name: "Bob" });
  await until("both are seen", () => ids(here.presence).length === 2 && ids(there.presence).length === 2);
  expect([ids(here.presence), ids(there.presence)]).toEqual([
    ["ann", "bob"],
    ["ann", "bob"],
  ]);
  expect(here.presence.members.find(({ id }) => id === "bob")?.data).toEqual({ name: "Bob" });
  await there.presence.update({ name: "Bobby" });
  await until("the change is seen", () => told.length === 3);
  await there.presence.leave();
  await until("bob is gone", () => told.length === 4);
  expect(told).toEqual(["+ann", "+bob", 'bob={"name":"Bobby"}', "-bob"]);
  await until("one is counted", () => counts.at(-1) === 1);
  await ann.client.close();
  await until("nobody is there", () => ids(there.presence).length === 0);
});

it("§13.4 whoever loses its link and comes back neither left nor came, to others and to itself", async () => {
  const { url } = await start();
  const proxy = await startChaosProxy(url);
  onTestFinished(() => proxy.close());
  const [ann, bob] = [join(url, "ann"), join(proxy.url, "bob")];
  const [here, there] = [ann.channels.open("chat"), bob.channels.open("chat")];
  const told = [heard(here.presence), heard(there.presence)];
  await Promise.all([here.presence.enter(), there.presence.enter()]);
  await until("both see both", () => told.every((list) => list.length === 2));
  const statuses: string[] = [];
  const seen: number[] = [];
  there.presence.on("status", (status) => {
    statuses.push(status);
    seen.push(there.presence.members.length);
  });
  for (let round = 1; round <= 5; round++) {
    proxy.reset();
    await until("it was away, and is back", () => statuses.length === 2 * round);
    await there.presence.update(round);
  }
  expect(new Set(seen)).toEqual(new Set([2]));
  await until("the last is seen", () => told[0]?.at(-1) === "bob=5");
  expect(told.map((list) => list.filter((line) => !line.includes("=")).sort())).toEqual([
    ["+ann", "+bob"],
    ["+ann", "+bob"],
  ]);
  expect(statuses).toEqual(Array.from({ length: 5 }, () => ["stale", "live"]).flat());
});

it("who comes and goes while a watcher is away is told as the difference", async () => {
  const { url } = await start();
  const proxy = await startChaosProxy(url);
  onTestFinished(() => proxy.close());
  const watcher = join(proxy.url, "eve").channels.open("chat");
  const told = heard(watcher.presence);
  const others = ["a", "b", "c"].map((name) => join(url, name).channels.open("chat"));
  await others[0]?.presence.enter();
  await others[1]?.presence.enter();
  await until("two are seen", () => told.length === 2);
  proxy.cut();
  await until("it is away", () => watcher.presence.status === "stale");
  await others[0]?.presence.leave();
  await others[1]?.presence.leave();
  await others[1]?.presence.enter();
  await others[2]?.presence.enter();
  expect(ids(watcher.presence)).toEqual(["a", "b"]);
  proxy.heal();
  await until("it knows", () => ids(watcher.presence).join() === "b,c");
  expect(
    told
      .slice(2)
      .filter((line) => line !== "+b" && line !== "-b")
      .sort(),
  ).toEqual(["+c", "-a"]);
});

it("when all lose their links at once, nobody leaves for those who watch", async () => {
  const { gateway, url } = await start();
  const [ann, bob] = [join(url, "ann"), join(url, "bob")];
  const [here, there] = [ann.channels.open("chat"), bob.channels.open("chat")];
  const told = heard(here.presence);
  await Promise.all([here.presence.enter(), there.presence.enter()]);
  await until("both are seen", () => told.length === 2);
  const statuses: string[] = [];
  here.presence.on("status", (status) => statuses.push(status));
  for (const connection of gateway.connections()) connection.close(1012);
  await until("it was away, and is back", () => statuses.join() === "stale,live");
  await there.ready();
  await there.presence.update("again");
  await until("the change is seen", () => told.length > 2);
  expect(told.slice(2)).toEqual(['bob="again"']);
});

it("300 channels are entered again on a new link in few frames, and left when their handles are closed", async () => {
  const { gateway, url } = await start();
  const { client, channels } = join(url, "ann");
  const handles = Array.from({ length: 300 }, (_, index) => channels.open(`room-${index}`));
  await Promise.all(handles.map(({ presence }) => presence.enter({ x: "y".repeat(100) })));
  expect(gateway.stats().members).toBe(300);
  const statuses: string[] = [];
  client.on("status", (status) => statuses.push(status));
  for (const connection of gateway.connections()) connection.close(1012);
  await until("it was away, and is back", () => statuses.join() === "reconnecting,connected");
  await Promise.all(handles.map((handle) => handle.ready()));
  await Promise.all(handles.map(({ presence }) => presence.update("back")));
  expect(gateway.stats().members).toBe(300);
  const watcher = join(url, "eve").channels.open("room-299");
  await until("it is seen", () => watcher.presence.members[0]?.data === "back");
  for (const handle of handles) handle.close();
  await until("all are left", () => gateway.stats().members === 0);
});

it("§13.2 §13.3 who may not attend is refused, to enter and to watch", async () => {
  const { url } = await start();
  const handle = join(url, "ann").channels.open("private");
  await handle.ready();
  const codes: string[] = [];
  handle.presence.on("error", ({ code }) => codes.push(code));
  handle.presence.on("change", () => {});
  await expect(handle.presence.enter()).rejects.toMatchObject({ code: "gateway.forbidden" });
  await until("it may not watch", () => handle.presence.status === "refused");
  expect(codes).toEqual(["gateway.forbidden", "gateway.forbidden"]);
  expect(handle.status).toBe("live");
});

it("§13.4 a client that moves to another gateway is one member all the time, also when the first has waited for it long enough", async () => {
  const broker = memoryBroker();
  onTestFinished(() => broker.close());
  const shared = { broker, presence: { graceMs: 2_000 } };
  const [one, two] = [await start(shared), await start(shared)];
  const proxy = await startChaosProxy(one.url);
  onTestFinished(() => proxy.close());
  const here = join(two.url, "ann").channels.open("chat");
  const there = join(proxy.url, "bob").channels.open("chat");
  const told = heard(here.presence);
  const counts: number[] = [];
  here.presence.on("count", (count) => counts.push(count));
  await there.presence.enter("here");
  await until("he is seen", () => told.length === 1);
  const [before] = here.presence.members;
  proxy.route(two.url);
  proxy.reset();
  await until("he is at the other gateway", () => two.gateway.stats().members === 1);
  await until("the first has given him up", () => one.gateway.stats().members === 0);
  await there.presence.update("still here");
  await until("the change is seen", () => told.length === 2);
  expect(told).toEqual(["+bob", 'bob="still here"']);
  expect(here.presence.members).toEqual([{ ...before, data: "still here" }]);
  await until("he is counted once", () => counts.at(-1) === 1);
});

it("a rolling deploy is seen neither by channels nor by presence", async () => {
  const gateway = createTestGateway({ authenticate, anonymous: false, secretKeys: [] });
  onTestFinished(() => gateway.close());
  const [ann, bob] = ["ann", "bob"].map((name) => join(gateway.url, name, { transport: gateway.transport }));
  const [here, there] = [ann?.channels.open("chat"), bob?.channels.open("chat")];
  if (!here || !there) throw new Error("expected two");
  const told = heard(here.presence);
  const messages: unknown[] = [];
  here.on("message", (data) => messages.push(data));
  await Promise.all([here.presence.enter(), there.presence.enter()]);
  await until("both are seen", () => told.length === 2);
  const statuses: string[] = [];
  here.on("status", (status) => statuses.push(status));
  here.presence.on("status", (status) => statuses.push(status));
  for (let round = 1; round <= 2; round++) {
    await gateway.drain({ drainMs: 200 });
    await there.publish("message", round);
    await there.presence.update(round);
    await until("both are told", () => messages.length === round && told.at(-1) === `bob=${round}`);
  }
  expect(messages).toEqual([1, 2]);
  expect(told.filter((line) => !line.includes("=")).sort()).toEqual(["+ann", "+bob"]);
  expect(statuses).toEqual([]);
});

it("a gateway that has forgotten all is told again who is there", async () => {
  const gateway = createTestGateway({ authenticate, anonymous: false, secretKeys: [] });
  onTestFinished(() => gateway.close());
  const [ann, bob] = ["ann", "bob"].map((name) => join(gateway.url, name, { transport: gateway.transport }));
  const [here, there] = [ann?.channels.open("chat"), bob?.channels.open("chat")];
  if (!here || !there) throw new Error("expected two");
  await Promise.all([here.presence.enter(1), there.presence.enter(2)]);
  await until("both are seen", () => ids(here.presence).length === 2);
  const gaps: string[] = [];
  here.on("gap", ({ reason }) => gaps.push(reason));
  await gateway.restart();
  await until(
    "both are seen again",
    () => gaps.length > 0 && ids(here.presence).length === 2 && here.presence.status === "live",
  );
  expect(gaps).toEqual(["epoch"]);
});
