// One connection's trouble is its own.
import { expect, it } from "vitest";
import { connectPlain, connectV1 } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const token = testKeys.acme;
const account = { account: "acme" };

it("A-25 connections that throw, hang or do not read neither delay nor double anything for the others", async () => {
  const errors: unknown[] = [];
  const { gateway, socketUrl } = await startGateway({
    limits: { unreadBytes: 65_536 },
    authorize: ({ channel }) => {
      if (channel === "throws") throw new Error("this one alone");
      return channel === "hangs" ? new Promise<never>(() => {}) : true;
    },
  });
  gateway.on("error", (error) => errors.push(error));
  gateway.on("connection", () => {
    throw new Error("a listener of every connection");
  });
  const good = await Promise.all([1, 2, 3].map(() => connectV1(socketUrl, { token })));
  const plain = await connectPlain(socketUrl, token);
  const slow = await connectV1(socketUrl, { token });
  slow.ws.pause();
  const odd = await connectV1(socketUrl, { token });
  odd.send({ type: "subscribe", streams: [{ channel: "hangs" }, { channel: "throws" }, { channel: "room" }] });
  odd.send("no JSON");
  const gone = await connectV1(socketUrl, { token });
  gone.ws.terminate();
  const count = 200;
  const body = "x".repeat(5_000);
  for (let n = 1; n <= count; n++) await gateway.publish({ event: "e", data: { n, body } }, account);
  // While the slow one has read nothing.
  await until("the others have all", () => [...good, odd].every(({ events }) => events.length >= count));
  await until("the plain one has all", () => plain.plainEvents.length >= count);
  const wanted = Array.from({ length: count }, (_, index) => index + 1);
  for (const { events } of [...good, odd]) expect(events.map(({ data }) => (data as { n: number }).n)).toEqual(wanted);
  expect(plain.plainEvents.map(({ n }) => n)).toEqual(wanted);
  const verdicts = odd.all("verdict").flatMap(({ streams }) => streams);
  const told = verdicts.map(({ channel, verdict }) => `${channel} ${verdict}`);
  expect(new Set(told)).toEqual(new Set(["room fresh", "throws refused"]));
  expect(odd.all("error")).toMatchObject([{ code: "peer.bad-frame" }]);
  slow.ws.resume();
  await until("the slow one has all", () => slow.events.length >= count);
  expect(slow.events.map(({ data }) => (data as { n: number }).n)).toEqual(wanted);
  expect(errors.length).toBeGreaterThan(0);
});

it("A-31 a message of a type that nobody knows is answered by an error that says which there are, and the link stays", async () => {
  const { gateway, socketUrl } = await startGateway();
  const client = await connectV1(socketUrl, { token });
  client.send({ type: "do_something" });
  const { code, message } = await client.next("error");
  expect(code).toBe("gateway.unsupported");
  expect(message).toMatch(/subscribe, unsubscribe.*"do_something"/);
  client.send({ action: "do_something" });
  expect(await client.next("error")).toMatchObject({ code: "peer.bad-frame" });
  const plain = await connectPlain(socketUrl, token);
  plain.send("do_something");
  await until("it was answered", () => plain.frames.length > 1);
  expect(JSON.parse(plain.frames[1] ?? "")).toMatchObject({ type: "error" });
  await gateway.publish({ event: "e" }, account);
  await until("both got it", () => client.events.length + plain.plainEvents.length === 2);
});
