// what an app makes of its events on their way out, on every way out. PROTOCOL §5.9.
import { createClient, defineContract, event } from "trunkline";
import type { Gap, Resumed } from "trunkline";
import type { Serialize } from "@trunkline/gateway";
import { describe, expect, it, onTestFinished } from "vitest";
import { openEventStream } from "../support/event-stream-client.ts";
import { connectPlain, connectV1, positionIn } from "../support/frame-client.ts";
import { startGateway, testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";

const token = testKeys.acme;
const account = { account: "acme" };
const channel = "account.acme";
const contract = defineContract({
  events: { "price.set": event({ delivery: "state" }), "cursor.moved": event({ delivery: "volatile" }) },
});

/** Wraps data; "bad" it can't. */
const wrap: Serialize = ({ data }, dialect) => {
  if (data === "bad") throw new Error("can't write this");
  return { dialect, data };
};

/** A gateway that wraps, how often it was asked, and what it reported. */
async function setUp() {
  let asked = 0;
  const errors: string[] = [];
  const serialize: Serialize = (event, dialect) => {
    asked++;
    return wrap(event, dialect);
  };
  const started = await startGateway({ contract, serialize });
  started.gateway.on("error", ({ code, message }) => errors.push(`${code} ${message}`));
  const publish = async (name: string, ...data: readonly unknown[]): Promise<void> => {
    for (const each of data) await started.gateway.publish({ event: name, data: each }, account);
  };
  return { ...started, publish, errors, asked: () => asked };
}

describe("A-28 a serializer", () => {
  it("runs once per event and dialect, whatever the number of connections, live and on return", async () => {
    const { socketUrl, publish, asked, gateway } = await setUp();
    const first = await connectV1(socketUrl, { token });
    const position = positionIn(first.hello, channel);
    const others = [await connectV1(socketUrl, { token }), await connectV1(socketUrl, { token })];
    const plain = [await connectPlain(socketUrl, token), await connectPlain(socketUrl, token)];
    await publish("tick", 1, 2, 3);
    await until("all came", () => [first, ...others].every(({ events }) => events.length === 3));
    await until("all came", () => plain.every(({ plainEvents }) => plainEvents.length === 3));
    expect(first.events.map(({ data }) => data)).toEqual([1, 2, 3].map((data) => ({ dialect: "v1", data })));
    expect(plain[0]?.plainEvents).toEqual([1, 2, 3].map((data) => ({ event: "tick", dialect: "plain", data })));
    for (const returning of [1, 2]) {
      const back = await connectV1(socketUrl, {
        token,
        instance: `back ${returning}`,
        streams: [{ channel, position }],
      });
      await until("all came", () => back.events.length === 3);
      expect(back.events).toEqual(first.events);
    }
    expect(asked()).toBe(6);
    expect(gateway.stats().errors).toBe(0);
  });

  it("tells a gap in the place of an event that fails, live and to each who resumes across it", async () => {
    const { socketUrl, publish, errors } = await setUp();
    const reader = await connectV1(socketUrl, { token });
    const start = positionIn(reader.hello, channel);
    await publish("tick", 1, "bad", 3);
    await until("the last came", () => reader.events.length === 2);
    const [news] = reader.all("verdict").flatMap(({ streams }) => streams);
    expect(news).toMatchObject({ channel, verdict: "gap", from: 2, to: 2, reason: "unserializable" });
    expect(news).toMatchObject({ position: { epoch: start.epoch, offset: 2 } });
    expect(reader.messages.slice(-3).map(({ type }) => type)).toEqual(["event", "verdict", "event"]);
    expect(errors).toEqual([expect.stringMatching(/^usage\.listener-failed serialize .*can't write this/)]);
    const back = await connectV1(socketUrl, { token, instance: "back", streams: [{ channel, position: start }] });
    await until("the last came", () => back.events.length === 2);
    expect(back.hello.streams).toMatchObject([{ verdict: "recovered", count: 3 }]);
    expect(back.all("verdict").flatMap(({ streams }) => streams)).toEqual([news]);
    expect(errors).toHaveLength(1);
  });

  it("a client goes on behind the gap, at the right place, and is not told twice", async () => {
    const { url, publish, gateway } = await setUp();
    const client = createClient({ url, apiKey: token, contract });
    onTestFinished(() => client.close());
    const heard: unknown[] = [];
    const gaps: Gap[] = [];
    const resumed: Resumed[] = [];
    client.on("*", (data) => heard.push((data as { data: unknown }).data));
    client.on("gap", (gap) => gaps.push(gap));
    client.on("resumed", (verdict) => resumed.push(verdict));
    await client.ready();
    await publish("tick", 1, "bad");
    await publish("price.set", 5, "bad");
    await publish("cursor.moved", 6, "bad");
    await publish("tick", 7);
    await publish("price.set", 8);
    await until("the last came", () => heard.includes(8));
    expect(heard).toEqual([1, 5, 6, 7, 8]);
    expect(gaps.map(({ from, to, reason, position }) => [from, to, reason, position.state?.revision])).toEqual([
      [2, 2, "unserializable", undefined],
      [3, 2, "unserializable", 2],
    ]);
    expect(client.health().streams).toMatchObject([{ state: "live", position: { offset: 3, state: { revision: 3 } } }]);
    expect(resumed).toEqual([]);
    expect(gateway.stats().connections).toBe(1);
  });

  it("an event stream is told too; a plain WebSocket, which can't be told, ends with 4410, but not for a volatile one", async () => {
    const { url, socketUrl, publish } = await setUp();
    const plain = await connectPlain(socketUrl, token);
    const stream = await openEventStream(url, { key: token });
    await publish("cursor.moved", "bad");
    await publish("tick", 1);
    await until("it came", () => plain.plainEvents.length === 1 && stream.events.some(({ event }) => event === "tick"));
    await publish("tick", "bad", 3);
    expect((await plain.end()).code).toBe(4410);
    await until("the last came", () => stream.events.filter(({ event }) => event === "tick").length === 2);
    const gap = stream.events.find(({ event }) => event === "gap");
    expect(JSON.parse(gap?.data ?? "null")).toMatchObject({ from: 2, to: 2, reason: "unserializable" });
  });
});
