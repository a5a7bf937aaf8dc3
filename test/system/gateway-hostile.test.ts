import type { Position } from "@trunkline/core/wire";
import { expect, it } from "vitest";
import { connectV1, openLink, positionIn, sayHello } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const token = testKeys.acme;
const account = { account: "acme" };

it("§5.3 a hello with very many streams is answered stream by stream, within the limit, or refused for its size", async () => {
  const { socketUrl, gateway } = await startGateway({ authorize: () => true, limits: { subscriptions: 100 } });
  const streams = (count: number): { channel: string }[] =>
    Array.from({ length: count }, (_, index) => ({ channel: `c${index}` }));
  const many = await connectV1(socketUrl, { token, streams: streams(2000) });
  const verdicts = many.hello.streams;
  expect(verdicts).toHaveLength(2001);
  expect(verdicts.filter(({ verdict }) => verdict === "fresh")).toHaveLength(100);
  const refused = verdicts.flatMap((each) => (each.verdict === "refused" ? [each.error.code] : []));
  expect(new Set(refused)).toEqual(new Set(["gateway.limit"]));
  const tooMany = await sayHello(socketUrl, { token, streams: streams(10_000) });
  expect((await tooMany.end()).code).toBe(1009);
  many.ws.close();
  await until("nothing is left", () => gateway.stats().channels === 0);
});

it("§5.3 a future position, an unknown epoch and a foreign tag are gaps with their reasons", async () => {
  const { socketUrl, gateway } = await startGateway();
  await gateway.publish({ event: "e" }, account);
  const fresh = await connectV1(socketUrl, { token });
  const at = positionIn(fresh.hello, "account.acme");
  const verdictOf = async (position: Position): Promise<unknown> => {
    const client = await connectV1(socketUrl, { token, streams: [{ channel: "account.acme", position }] });
    return client.hello.streams[0];
  };
  expect(await verdictOf({ ...at, offset: Number.MAX_SAFE_INTEGER })).toMatchObject({
    verdict: "gap",
    reason: "future",
    from: 1,
    to: 1,
  });
  expect(await verdictOf({ ...at, epoch: "__proto__" })).toMatchObject({ verdict: "gap", reason: "epoch" });
  expect(await verdictOf({ ...at, tag: "foreign" })).toMatchObject({ verdict: "gap", reason: "fork" });
});

it("names of prototypes are channels, events and keys like any others", async () => {
  const { socketUrl } = await startGateway({ authorize: () => true });
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty"];
  const client = await connectV1(socketUrl, { token, streams: names.map((channel) => ({ channel })) });
  expect(client.hello.streams.slice(0, 4).map(({ verdict }) => verdict)).toEqual(names.map(() => "fresh"));
  client.send(
    names.map((name, ref) => ({ type: "publish", ref, event: name, channel: name, id: name, data: { [name]: 1 } })),
  );
  await until("all came", () => client.events.length === 4);
  expect(client.events.map(({ channel, event }) => [channel, event])).toEqual(names.map((name) => [name, name]));
  expect(client.all("published").every(({ error }) => error === undefined)).toBe(true);
  client.send('{"type":"__proto__"}');
  expect((await client.next("error")).code).toBe("gateway.unsupported");
});

it("JSON nested to the limit of a frame ends nothing", async () => {
  const { socketUrl, gateway } = await startGateway();
  const client = await connectV1(socketUrl, { token });
  const deep = "[".repeat(30_000) + "]".repeat(30_000);
  client.send(`{"type":"publish","ref":1,"event":"deep","data":${deep}}`);
  const answer = await client.next("published");
  expect(answer.error?.code ?? "accepted").toMatch(/accepted|gateway\.bad-request/);
  client.send(`{"type":"publish","ref":2,"event":"e","meta":${"[".repeat(5000) + "]".repeat(5000)}}`);
  expect((await client.next("published")).error?.code).toBe("gateway.bad-request");
  client.send(deep);
  client.send({ type: "ping", id: 1 });
  expect(await client.next("pong")).toMatchObject({ id: 1 });
  expect(gateway.stats().errors).toBe(0);
});

it("10,000 subscribe frames at once cost their sender its link and nobody else anything", async () => {
  const { socketUrl, gateway } = await startGateway({ authorize: () => new Promise<boolean>(() => {}) });
  const good = await connectV1(socketUrl, { token });
  const flood = await connectV1(socketUrl, { token });
  for (let index = 0; index < 10_000; index++) flood.send({ type: "subscribe", streams: [{ channel: `c${index}` }] });
  expect((await flood.end()).code).toBe(4429);
  await gateway.publish({ event: "e" }, account);
  await until("the other goes on", () => good.events.length === 1);
  expect(gateway.stats()).toMatchObject({ connections: 1, channels: 1 });
});

it("a connection may end in each step of its way in, and nothing is left of it", async () => {
  const errors: unknown[] = [];
  let release = (): void => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const { socketUrl, gateway } = await startGateway({ authorize: () => held.then(() => true) });
  gateway.on("error", (error) => errors.push(error));
  let announced = 0;
  gateway.on("connection", () => {
    announced += 1;
    return announced === 1 ? held : undefined;
  });
  const protocols = ["trunkline.v1"];
  const greeting = await openLink(socketUrl, { protocols });
  const announcing = await sayHello(socketUrl, { token });
  await until("the first is announced", () => announced === 1);
  const authorizing = await sayHello(socketUrl, { token, streams: [{ channel: "a" }] });
  await until("the second is announced", () => announced === 2);
  const subscribing = await connectV1(socketUrl, { token });
  subscribing.send([
    { type: "subscribe", streams: [{ channel: "b" }] },
    { type: "unsubscribe", channels: ["b"] },
    { type: "subscribe", streams: [{ channel: "b" }] },
  ]);
  for (const client of [greeting, announcing, authorizing, subscribing]) client.ws.terminate();
  await until("all are gone", () => gateway.stats().connections === 0);
  release();
  await until("nothing is left", () => gateway.stats().channels === 0 && gateway.stats().brokerSubscriptions === 0);
  const next = await connectV1(socketUrl, { token });
  expect(next.hello.streams).toHaveLength(1);
  expect(errors).toEqual([]);
});

it("subscribe while draining is answered as ever, and unsubscribe while the authorizer thinks leaves nothing", async () => {
  let allow: (answer: boolean) => void = () => {};
  const { socketUrl, gateway } = await startGateway({
    authorize: ({ channel }) => channel === "now" || new Promise<boolean>((resolve) => (allow = resolve)),
  });
  const client = await connectV1(socketUrl, { token });
  const closing = gateway.close({ drainMs: 10_000 });
  await client.next("drain");
  client.send({ type: "subscribe", streams: [{ channel: "now" }] });
  expect((await client.next("verdict")).streams).toMatchObject([{ channel: "now", verdict: "fresh" }]);
  client.send([
    { type: "subscribe", streams: [{ channel: "later" }] },
    { type: "unsubscribe", channels: ["later"] },
    { type: "ping", id: 1 },
  ]);
  await client.next("pong");
  allow(true);
  client.send({ type: "hello", instance: "again" });
  expect((await client.next("error")).code).toBe("peer.bad-frame");
  expect(client.all("verdict")).toHaveLength(1);
  client.ws.close(1000);
  await closing;
  expect(gateway.stats()).toMatchObject({ connections: 0, channels: 0, brokerSubscriptions: 0 });
});
