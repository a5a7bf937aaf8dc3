// Which streams a connection is on by itself: sources of subscription, and the part of the account it is given.
import { GatewayError } from "@trunkline/core/errors";
import {
  type Gateway,
  type GatewayOptions,
  byAccount,
  byPath,
  byScope,
  pathScope,
  requestScope,
} from "@trunkline/gateway";
import { createClient } from "trunkline";
import { expect, it, onTestFinished } from "vitest";
import { openEventStream } from "../support/event-stream-client.ts";
import { connectPlain, connectV1, openLink, sayHello } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const token = testKeys.acme;
const headers = { Authorization: `Bearer ${token}` };
const protocols = ["trunkline.v1"];
const scoped: GatewayOptions = { scope: pathScope({ allowed: ["organization"] }), subscriptions: byScope() };

const publish = async (gateway: Gateway, channel: string, event: string): Promise<void> =>
  void (await gateway.publish({ event, channel, data: {} }, { account: "acme" }));
const names = ({ events }: { readonly events: readonly { readonly event: string }[] }): string[] =>
  events.map(({ event }) => event);

it("A-15 A-16 A-26 R-04 each connection hears its own scope and nothing else; unscoped ones what is unscoped", async () => {
  const { gateway, socketUrl } = await startGateway(scoped);
  const one = await connectV1(socketUrl, { token, scope: "organization/1" });
  const two = await connectV1(socketUrl, { token, scope: "organization/2" });
  const none = await connectV1(socketUrl, { token });
  for (const channel of [
    "organization.1.user.2",
    "organization.1",
    "organization.11",
    "organization.2",
    "organization",
    "all",
  ])
    await publish(gateway, channel, `to.${channel}`);
  // An event type that nobody had ever heard of when they connected arrives as any other.
  for (const channel of ["organization.1", "organization.2", "all"]) await publish(gateway, channel, "invented.later");
  await until("all came", () => [one, two, none].every(({ events }) => events.length === 2));
  expect([one, two, none].map(names)).toEqual([
    ["to.organization.1", "invented.later"],
    ["to.organization.2", "invented.later"],
    ["to.all", "invented.later"],
  ]);
  expect(new Set([...gateway.connections()].map(({ scope }) => scope))).toEqual(
    new Set(["organization.1", "organization.2", null]),
  );
});

it("A-24 createClient({ scope }) asks for its scope, and hears it", async () => {
  const { gateway, url } = await startGateway(scoped);
  const client = createClient({ url, apiKey: token, scope: { organization: 5 } });
  onTestFinished(() => void client.close());
  const events: string[] = [];
  client.on("*", (_, { event }) => events.push(event));
  await client.ready();
  await publish(gateway, "organization.6", "theirs");
  await publish(gateway, "organization.5", "ours");
  await until("it came", () => events.length > 0);
  expect(events).toEqual(["ours"]);
});

it("A-21 A-24 R-13 §2.6 a scope that is not granted: 403 before the upgrade, 4403 at hello, error and 4401 in the plain dialect", async () => {
  const { gateway, url, socketUrl } = await startGateway(scoped);
  for (const hint of ["user/5", "organization/5/project", "organization/"]) {
    const query = `?scope=${encodeURIComponent(hint)}`;
    await expect(openLink(`${socketUrl}${query}`, { protocols, headers })).rejects.toThrow("403");
    const late = await sayHello(`${socketUrl}${query}`, { token });
    expect((await late.end()).code).toBe(4403);
    const hello = await sayHello(socketUrl, { token, scope: hint });
    expect((await hello.end()).code).toBe(4403);
    expect(hello.messages).toMatchObject([{ type: "error", code: "gateway.forbidden", fatal: true }]);
    const plain = await openLink(`${socketUrl}${query}&api_key=${token}`);
    expect((await plain.end()).code).toBe(4401);
    expect(plain.frames).toEqual([expect.stringMatching(/^{"type":"error"/)]);
    const stream = await fetch(`${url}/api/v1/events${query}`, { headers });
    expect([stream.status, await stream.json()]).toMatchObject([403, { error: { code: "gateway.forbidden" } }]);
  }
  expect(gateway.stats().connections).toBe(0);
});

it("§2.6 a scope in the URL is as good as one in hello, which goes first; event streams carry it", async () => {
  const { gateway, url, socketUrl } = await startGateway(scoped);
  const five = `${socketUrl}?scope=organization%2F5`;
  const early = await openLink(five, { protocols, headers });
  early.send({ type: "hello", instance: "i" });
  await early.next("connected");
  const other = await connectV1(five, { token, scope: "organization/6" });
  const plain = await openLink(`${five}&api_key=${token}`);
  await plain.next("connected");
  const stream = await fetch(`${url}/api/v1/events?scope=organization%2F5`, { headers });
  const reader = stream.body?.getReader();
  await publish(gateway, "organization.6", "six");
  await publish(gateway, "organization.5", "five");
  await until("all came", () => early.events.length + other.events.length + plain.plainEvents.length === 3);
  expect([names(early), names(other), plain.plainEvents]).toEqual([["five"], ["six"], [{ event: "five" }]]);
  let text = "";
  while (!text.includes("event: five")) text += new TextDecoder().decode((await reader?.read())?.value);
  expect(text).not.toContain("six");
  await reader?.cancel();
});

it("§2.6 without a `scope` option whoever asks for one is refused", async () => {
  const { socketUrl } = await startGateway();
  expect((await (await sayHello(socketUrl, { token, scope: "organization/1" })).end()).code).toBe(4403);
  await expect(openLink(`${socketUrl}?scope=x`, { protocols, headers })).rejects.toThrow("403");
});

it("A-21 A-22 authenticate, scope, upgrade, subscribe, connection: in this order, and no further than a no", async () => {
  const steps: string[] = [];
  const step = (name: string): void => void steps.push(name);
  class Asked {
    readonly #valid: boolean;
    constructor({ request }: { readonly request: { readonly params: URLSearchParams } }) {
      this.#valid = request.params.get("as") === "member";
    }
    valid(): boolean {
      step("scope");
      return this.#valid;
    }
    routingKey(): string {
      return "organization.1";
    }
  }
  const { gateway, socketUrl } = await startGateway({
    authenticate: ({ token: given }) => {
      step("authenticate");
      return given === "ada" ? { kind: "user", account: "acme", id: "ada" } : null;
    },
    scope: requestScope(Asked),
    subscriptions: ({ scope, connection }) => {
      step("subscribe");
      expect(connection.channels).toEqual([]);
      return [scope ?? "none"];
    },
  });
  gateway.on("connection", ({ channels, scope }) => step(`connection ${scope} on ${channels.join()}`));
  const ada = { protocols, headers: { Authorization: "Bearer ada" } };
  await expect(openLink(`${socketUrl}?as=stranger`, ada)).rejects.toThrow("403");
  expect(steps.splice(0)).toEqual(["authenticate", "scope"]);
  const client = await openLink(`${socketUrl}?as=member`, ada);
  step("upgrade");
  client.send({ type: "hello", instance: "i" });
  await client.next("connected");
  expect(steps).toEqual([
    "authenticate",
    "scope",
    "upgrade",
    "subscribe",
    "connection organization.1 on organization.1",
  ]);
});

it("R-01 all sources are united: one event of each kind comes once, and a client-sent subscribe is refused", async () => {
  const { gateway, socketUrl } = await startGateway({
    ...scoped,
    subscriptions: [byAccount(), byScope(), () => ["from.code", "account.acme"], ({ scope }) => [scope ?? "all"]],
  });
  const client = await connectV1(socketUrl, { token, scope: "organization/1" });
  client.send({ type: "subscribe", streams: [{ channel: "organization.2" }] });
  expect((await client.next("verdict")).streams).toMatchObject([
    { channel: "organization.2", verdict: "refused", error: { code: "gateway.forbidden" } },
  ]);
  const channels = ["account.acme", "organization.1", "from.code"];
  expect(client.hello.streams.map(({ channel }) => channel)).toEqual(channels);
  for (const channel of ["organization.2", ...channels]) await publish(gateway, channel, channel);
  await until("all came", () => client.events.length >= 3);
  expect(names(client)).toEqual(channels);
  // One subscription at the broker for each, however many are on it.
  const more = await Promise.all(
    Array.from({ length: 10 }, () => connectV1(socketUrl, { token, scope: "organization/1" })),
  );
  expect(more).toHaveLength(10);
  expect(gateway.stats()).toMatchObject({ connections: 11, channels: 3 });
});

it("D-05 sockets of whatever path hear once what goes to all", async () => {
  const { gateway, url, socketUrl } = await startGateway({
    subscriptions: byPath(),
    authorize: ({ channel }) => channel.startsWith("page/"),
  });
  const [a, b] = [
    await connectV1(`${socketUrl}?path=page%2Fa`, { token }),
    await connectV1(`${socketUrl}?path=page/b`, { token }),
  ];
  const root = await connectV1(socketUrl, { token });
  const plain = await openLink(`${socketUrl}?api_key=${token}&path=page%2Fa`);
  await plain.next("connected");
  await publish(gateway, "page/a", "a");
  await publish(gateway, "page/b", "b");
  await publish(gateway, "all", "everybody");
  await until("all came", () => [a, b, root].every(({ events }) => names({ events }).includes("everybody")));
  await until("plain too", () => plain.plainEvents.length === 2);
  expect([a, b, root].map((client) => names(client).sort())).toEqual([
    ["a", "everybody"],
    ["b", "everybody"],
    ["everybody"],
  ]);
  expect(new Set(plain.plainEvents.map(({ event }) => event))).toEqual(new Set(["a", "everybody"]));
  // The authorizer that decides on `subscribe` decides on paths and queries too.
  expect((await (await sayHello(`${socketUrl}?path=account.acme`, { token })).end()).code).toBe(4403);
  expect((await openEventStream(url, { key: token, channel: "account.acme" })).response.status).toBe(403);
});

it.each([
  ["wildcards", "a*"],
  ["..", "a/../b"],
  ["control characters", "a\u0007b"],
  ["10 kB", "x".repeat(10_000)],
])("R-02 names that nobody can listen to are refused on every way in: %s", async (_, channel) => {
  const asked: string[] = [];
  const { url, socketUrl } = await startGateway({
    subscriptions: [byAccount(), byPath()],
    authorize: (request) => asked.push(request.channel) > 0,
  });
  const client = await connectV1(socketUrl, { token, streams: [{ channel }] });
  client.send({ type: "subscribe", streams: [{ channel }] });
  const bad = { channel, verdict: "refused", error: { code: "gateway.bad-request" } };
  expect(client.hello.streams[0]).toMatchObject(bad);
  expect((await client.next("verdict")).streams).toMatchObject([bad]);
  const path = await sayHello(`${socketUrl}?path=${encodeURIComponent(channel)}`, { token });
  expect((await path.end()).code).toBe(4400);
  expect((await openEventStream(url, { key: token, channel })).response.status).toBe(400);
  expect(asked).toEqual([]);
});

it("R-02 off: hello, subscribe, query and path are refused alike", async () => {
  const { url, socketUrl } = await startGateway({ subscriptions: [byAccount(), byPath()] });
  const client = await connectV1(socketUrl, { token, streams: [{ channel: "room" }] });
  client.send({ type: "subscribe", streams: [{ channel: "room" }] });
  const refused = { channel: "room", verdict: "refused", error: { code: "gateway.forbidden" } };
  expect(client.hello.streams[0]).toMatchObject(refused);
  expect((await client.next("verdict")).streams).toMatchObject([refused]);
  expect((await openEventStream(url, { key: token, channel: "room" })).response.status).toBe(403);
  expect((await (await sayHello(`${socketUrl}?path=room`, { token })).end()).code).toBe(4403);
});

it("a source that fails refuses its connection alone: 1011, 500 over HTTP, and not a word of why", async () => {
  let failing = true;
  const errors: string[] = [];
  const { gateway, url, socketUrl } = await startGateway({
    subscriptions: [
      byAccount(),
      ({ principal }) => {
        if (failing && principal.account === "acme") throw new Error("SECRET database");
        return [];
      },
    ],
  });
  gateway.on("error", ({ message }) => errors.push(message));
  const other = await connectV1(socketUrl, { token: testKeys.globex });
  const mine = await sayHello(socketUrl, { token });
  const { code, reason } = await mine.end();
  expect([code, mine.messages]).toEqual([1011, []]);
  const plain = await openLink(`${socketUrl}?api_key=${token}`);
  expect((await plain.end()).code).toBe(1011);
  const stream = await fetch(`${url}/api/v1/events`, { headers });
  const body = await stream.text();
  expect(stream.status).toBe(500);
  for (const said of [reason, body]) expect(said).not.toContain("SECRET");
  expect(errors).toEqual(Array.from({ length: 3 }, () => expect.stringContaining("SECRET")));
  failing = false;
  await connectPlain(socketUrl, token);
  expect(other.ended).toBeNull();
});

it("a source may refuse with a reason of its own", async () => {
  const { socketUrl } = await startGateway({
    subscriptions: () => {
      throw new GatewayError("gateway.forbidden", "your plan has no live updates");
    },
  });
  const client = await sayHello(socketUrl, { token });
  expect(await client.end()).toEqual({ code: 4403, reason: "your plan has no live updates" });
});
