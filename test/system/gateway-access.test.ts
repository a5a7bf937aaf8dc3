// Who sets out to hear, or to say, what is not theirs.
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { redisBroker } from "@trunkline/broker-redis";
import type { Broker } from "@trunkline/core/ports";
import {
  type Authenticator,
  type Principal,
  RequestAuthenticator,
  memoryBroker,
  requestAuthenticator,
} from "@trunkline/gateway";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { openEventStream, openStreamLink } from "../support/event-stream-client.ts";
import { connectV1, sayHello } from "../support/frame-client.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.close());

/** The token is who it is, of the account acme. */
const byName: Authenticator = ({ token }) =>
  token === undefined || token.startsWith("sk_") ? null : { kind: "user", account: "acme", id: token };

describe.each<readonly [string, () => Broker]>([
  ["memory", () => memoryBroker()],
  ["Redis", () => redisBroker({ url: server.url, prefix: "access" })],
])("over %s", (_, open) => {
  it("no name of a channel leads out of its account, at any door, even for who may do all inside it", async () => {
    const broker = open();
    onTestFinished(() => broker.close());
    const everything: Authenticator = ({ token }) =>
      token === "eve" ? { kind: "user", account: "acme", id: token, mayListen: ["*"], mayPublish: ["*"] } : null;
    const { gateway, url, socketUrl } = await startGateway({ broker, authenticate: everything, authorize: () => true });
    const names = [
      "account.globex",
      "globex/account.globex",
      "../globex/account.globex",
      "..%2Fglobex%2Faccount.globex",
      "/globex/account.globex",
      "}globex/account.globex",
      "%7Dglobex/account.globex",
      "ассount.globex",
      "~gateway/control",
      "~gateway/fence",
      "/~gateway/control",
    ];
    const victim = await connectV1(socketUrl, { token: testKeys.globex });
    const streams = names.map((channel) => ({ channel }));
    const eve = await connectV1(socketUrl, { token: "eve", streams });
    const plain = await Promise.all(names.map((channel) => openEventStream(url, { key: "eve", channel })));
    const link = await openStreamLink(url);
    await link.post({ type: "hello", instance: "eve", token: "eve", streams });
    await link.client.frame("connected");
    for (const channel of names) {
      eve.send({ type: "publish", ref: 1, event: "forged", channel });
      await link.post({ type: "publish", ref: 1, event: "forged", channel });
      const body = JSON.stringify({ event: "forged", channel });
      await fetch(`${url}/api/v1/publish`, { method: "POST", body, headers: { Authorization: "Bearer eve" } });
    }
    await until("all is answered", () => eve.all("published").length === names.length);
    for (const channel of ["account.globex", ...names.filter((name) => !name.startsWith("~"))])
      await gateway.publish({ event: "secret", channel }, { account: "globex" });
    await until("the victim hears its own", () => victim.events.length === 2);
    await gateway.publish({ event: "last", channel: "account.globex" }, { account: "acme" });
    await until("what is eve's came behind it", () => eve.events.some(({ event }) => event === "last"));
    await until("at every door", () => link.client.text.includes('"last"') && plain[0]?.text.includes("last") === true);
    expect(victim.events.map(({ event }) => event)).toEqual(["secret", "secret"]);
    expect(eve.frames.join("")).not.toContain("secret");
    for (const { text } of [link.client, ...plain]) expect(text).not.toContain("secret");
  });
});

it("of two answers about the scope of a connection the later question's counts, whichever comes first", async () => {
  const asked: ((scope: string) => void)[] = [];
  const { gateway, socketUrl } = await startGateway({
    authenticate: byName,
    scope: () => new Promise((resolve) => asked.push(resolve)),
    subscriptions: ({ scope }) => [scope ?? "all"],
    authorize: ({ channel, connection }) => channel === `${connection.scope}.chat`,
  });
  const coming = sayHello(socketUrl, { token: "ada" });
  await until("it is asked", () => asked.length === 1);
  asked[0]?.("team.1");
  const ada = await coming;
  await ada.next("connected");
  const done = [gateway.reauthorize({ user: "ada" }), gateway.reauthorize({ user: "ada" })];
  await until("it is asked twice", () => asked.length === 3);
  asked[2]?.("team.2");
  await until("it was moved", () => ada.all("verdict").length === 2);
  asked[1]?.("team.1");
  await Promise.all(done);
  ada.send({ type: "subscribe", streams: [{ channel: "team.1.chat" }, { channel: "team.2.chat" }] });
  await until("both are answered", () => ada.all("verdict").length === 4);
  const verdicts = ada.all("verdict").flatMap((verdict) => verdict.streams);
  expect(verdicts.slice(2)).toMatchObject([
    { channel: "team.1.chat", verdict: "refused" },
    { channel: "team.2.chat", verdict: "fresh" },
  ]);
  // It can be found where it is.
  await gateway.disconnect({ scope: "team.2" });
  expect((await ada.end()).code).toBe(4401);
});

it("what can't be a principal lets nobody in, and ends nothing else", async () => {
  const odd: Record<string, object> = {
    null: { mayListen: null, mayPublish: null },
    text: { channels: "news" },
    pattern: { mayListen: ["a*b"] },
    account: { account: "acme/../globex" },
    end: { expiresAt: "never" },
  };
  const authenticate: Authenticator = ({ token = "" }) =>
    token.startsWith("sk_") ? null : ({ kind: "user", account: "acme", id: "u", ...odd[token] } as Principal);
  const { gateway, socketUrl } = await startGateway({ authenticate, authorize: () => true });
  const other = await connectV1(socketUrl, { token: testKeys.acme });
  for (const token of Object.keys(odd)) {
    const client = await sayHello(socketUrl, { token, streams: [{ channel: "news" }] });
    client.send({ type: "publish", ref: 1, event: "e", channel: "news" });
    expect([token, (await client.end()).code]).toEqual([token, 1011]);
  }
  await gateway.publish({ event: "e" }, { account: "acme" });
  await until("the other goes on", () => other.events.length === 1);
});

it("§2.5 a page of another site opens nothing with the cookies of its reader, also where browsers don't say which page it is", async () => {
  class Session extends RequestAuthenticator {
    override matches(): boolean {
      return this.request.cookies.has("sid");
    }
  }
  const { url, gateway } = await startGateway({ authenticate: requestAuthenticator(Session) });
  const seen: string[] = [];
  gateway.on("connection", ({ id }) => seen.push(id));
  const ask = async (site: string): Promise<number> => {
    const socket = request(`${url}/api/v1/events`, { headers: { cookie: "sid=1", "sec-fetch-site": site } }).end();
    const [answer] = (await once(socket, "response")) as [IncomingMessage];
    answer.destroy();
    return answer.statusCode ?? 0;
  };
  expect([await ask("cross-site"), await ask("same-site")]).toEqual([403, 403]);
  expect(seen).toEqual([]);
  expect([await ask("same-origin"), await ask("none")]).toEqual([200, 200]);
});

it("an authorizer is asked by the scope that a connection has, never by the one it is about to lose", async () => {
  const decide: ((scope: string) => void)[] = [];
  let scope: Promise<string> = Promise.resolve("team.1");
  const { gateway, socketUrl } = await startGateway({
    authenticate: byName,
    scope: () => scope,
    authorize: ({ channel, connection }) => channel.startsWith(`${connection.scope}.`),
  });
  const ada = await connectV1(socketUrl, { token: "ada", streams: [{ channel: "team.1.chat" }] });
  scope = new Promise((resolve) => decide.push(resolve));
  const done = gateway.reauthorize({ user: "ada" });
  ada.send({ type: "subscribe", streams: [{ channel: "team.1.news" }, { channel: "team.2.news" }] });
  ada.send({ type: "ping", id: 1 });
  await ada.next("pong");
  expect(ada.all("verdict")).toEqual([]);
  decide[0]?.("team.2");
  await done;
  await until("all is told", () => ada.all("verdict").length === 3);
  const told = ada.all("verdict").flatMap(({ streams }) => streams);
  expect(Object.fromEntries(told.map(({ channel, verdict }) => [channel, verdict]))).toEqual({
    "team.1.chat": "ended",
    "team.1.news": "refused",
    "team.2.news": "fresh",
  });
});

it("what is taken back while its authorizer thinks is not given by its answer: by code, and by channel", async () => {
  const asked: ((allowed: boolean) => void)[] = [];
  const { gateway, socketUrl } = await startGateway({
    authenticate: byName,
    authorize: () => new Promise((resolve) => asked.push(resolve)),
  });
  const room = { type: "subscribe", streams: [{ channel: "room" }] };
  const ada = await connectV1(socketUrl, { token: "ada" });
  ada.send(room);
  await until("it is asked", () => asked.length === 1);
  for (const connection of gateway.connections()) connection.unsubscribe("room");
  expect((await ada.next("verdict")).streams).toMatchObject([{ channel: "room", verdict: "refused" }]);
  // Before what was asked first is answered.
  ada.send(room);
  ada.send({ type: "ping", id: 1 });
  await ada.next("pong");
  asked[0]?.(true);
  await until("it is asked anew", () => asked.length === 2);
  const bob = await sayHello(socketUrl, { token: "bob", streams: room.streams });
  await until("it is asked for the other too", () => asked.length === 3);
  await gateway.disconnect({ channel: "room" });
  expect([(await ada.end()).code, (await bob.end()).code]).toEqual([4401, 4401]);
  expect(ada.all("verdict")).toHaveLength(1);
});
