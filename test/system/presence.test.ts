// Who is on a channel (PROTOCOL §13), on one gateway.
import { expect, it } from "vitest";
import type { GatewayOptions } from "@trunkline/gateway";
import { type FrameClient, connectV1 } from "../support/frame-client.ts";
import { askPresence, byName, enter, memberOf } from "../support/presence-members.ts";
import { watchPresence } from "../support/presence-watcher.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const open = (options: GatewayOptions = {}) => startGateway({ authenticate: byName, ...options });

it("§13.1 who enters, says something else and leaves is seen by those who watch, and counted", async () => {
  const { socketUrl, gateway } = await open();
  const watcher = await watchPresence(socketUrl, "eve", "room");
  expect(watcher.client.all("connected")[0]?.streams.map(({ verdict }) => verdict)).toEqual([
    "fresh",
    "snapshot",
    "snapshot",
  ]);
  const ada = await memberOf(socketUrl, "ada", "room", { data: { mood: "fine" } });
  await until("ada is seen and counted", () => watcher.ids[0] === "ada" && watcher.count === 1);
  expect([...watcher.members.values()]).toEqual([{ id: "ada", data: { mood: "fine" }, since: expect.any(Number) }]);
  expect([...watcher.keys.keys()][0]).toMatch(/^[\w-]{22}@[\w-]{8}$/);
  const bob = await memberOf(socketUrl, "bob", "room");
  await until("both are", () => watcher.ids.length === 2 && watcher.count === 2);
  expect(gateway.stats().members).toBe(2);
  const listed = await gateway.members("room", { account: "acme" });
  expect(listed.map(({ member, ...rest }) => [typeof member, rest])).toEqual([
    ["string", { id: "ada", data: { mood: "fine" }, since: expect.any(Number) }],
    ["string", { id: "bob", since: expect.any(Number) }],
  ]);
  expect(await gateway.members("room")).toEqual([]);
  await enter(ada, "room", "busy");
  await until("the change is", () => [...watcher.members.values()].some(({ data }) => data === "busy"));
  await askPresence(bob, { leave: ["room"] });
  ada.ws.close(1000);
  await until("both are gone", () => watcher.ids.length === 0 && watcher.count === 0);
  expect(watcher.moves.map(([sign]) => sign)).toEqual(["+", "+", "-", "-"]);
  expect(gateway.stats().members).toBe(0);
  const late = await watchPresence(socketUrl, "eve", "room");
  expect([late.ids, late.count]).toEqual([[], 0]);
});

it("§13.2 who is not on a channel, may not attend it, or says too much is refused; the rest of the request is done", async () => {
  const { socketUrl } = await open({ limits: { incomingBytes: 4 * 1024 * 1024 } });
  const ada = await connectV1(socketUrl, {
    token: "ada",
    streams: [{ channel: "room" }, { channel: "hall" }, { channel: "room.2" }],
  });
  const answer = await askPresence(ada, {
    enter: [
      { channel: "room", data: "x".repeat(1_000_000) },
      { channel: "hall" },
      { channel: "room.3" },
      { channel: "~members/room" },
      { channel: "room.2" },
    ],
    leave: ["nowhere"],
  });
  expect(answer.refused?.map(({ channel, error }) => [channel, error.code])).toEqual([
    ["room", "gateway.too-large"],
    ["hall", "gateway.forbidden"],
    ["room.3", "gateway.forbidden"],
    ["~members/room", "gateway.bad-request"],
  ]);
  const [, , hall, elsewhere] = [null, null, answer.refused?.[1], answer.refused?.[2]];
  expect(hall?.error).toEqual(elsewhere?.error);
});

it("§13.3 who may not listen to a channel or not attend it sees neither members nor count, as if there were none", async () => {
  const { socketUrl } = await open({
    authenticate: ({ token }) =>
      token === "mute"
        ? { kind: "user", account: "acme", id: token, mayListen: ["room"] }
        : token === "deaf"
          ? { kind: "user", account: "acme", id: token, mayAttend: ["room"] }
          : null,
  });
  for (const token of ["mute", "deaf", testKeys.page]) {
    const streams = ["~members/room", "~count/room", "~page/abc", "nothing"].map((channel) => ({ channel }));
    const { hello } = await connectV1(socketUrl, { token, streams });
    const refused = hello.streams.filter(({ verdict }) => verdict === "refused");
    expect(refused.map(({ channel }) => channel)).toEqual(streams.map(({ channel }) => channel));
    expect(new Set(refused.map((each) => JSON.stringify({ ...each, channel: "" }))).size).toBe(1);
  }
});

it("§13.3 who is taken off a channel leaves it, and watches it no more", async () => {
  const { socketUrl, gateway } = await open();
  const watcher = await watchPresence(socketUrl, "eve", "room");
  const ada = await memberOf(socketUrl, "ada", "room");
  ada.send({ type: "subscribe", streams: [{ channel: "~members/room" }, { channel: "~count/room" }] });
  await ada.next("verdict");
  await ada.next("verdict");
  await until("ada is seen", () => watcher.ids.length === 1);
  const connection = [...gateway.connections()].find(({ principal }) => "id" in principal && principal.id === "ada");
  connection?.unsubscribe("room");
  await until("ada has left", () => watcher.ids.length === 0);
  await until(
    "ada is told",
    () =>
      ada
        .all("verdict")
        .flatMap(({ streams }) => streams)
        .filter(({ verdict }) => verdict === "ended").length === 3,
  );
  expect(connection?.channels).toEqual([]);
  const bob = await memberOf(socketUrl, "bob", "room");
  await until("bob is seen", () => watcher.ids[0] === "bob");
  bob.send({ type: "unsubscribe", channels: ["room"] });
  await until("bob has left", () => watcher.ids.length === 0);
});

it("§13.4 a client that is back within the grace never left; one that is not has", async () => {
  const { socketUrl } = await open({ presence: { graceMs: 500 } });
  const watcher = await watchPresence(socketUrl, "eve", "room");
  const first = await memberOf(socketUrl, "ada", "room", { data: "here" });
  await until("ada is seen", () => watcher.ids.length === 1);
  first.ws.terminate();
  const second = await memberOf(socketUrl, "ada", "room", { data: "here", generation: 2 });
  const third = await memberOf(socketUrl, "ada", "room", { data: "again", generation: 3 });
  await second.end();
  await until("the change is seen", () => [...watcher.members.values()][0]?.data === "again");
  expect(watcher.client.events.filter(({ channel }) => channel === "~members/room")).toHaveLength(2);
  third.ws.terminate();
  await until("ada has left", () => watcher.ids.length === 0);
  expect(watcher.moves).toHaveLength(2);
});

it("§13.6 members beyond the limit are counted, not listed", async () => {
  const { socketUrl } = await open({ presence: { maxMembers: 2 } });
  const watcher = await watchPresence(socketUrl, "eve", "room");
  const clients = [];
  for (const name of ["a", "b", "c"]) clients.push(await memberOf(socketUrl, name, "room"));
  await until("all are counted", () => watcher.count === 3);
  expect(watcher.ids).toEqual(["a", "b"]);
  clients[0]?.ws.close(1000);
  await until("one has left", () => watcher.count === 2);
  await enter(clients[2] as FrameClient, "room");
  await until("there is room", () => watcher.ids.join() === "b,c");
});

it("§13.2 pages without a key chat where the operator lets them, and nowhere else", async () => {
  const lobby = ["lobby"];
  const { socketUrl } = await startGateway({ anonymous: { mayListen: lobby, mayPublish: lobby, mayAttend: lobby } });
  const streams = ["lobby", "~members/lobby", "~count/lobby", "other", "~members/other"];
  const one = await connectV1(socketUrl, {
    instance: "one",
    generation: 1,
    streams: streams.map((channel) => ({ channel })),
  });
  const two = await connectV1(socketUrl, { instance: "two", generation: 1, streams: [{ channel: "lobby" }] });
  expect(one.hello.streams.slice(0, 5).map(({ verdict }) => verdict)).toEqual([
    "fresh",
    "fresh",
    "fresh",
    "refused",
    "refused",
  ]);
  expect(
    (await askPresence(two, { enter: [{ channel: "lobby", data: "Ada" }, { channel: "other" }] })).refused,
  ).toMatchObject([{ channel: "other", error: { code: "gateway.forbidden" } }]);
  two.send({ type: "publish", ref: 1, event: "said", data: "hello", channel: "lobby" });
  two.send({ type: "publish", ref: 2, event: "said", data: "hello", channel: "other" });
  await until("both are answered", () => two.all("published").length === 2);
  expect(new Map(two.all("published").map(({ ref, error }) => [ref, error?.code]))).toEqual(
    new Map([
      [1, undefined],
      [2, "gateway.forbidden"],
    ]),
  );
  await until("all is seen", () => new Set(one.events.map(({ channel }) => channel)).size === 3);
  expect(one.events.find(({ event }) => event === "member")?.data).toEqual({ data: "Ada", since: expect.any(Number) });
});

it("presence: false refuses members and watchers", async () => {
  const { socketUrl } = await open({ presence: false });
  const ada = await connectV1(socketUrl, {
    token: "ada",
    streams: [{ channel: "room" }, { channel: "~members/room" }],
  });
  expect(ada.hello.streams.map(({ verdict }) => verdict)).toEqual(["fresh", "refused"]);
  expect((await enter(ada, "room")).refused).toMatchObject([
    { channel: "room", error: { code: "gateway.unsupported" } },
  ]);
});

it("authorizePresence decides where the principal alone may not", async () => {
  const asked: string[] = [];
  const { socketUrl } = await open({
    authenticate: () => ({ kind: "user", account: "acme", id: "ada", channels: ["room", "quiet", "broken"] }),
    authorizePresence: ({ channel, action }) => {
      asked.push(`${action} ${channel}`);
      if (channel === "broken") throw new Error("no");
      return channel === "room";
    },
  });
  const streams = ["~members/room", "~members/quiet", "~members/broken"].map((channel) => ({ channel }));
  const ada = await connectV1(socketUrl, { token: "ada", streams });
  expect(ada.hello.streams.slice(0, 3).map(({ verdict }) => verdict)).toEqual(["fresh", "refused", "refused"]);
  const { refused } = await askPresence(ada, { enter: ["room", "quiet", "broken"].map((channel) => ({ channel })) });
  expect(refused?.map(({ channel }) => channel)).toEqual(["quiet", "broken"]);
  expect(asked).toEqual([
    ...["room", "quiet", "broken"].map((channel) => `watch ${channel}`),
    ...["room", "quiet", "broken"].map((channel) => `enter ${channel}`),
  ]);
});
