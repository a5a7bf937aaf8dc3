import { createClient, type ClientOptions, defineContract, event } from "@trunkline/core";
import { plain } from "@trunkline/core/plain";
import { ManualClock, memoryTransport } from "@trunkline/core/testing";
import type { ClientFrame, Position, StreamRequest, Verdict } from "@trunkline/core/wire";
import { afterEach, describe, expect, expectTypeOf, it } from "vitest";
import { type ChannelsOptions, createChannels } from "./create-channels.ts";

const unhandled: unknown[] = [];
process.on("unhandledRejection", (cause) => unhandled.push(cause));
afterEach(() => {
  expect(unhandled.splice(0)).toEqual([]);
});

const at = (offset: number): Position => ({ epoch: "e", offset, tag: offset === 0 ? "" : `t${offset}` });
const fresh = (channel: string, offset = 0): Verdict => ({ channel, verdict: "fresh", position: at(offset) });

/** Lets promises settle. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(given: ChannelsOptions = {}, clientOptions: Partial<ClientOptions> = {}) {
  const clock = new ManualClock();
  const memory = memoryTransport();
  const client = createClient({ url: "x", transport: memory.transport, clock, jitter: 0, ...clientOptions });
  const errors: string[] = [];
  client.on("error", ({ code, message }) => errors.push(`${code}: ${message}`));
  const tell = (frame: object): void => memory.last.deliver(JSON.stringify(frame));
  const frames = (): ClientFrame[] => memory.last.received.map((text) => JSON.parse(text as string) as ClientFrame);
  return {
    clock,
    memory,
    client,
    errors,
    tell,
    frames,
    channels: createChannels(client, given),
    /** Lets a link up, and answers what `hello` asked for. */
    welcome: () => {
      memory.last.accept();
      const [hello] = frames();
      const asked: readonly StreamRequest[] = hello?.type === "hello" ? (hello.streams ?? []) : [];
      const streams = asked.map(({ channel, position }) =>
        position ? { channel, verdict: "recovered", position, count: 0 } : fresh(channel),
      );
      tell({ type: "connected", connection: "x", heartbeatMs: 0, spreadMs: 0, streams });
    },
    grant: (...names: string[]) => tell({ type: "verdict", streams: names.map((name) => fresh(name)) }),
    event: (channel: string, offset: number, name = "message", more: object = {}) =>
      tell({ type: "event", channel, event: name, data: offset, offset, tag: `t${offset}`, ...more }),
    /** What was asked for and left on the newest link, in order: `+a +b` is one frame. */
    asked: () =>
      frames().flatMap((frame) => {
        if (frame.type === "subscribe") return [frame.streams.map(({ channel }) => `+${channel}`).join(" ")];
        return frame.type === "unsubscribe" ? [(frame.channels ?? []).map((channel) => `-${channel}`).join(" ")] : [];
      }),
  };
}

/** Set up, and connected. */
function connected(...args: Parameters<typeof setUp>) {
  const all = setUp(...args);
  all.welcome();
  return all;
}

describe("asking for channels", () => {
  it("asks in one frame for all that is opened in one turn, with rewind and token, and leaves them in one", async () => {
    const { channels, clock, asked, frames, grant } = connected();
    const handles = [channels.open("a", { rewind: 50, token: "t" }), channels.open("b"), channels.open("a")];
    await settle();
    expect(asked()).toEqual(["+a +b"]);
    expect(frames().at(-1)).toMatchObject({ streams: [{ channel: "a", rewind: 50, token: "t" }, { channel: "b" }] });
    grant("a", "b");
    for (const handle of handles) handle.close();
    clock.advance(999);
    expect(asked()).toEqual(["+a +b"]);
    clock.advance(1);
    await settle();
    expect(asked()).toEqual(["+a +b", "-b -a"]);
  });

  it("says nothing when a channel is closed and opened again before it was left, however often", async () => {
    const { channels, clock, asked, grant } = connected();
    let handle = channels.open("a");
    await settle();
    grant("a");
    for (let round = 0; round < 100; round++) {
      handle.close();
      clock.advance(900);
      await settle();
      handle = channels.open("a");
      await settle();
    }
    expect(asked()).toEqual(["+a"]);
    expect(handle.status).toBe("live");
    handle.close();
    clock.advance(1_000);
    await settle();
    expect(asked()).toEqual(["+a", "-a"]);
    expect(clock.timers).toBe(0);
  });

  it("leaves no timer behind when handles are closed after the client", async () => {
    const { channels, clock, client, grant } = connected({ lingerMs: 60_000 });
    const handle = channels.open("a");
    void handle.presence.enter();
    await settle();
    grant("a");
    clock.advance(50);
    await settle();
    void client.close({ timeoutMs: 0 });
    clock.advance(50);
    handle.close();
    clock.advance(50);
    await settle();
    expect(clock.timers).toBe(0);
  });

  it("says nothing of what is opened and closed in one turn without lingering", async () => {
    const { channels, clock, asked } = connected({ lingerMs: 0 });
    channels.open("a").close();
    await settle();
    clock.advance(1_000);
    expect(asked()).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  it("sends at most a frame of each kind per 50 ms, whatever opens and closes, and loses none that stays open", async () => {
    const { channels, clock, asked, memory, grant } = connected({ lingerMs: 0 });
    const before = memory.last.received.length;
    memory.last.onReceive = (text) => {
      const frame = JSON.parse(text as string) as ClientFrame;
      if (frame.type === "subscribe") grant(...frame.streams.map(({ channel }) => channel));
    };
    for (let ms = 0; ms < 1_000; ms++) {
      const handle = channels.open(`room-${ms}`);
      const same = channels.open("same");
      if (ms % 2) await settle();
      if (ms % 100 !== 0) handle.close();
      same.close();
      clock.advance(1);
      await settle();
    }
    clock.advance(50);
    await settle();
    expect(memory.last.received.length - before).toBeLessThanOrEqual(42);
    const on = new Set<string>();
    for (const change of asked().flatMap((text) => text.split(" ")))
      if (change.startsWith("+")) on.add(change.slice(1));
      else on.delete(change.slice(1));
    expect([...on].sort()).toEqual(Array.from({ length: 10 }, (_, index) => `room-${index * 100}`).sort());
    expect(clock.timers).toBe(0);
  });

  it("keeps at most 100 lingering channels: of more, the oldest are left", async () => {
    const { channels, clock, asked } = connected({ lingerMs: 60_000 });
    const handles = Array.from({ length: 130 }, (_, index) => channels.open(`c${index}`));
    await settle();
    for (const handle of handles) handle.close();
    clock.advance(50);
    await settle();
    expect(asked().at(-1)?.split(" ")).toEqual(Array.from({ length: 30 }, (_, index) => `-c${index}`));
  });

  it("splits what it leaves into frames that a gateway takes", async () => {
    const { channels, clock, frames } = connected({ lingerMs: 0 });
    const names = Array.from({ length: 500 }, (_, index) => `${index}-${"é".repeat(240)}`);
    const handles = names.map((name) => channels.open(name));
    await settle();
    for (const handle of handles) handle.close();
    clock.advance(50);
    const left = frames().filter(({ type }) => type === "unsubscribe");
    expect(left.flatMap((frame) => (frame.type === "unsubscribe" ? (frame.channels ?? []) : []))).toEqual(names);
    for (const frame of left) expect(Buffer.byteLength(JSON.stringify(frame))).toBeLessThan(64_000);
  });

  it("brings all it is on to the next link in `hello`, and is live again by its verdicts", async () => {
    const { channels, clock, memory, frames, welcome } = connected();
    const handle = channels.open("a");
    const seen: string[] = [];
    handle.on("status", (status) => seen.push(status));
    await settle();
    memory.last.deliver(JSON.stringify({ type: "verdict", streams: [fresh("a")] }));
    memory.last.drop();
    expect(handle.status).toBe("pending");
    const late = channels.open("b");
    await settle();
    clock.advance(2_000);
    welcome();
    expect(frames()).toMatchObject([{ type: "hello", streams: [{ channel: "a", position: at(0) }, { channel: "b" }] }]);
    expect([handle.status, late.status]).toEqual(["live", "live"]);
    expect(seen).toEqual(["live", "pending", "live"]);
  });

  it("leaves to others what they were on before", async () => {
    const { channels, clock, client, asked, grant, tell } = connected({ lingerMs: 0 });
    tell({ type: "verdict", streams: [fresh("account.acme")] });
    const own = client.subscribe("mine");
    grant("mine");
    await own;
    const handles = [channels.open("account.acme"), channels.open("mine")];
    await settle();
    for (const channel of ["account.acme", "mine"])
      tell({ type: "verdict", streams: [{ channel, verdict: "recovered", position: at(0), count: 0 }] });
    expect(handles.map(({ status }) => status)).toEqual(["live", "live"]);
    for (const handle of handles) handle.close();
    clock.advance(50);
    await settle();
    expect(asked()).toEqual(["+mine", "+account.acme +mine"]);
  });

  it("leaves a channel that it was about to ask for anew", async () => {
    const { channels, clock, asked, grant } = connected({ lingerMs: 0 });
    const handle = channels.open("a");
    await settle();
    grant("a");
    channels.open("a", { token: "t" }).close();
    handle.close();
    clock.advance(50);
    await settle();
    expect(asked()).toEqual(["+a", "-a"]);
  });

  it("stays on a channel that the client unsubscribes while a handle is open, and leaves it with the last of them", async () => {
    const { client, channels, clock, asked, grant, event } = connected({ lingerMs: 0 });
    const own = client.subscribe("a");
    const handle = channels.open("a");
    await settle();
    grant("a");
    await own;
    const heard: unknown[] = [];
    handle.on("message", (data) => heard.push(data));
    client.unsubscribe("a");
    event("a", 1);
    expect([handle.status, heard]).toEqual(["live", [1]]);
    handle.close();
    clock.advance(50);
    await settle();
    expect(asked().at(-1)).toBe("-a");
    client.unsubscribe("a");
    expect(asked().filter((text) => text === "-a")).toHaveLength(1);
  });

  it("leaves to the client what it subscribed after a handle had", async () => {
    const { client, channels, clock, asked, grant, tell } = connected({ lingerMs: 0 });
    const handle = channels.open("a");
    await settle();
    grant("a");
    const own = client.subscribe("a");
    tell({ type: "verdict", streams: [{ channel: "a", verdict: "recovered", position: at(0), count: 0 }] });
    await own;
    handle.close();
    clock.advance(50);
    await settle();
    expect(asked()).not.toContain("-a");
    client.unsubscribe("a");
    expect(asked().at(-1)).toBe("-a");
  });

  it("shares subscriptions with other channels of the same client", async () => {
    const { client, channels, clock, asked, grant } = connected({ lingerMs: 0 });
    const others = createChannels(client, { lingerMs: 0 });
    const [here, there] = [channels.open("a"), others.open("a")];
    await settle();
    grant("a");
    await Promise.all([here.ready(), there.ready()]);
    here.close();
    clock.advance(50);
    await settle();
    expect(there.status).toBe("live");
    others.close();
    clock.advance(50);
    await settle();
    expect(asked()).toEqual(["+a", "-a"]);
  });
});

describe("events", () => {
  it("come to the handles of their channel alone, by name and to `*`, with what is known of them", async () => {
    const { channels, event, grant } = connected();
    const seen: unknown[] = [];
    const note = (who: string) => (data: unknown, meta: unknown) =>
      seen.push([who, data, (meta as { readonly channel: string }).channel]);
    channels.open("a").on("message", note("a1"));
    channels.open("a").on("*", note("a2"));
    channels.open("b").on("message", note("b"));
    await settle();
    grant("a", "b");
    event("a", 1);
    event("b", 1);
    event("a", 2, "other");
    event("a", 3, "gap");
    expect(seen).toEqual([
      ["a1", 1, "a"],
      ["a2", 1, "a"],
      ["b", 1, "b"],
      ["a2", 2, "a"],
      ["a2", 3, "a"],
    ]);
  });

  it("§15 that were pushed to this page come to the channel that they are for", async () => {
    const { channels, event, tell } = connected();
    const seen: unknown[] = [];
    channels.open("a").on("message", (data, { channel }) => seen.push([data, channel]));
    tell({ type: "verdict", streams: [fresh("~page/key")] });
    event("~page/key", 1, "message", { for: "a" });
    event("~page/key", 2, "message", { for: "b" });
    expect(seen).toEqual([[1, "~page/key"]]);
  });

  it("stop for a handle that is closed, also while one is told; a listener that throws or rejects is reported and stops no other", async () => {
    const { channels, errors, event, grant } = connected();
    const [first, second, third] = [channels.open("a"), channels.open("a"), channels.open("a")];
    const seen: string[] = [];
    first.on("message", () => {
      second.close();
      throw new Error("no");
    });
    first.on("message", async () => {
      throw new Error("nor this");
    });
    second.on("message", () => seen.push("closed"));
    third.on("message", () => seen.push("third"));
    third.once("message", () => seen.push("once"));
    const controller = new AbortController();
    third.on("message", () => seen.push("aborted"), { signal: controller.signal });
    controller.abort();
    await settle();
    grant("a");
    event("a", 1);
    event("a", 2);
    await settle();
    expect(seen).toEqual(["third", "once", "third"]);
    expect(errors).toHaveLength(4);
    expect(errors[0]).toBe('usage.listener-failed: channel "a": a "message" listener failed');
  });

  it("tells gaps and what was resumed to the channel that they concern", async () => {
    const { channels, grant, tell } = connected();
    const seen: unknown[] = [];
    for (const name of ["a", "b"]) {
      channels.open(name).on("gap", (gap) => seen.push(gap));
      channels.open(name).on("resumed", (resumed) => seen.push(resumed));
    }
    await settle();
    grant("a", "b");
    const gap = { channel: "b", verdict: "gap", position: at(9), from: 1, to: 9, reason: "retention" };
    const resumed = { channel: "a", verdict: "snapshot", position: at(3), count: 0, changes: 0 };
    tell({ type: "verdict", streams: [gap, resumed] });
    expect(seen).toEqual([gap, resumed]);
  });

  it("are typed by the client's contract", () => {
    const contract = defineContract({ events: { message: event<{ readonly text: string }>() } });
    const client = createClient({ url: "x", contract, autoConnect: false, transport: memoryTransport().transport });
    const chat = createChannels(client).open("chat");
    chat.on("message", ({ text }, meta) => {
      expectTypeOf(text).toBeString();
      expectTypeOf(meta.offset).toEqualTypeOf<number | undefined>();
    });
    chat.on("other", (data) => expectTypeOf(data).toBeUnknown());
    chat.on("gap", (gap) => expectTypeOf(gap.from).toBeNumber());
    // @ts-expect-error: a message has a text
    void chat.publish("message", { words: "" }).catch(() => {});
    chat.close();
  });
});

describe("verdicts", () => {
  const refused = { channel: "a", verdict: "refused", error: { code: "gateway.forbidden", message: "not you" } };

  it("let `ready` resolve, or reject with the refusal, told once to each handle; opening again asks again", async () => {
    const { channels, asked, clock, errors, grant, tell } = connected();
    const handle = channels.open("a");
    const told: string[] = [];
    handle.on("error", ({ code }) => told.push(code));
    handle.on("status", (status) => told.push(status));
    const ready = handle.ready();
    await settle();
    tell({ type: "verdict", streams: [refused] });
    await expect(ready).rejects.toMatchObject({ name: "GatewayError", code: "gateway.forbidden" });
    await expect(handle.ready()).rejects.toMatchObject({ message: "a: not you" });
    expect(told).toEqual(["refused", "gateway.forbidden"]);
    expect(errors).toEqual(["gateway.forbidden: a: not you"]);
    clock.advance(50);
    const again = channels.open("a");
    await settle();
    expect(asked()).toEqual(["+a", "+a"]);
    expect([again.status, handle.status]).toEqual(["pending", "pending"]);
    grant("a");
    await Promise.all([again.ready(), handle.ready()]);
    expect(told).toEqual(["refused", "gateway.forbidden", "pending", "live"]);
  });

  it("`ended` ends a channel that is live; of one that is asked for it may have crossed the question, and asks once more", async () => {
    const { channels, asked, clock, grant, tell } = connected();
    const handle = channels.open("a");
    const told: string[] = [];
    handle.on("status", (status) => told.push(status));
    await settle();
    tell({ type: "verdict", streams: [{ channel: "a", verdict: "ended" }] });
    clock.advance(50);
    expect(asked()).toEqual(["+a", "+a"]);
    grant("a");
    tell({ type: "verdict", streams: [{ channel: "a", verdict: "ended" }] });
    expect(told).toEqual(["live", "ended"]);
    await expect(handle.ready()).rejects.toMatchObject({ code: "gateway.forbidden" });
    clock.advance(50);
    channels.open("a");
    await settle();
    expect(asked()).toHaveLength(3);
  });

  it("asks again with the rewind of whoever opens it when nobody has it open", async () => {
    const { channels, clock, frames, tell } = connected();
    const refused = channels.open("a");
    await settle();
    tell({
      type: "verdict",
      streams: [{ channel: "a", verdict: "refused", error: { code: "gateway.forbidden", message: "no" } }],
    });
    refused.close();
    channels.open("a", { rewind: 50 });
    clock.advance(50);
    await settle();
    expect(frames().at(-1)).toMatchObject({ type: "subscribe", streams: [{ channel: "a", rewind: 50 }] });
  });

  it("asks for no event again that handles may have heard before the channel ended", async () => {
    const { channels, clock, frames, tell } = connected();
    channels.open("a", { rewind: 50 });
    await settle();
    tell({
      type: "verdict",
      streams: [{ channel: "a", verdict: "snapshot", position: at(50), count: 50, changes: 0 }],
    });
    tell({ type: "verdict", streams: [{ channel: "a", verdict: "ended" }] });
    channels.open("a", { rewind: 10 });
    clock.advance(50);
    await settle();
    // The state may be another meanwhile.
    expect(frames().at(-1)).toMatchObject({ type: "subscribe", streams: [{ channel: "a", rewind: 0 }] });
  });

  it("are told in their order, also when who hears of a refusal asks again at once", async () => {
    const { channels, tell } = connected();
    const [one, other] = [channels.open("a"), channels.open("a")];
    await settle();
    one.once("error", () => channels.open("a"));
    const told: string[] = [];
    other.on("status", (status) => told.push(status));
    other.on("error", ({ code }) => told.push(code));
    const ready = other.ready();
    tell({
      type: "verdict",
      streams: [{ channel: "a", verdict: "refused", error: { code: "gateway.forbidden", message: "no" } }],
    });
    await expect(ready).rejects.toMatchObject({ code: "gateway.forbidden" });
    expect(told).toEqual(["refused", "gateway.forbidden", "pending"]);
    expect(other.status).toBe("pending");
  });

  it("are asked for anew with another token", async () => {
    const { channels, frames, clock, grant } = connected();
    channels.open("a", { token: "one" });
    await settle();
    grant("a");
    clock.advance(50);
    const handle = channels.open("a", { token: "two" });
    channels.open("a", { token: "two" });
    await settle();
    expect(handle.status).toBe("live");
    expect(frames().filter(({ type }) => type === "subscribe")).toMatchObject([
      { streams: [{ channel: "a", token: "one" }] },
      { streams: [{ channel: "a", token: "two", position: at(0) }] },
    ]);
  });

  it("one that comes while a channel is being left counts when it is opened again after all", async () => {
    const { channels, asked, clock, grant } = connected({ lingerMs: 0 });
    channels.open("a").close();
    channels.open("b");
    const first = channels.open("a");
    await settle();
    first.close();
    grant("a");
    const handle = channels.open("a");
    clock.advance(50);
    await settle();
    await handle.ready();
    expect(asked()).toEqual(["+a +b"]);
  });

  it("do not come in the plain dialect: it says so", async () => {
    const { channels, memory } = setUp({}, { dialect: plain() });
    memory.last.accept();
    const handle = channels.open("a");
    expect(handle.status).toBe("refused");
    await expect(handle.ready()).rejects.toMatchObject({ code: "usage.unsupported" });
    await expect(handle.history()).rejects.toMatchObject({ code: "usage.unsupported" });
    await expect(handle.publish("message", 1)).rejects.toMatchObject({ code: "usage.unsupported" });
    handle.close();
    await settle();
    expect(memory.last.received).toEqual([]);
  });

  it("`ready` takes its time, a signal, and ends with its handle or the client", async () => {
    const { channels, client, clock } = setUp();
    const handle = channels.open("a");
    const late = handle.ready({ timeoutMs: 100 });
    clock.advance(100);
    await expect(late).rejects.toMatchObject({ code: "link.timeout" });
    await expect(handle.ready({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "usage.aborted" });
    const left = handle.ready();
    handle.close();
    await expect(left).rejects.toMatchObject({ code: "usage.closed" });
    await expect(handle.ready()).rejects.toMatchObject({ code: "usage.closed" });
    expect(handle.status).toBe("closed");
    const waits = channels.open("b").ready();
    await client.close();
    await expect(waits).rejects.toMatchObject({ code: "usage.closed" });
    await expect(channels.open("b").ready()).rejects.toMatchObject({ code: "usage.closed" });
    expect(clock.timers).toBe(0);
  });

  it("go on when a closed client connects again", async () => {
    const { channels, client, event, grant, memory, welcome } = connected();
    const handle = channels.open("a");
    const seen: unknown[] = [];
    handle.on("message", (data) => seen.push(data));
    await settle();
    grant("a");
    await client.close();
    expect(handle.status).toBe("pending");
    void client.connect();
    expect(memory.peers).toHaveLength(2);
    welcome();
    await handle.ready();
    event("a", 1);
    expect(seen).toEqual([1]);
  });
});

describe("publishing", () => {
  it("goes to the channel, through one outbox that is made when it is needed", async () => {
    const { channels, frames, tell } = connected();
    const [a, b] = [channels.open("a"), channels.open("b")];
    const results = Promise.all([a.publish("message", { text: "hi" }, { id: "1" }), b.publish("message", 2)]);
    await settle();
    const published = frames().filter((frame) => frame.type === "publish");
    expect(published).toMatchObject([
      { channel: "a", event: "message", data: { text: "hi" }, id: "1" },
      { channel: "b", data: 2 },
    ]);
    for (const { ref } of published) tell({ type: "published", ref, stream: "x", offset: ref, epoch: "e" });
    expect((await results).map(({ offset }) => offset)).toEqual(published.map(({ ref }) => ref));
    a.close();
    await expect(a.publish("message", 1)).rejects.toMatchObject({ code: "usage.closed" });
    const pending = b.publish("message", 1);
    await settle();
    channels.close();
    await expect(pending).rejects.toMatchObject({ code: "gateway.outcome-unknown" });
  });

  it("takes an outbox that is given, and leaves it open", async () => {
    const calls: unknown[] = [];
    const receipt = { stream: "s", offset: 1, epoch: "e" };
    const outbox = {
      pending: 0,
      publish: async (...args: unknown[]) => (calls.push(args), receipt),
      close: () => calls.push("closed"),
    };
    const { channels } = connected({ outbox });
    expect(await channels.open("a").publish("message", 1, { key: "k" })).toBe(receipt);
    channels.close();
    expect(calls).toEqual([["message", 1, { key: "k", channel: "a" }]]);
  });
});

describe("history", () => {
  const page = [{ type: "event", channel: "a", event: "message", data: 7, offset: 7, tag: "t7" }];

  it("§14.1 is asked for once the channel is live, and comes by pages", async () => {
    const { channels, frames, grant, tell } = connected();
    const handle = channels.open("a");
    const answer = handle.history({ limit: 1, before: 8 });
    await settle();
    const asked = () => frames().filter((frame) => frame.type === "history");
    expect(asked()).toEqual([]);
    grant("a");
    expect(asked()).toEqual([{ type: "history", ref: expect.any(Number), channel: "a", limit: 1, before: 8 }]);
    tell({ type: "history", ref: asked()[0]?.ref, events: page, more: true });
    expect(await answer).toEqual({ events: page, more: true });
    const refused = handle.history();
    tell({ type: "history", ref: asked()[1]?.ref, error: { code: "gateway.forbidden", message: "no" } });
    await expect(refused).rejects.toMatchObject({ name: "GatewayError", code: "gateway.forbidden" });
  });

  it("is asked for once more on the next link, and given up with that", async () => {
    const { channels, clock, frames, grant, memory, tell, welcome } = connected();
    const handle = channels.open("a");
    await settle();
    grant("a");
    const asked = () => frames().filter((frame) => frame.type === "history");
    const [kept, lost] = [handle.history(), handle.history()];
    expect(asked()).toHaveLength(2);
    memory.last.drop();
    clock.advance(2_000);
    welcome();
    tell({ type: "history", ref: asked()[0]?.ref, events: page, more: false });
    expect((await kept).events).toEqual(page);
    expect(asked()).toHaveLength(2);
    memory.last.drop();
    await expect(lost).rejects.toMatchObject({ name: "LinkError", code: "link.lost" });
    clock.advance(4_000);
    welcome();
    expect(asked()).toEqual([]);
  });

  it("takes its time, a signal, and ends with its handle, the channel or all channels", async () => {
    const { channels, clock, frames, grant, tell } = connected();
    const handle = channels.open("a");
    const late = handle.history({ timeoutMs: 100 });
    const never = handle.history();
    clock.advance(30_000);
    await expect(late).rejects.toMatchObject({ code: "link.timeout" });
    await expect(never).rejects.toMatchObject({ code: "link.timeout" });
    const controller = new AbortController();
    const aborted = handle.history({ signal: controller.signal });
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: "usage.aborted" });
    const left = handle.history();
    handle.close();
    await expect(left).rejects.toMatchObject({ code: "usage.closed" });
    const refused = channels.open("b").history();
    await settle();
    tell({
      type: "verdict",
      streams: [{ channel: "b", verdict: "refused", error: { code: "gateway.forbidden", message: "no" } }],
    });
    await expect(refused).rejects.toMatchObject({ code: "gateway.forbidden" });
    grant("a");
    const over = channels.open("a").history();
    channels.close();
    await expect(over).rejects.toMatchObject({ code: "usage.closed" });
    clock.advance(1_000);
    expect(frames().filter((frame) => frame.type === "history")).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });

  it("has at most ten pages under way", async () => {
    const { channels, frames, grant, tell } = connected();
    const handle = channels.open("a");
    await settle();
    grant("a");
    const pages = Promise.all(Array.from({ length: 25 }, () => handle.history()));
    const asked = () => frames().filter((frame) => frame.type === "history");
    for (let answered = 0; answered < 25; answered++) {
      expect(asked().length).toBe(Math.min(25, answered + 10));
      tell({ type: "history", ref: asked()[answered]?.ref, events: [], more: false });
      await settle();
    }
    expect(await pages).toHaveLength(25);
  });
});

it("what nobody awaits ends no process when it fails", async () => {
  const { channels, client } = connected();
  const handle = channels.open("a");
  void handle.ready();
  void handle.history();
  void handle.presence.enter(1n);
  handle.close();
  for (const closed of [handle, handle]) void [closed.ready(), closed.history(), closed.publish("message", 1)];
  void [handle.presence.enter(), handle.presence.update(1), handle.presence.leave()];
  void channels.open("b").publish("message", 1);
  await client.close();
  await settle();
});

it("what is no client, option or channel is refused by name", () => {
  const { channels, client } = setUp();
  expect(() => createChannels({} as never)).toThrow("createClient()");
  expect(() => createChannels(client, { lingerMs: -1 })).toThrow("channels.lingerMs");
  expect(() => channels.open("")).toThrow("open: name: expected a non-empty string");
  expect(() => channels.open("~members/a")).toThrow("open: name");
  expect(() => channels.open("a", { rewind: 1_001 })).toThrow("1000");
  expect(() => channels.open("a", { token: "x".repeat(9_000) })).toThrow("8192");
  channels.close();
  expect(() => channels.open("a")).toThrow("closed");
});
