import type { Broker } from "@trunkline/core/ports";
import { ManualClock } from "@trunkline/core/testing";
import { defineContract, event } from "@trunkline/core/wire";
import { memoryBroker } from "@trunkline/gateway";
import { expect, it } from "vitest";
import { connectPlain, connectV1, openLink } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const token = testKeys.acme;
const contract = defineContract({
  events: { "price.set": event({ delivery: "state" }), "cursor.moved": event({ delivery: "volatile" }) },
});

it("§8.5 what a link publishes reaches the others, and its answers say where it went", async () => {
  const { gateway, socketUrl } = await startGateway({ contract });
  const author = await connectV1(socketUrl, { token });
  const reader = await connectV1(socketUrl, { token });
  author.send([
    { type: "publish", ref: 1, event: "post.created", data: { id: 1 }, id: "a", meta: { trace: "t" } },
    { type: "publish", ref: 2, event: "price.set", data: 5, key: "p" },
    { type: "publish", ref: 3, event: "cursor.moved", data: [1, 2] },
    { type: "publish", ref: 4, event: "elsewhere", channel: "room" },
    { type: "publish", ref: 5, event: "post.created", data: { id: 1 }, id: "a", meta: { trace: "t" }, retryMs: 10 },
    { type: "publish", ref: 6, event: "post.created", data: { id: 2 }, id: "a" },
    { type: "publish", ref: 7, event: "gap" },
  ]);
  await until("all are answered", () => author.all("published").length === 7);
  const answers = author.all("published").sort((a, b) => a.ref - b.ref);
  const epoch = expect.stringMatching(/./);
  expect(answers).toEqual([
    { type: "published", ref: 1, stream: "account.acme", offset: 1, epoch },
    { type: "published", ref: 2, stream: "account.acme", offset: 1, epoch },
    { type: "published", ref: 3, stream: "account.acme", offset: 0, epoch: "" },
    { type: "published", ref: 4, stream: "room", offset: 1, epoch },
    { type: "published", ref: 5, stream: "account.acme", offset: 1, epoch },
    { type: "published", ref: 6, error: { code: "gateway.conflict", message: expect.any(String) } },
    { type: "published", ref: 7, error: { code: "gateway.bad-request", message: expect.stringMatching(/^event: /) } },
  ]);
  await until("the events came", () => reader.events.length === 3 && author.events.length === 3);
  expect(reader.events.map(({ event: name, offset, revision }) => [name, offset, revision])).toEqual([
    ["post.created", 1, undefined],
    ["price.set", undefined, 1],
    ["cursor.moved", undefined, undefined],
  ]);
  const metrics = gateway.stats();
  expect(metrics).toMatchObject({ published: 4, refused: 2 });
});

it("§8.5 public keys ask the authorizer; nobody publishes into another account", async () => {
  const { gateway, socketUrl } = await startGateway({
    authorizePublish: ({ channel, principal }) => principal.kind === "public" && channel === principal.channel,
  });
  const page = await connectV1(socketUrl, { token: testKeys.page });
  const other = await connectV1(socketUrl, { token: testKeys.globex });
  gateway.on("connection", (connection) => connection.subscribe("news"));
  const late = await connectV1(socketUrl, { token: testKeys.globex });
  page.send([
    { type: "publish", ref: 1, event: "said", channel: "news" },
    { type: "publish", ref: 2, event: "said", channel: "account.acme" },
  ]);
  other.send({ type: "publish", ref: 1, event: "stolen", channel: "news" });
  await until("page is answered", () => page.all("published").length === 2);
  await until("late saw its own account's", () => late.events.length === 1);
  await until("page saw its own", () => page.events.length === 1);
  expect(page.all("published").find(({ ref }) => ref === 2)?.error?.code).toBe("gateway.forbidden");
  expect(page.events.map(({ event: name }) => name)).toEqual(["said"]);
  expect(late.events.map(({ event: name }) => name)).toEqual(["stolen"]);
});

it("§8.5 an event that is too large is answered; the link stays", async () => {
  const { socketUrl } = await startGateway({ limits: { eventBytes: 1000 } });
  const author = await connectV1(socketUrl, { token });
  author.send({ type: "publish", ref: 1, event: "e", data: "x".repeat(1000) });
  expect((await author.next("published")).error?.code).toBe("gateway.too-large");
  author.send({ type: "publish", ref: 2, event: "e" });
  expect(await author.next("published")).toMatchObject({ ref: 2, offset: 1 });
});

it("§9 a broker that never answers leaves at most so many publishes unanswered, and the link ends all the same", async () => {
  const memory = memoryBroker();
  const appends: string[] = [];
  const stuck: Broker = {
    name: "stuck",
    open: (listener) => memory.open(listener),
    append: (_, { body }) => {
      appends.push(body);
      return new Promise(() => {});
    },
    broadcast: (stream, body) => memory.broadcast(stream, body),
    read: (stream, from, limit) => memory.read(stream, from, limit),
    heads: (streams) => memory.heads(streams),
    close: () => memory.close(),
  };
  const { gateway, socketUrl } = await startGateway({ broker: stuck });
  const author = await connectV1(socketUrl, { token });
  author.send(Array.from({ length: 150 }, (_, ref) => ({ type: "publish", ref, event: "e" })));
  await until("the rest are refused", () => author.all("published").length === 50);
  expect(appends).toHaveLength(100);
  expect(author.all("published").every(({ ref, error }) => ref >= 100 && error?.code === "gateway.limit")).toBe(true);
  author.ws.terminate();
  await until("it is gone", () => gateway.stats().connections === 0);
});

it("§7.4 publishes are taken while draining, and answered", async () => {
  const { gateway, socketUrl } = await startGateway();
  const author = await connectV1(socketUrl, { token });
  const closing = gateway.close({ drainMs: 5000 });
  await author.next("drain");
  author.send({ type: "publish", ref: 1, event: "late" });
  expect(await author.next("published")).toMatchObject({ ref: 1, offset: 1 });
  await until("it came", () => author.events.length === 1);
  author.ws.close(1000);
  await closing;
});

it("§10 the plain dialect has no publish", async () => {
  const { gateway, socketUrl } = await startGateway();
  const plain = await connectPlain(socketUrl, token);
  plain.send({ type: "publish", ref: 1, event: "e" });
  expect((await plain.next("error")).message).toContain("publish over HTTP");
  expect(gateway.stats().published).toBe(0);
});

it("§8.6 counts a repetition's age from `connected`, not from the opening of the link", async () => {
  const clock = new ManualClock();
  const { socketUrl } = await startGateway({ clock, broker: memoryBroker({ clock }) });
  clock.advance(1_000);
  const link = await openLink(socketUrl, { protocols: ["trunkline.v1"] });
  clock.advance(500);
  link.send({ type: "hello", instance: "test", token });
  await link.next("connected");
  const outcome = async (id: string, retryMs: number) => {
    link.send({ type: "publish", ref: 1, event: "tick", id, retryMs });
    const { error } = await link.next("published");
    return error?.code ?? "ok";
  };
  expect(await outcome("young", 1_500)).toBe("ok");
  expect(await outcome("older than the broker", 1_501)).toBe("gateway.outcome-unknown");
  clock.advance(10);
  expect(await outcome("still", 1_500)).toBe("ok");
  expect(await outcome("slow", 1_501)).toBe("gateway.outcome-unknown");
});
