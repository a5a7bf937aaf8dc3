import { createClient, type ClientOptions } from "@trunkline/core";
import { plain } from "@trunkline/core/plain";
import { ManualClock, memoryTransport } from "@trunkline/core/testing";
import type { ClientFrame, PresenceFrame, StreamRequest, Verdict } from "@trunkline/core/wire";
import { afterEach, describe, expect, it } from "vitest";
import { type ChannelsOptions, createChannels } from "./create-channels.ts";
import type { Presence } from "./presence.ts";

const unhandled: unknown[] = [];
process.on("unhandledRejection", (cause) => unhandled.push(cause));
afterEach(() => {
  expect(unhandled.splice(0)).toEqual([]);
});

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A gateway by hand: it lets in everywhere; on streams of members is what `there` says. */
function setUp(given: ChannelsOptions = {}, options: Partial<ClientOptions> = {}) {
  const clock = new ManualClock();
  const memory = memoryTransport();
  const client = createClient({ url: "x", transport: memory.transport, clock, jitter: 0, ...options });
  const errors: string[] = [];
  client.on("error", ({ message }) => errors.push(message));
  const tell = (frame: object): void => memory.last.deliver(JSON.stringify(frame));
  const frames = (): ClientFrame[] => memory.last.received.map((text) => JSON.parse(text as string) as ClientFrame);
  const there = new Map<string, { readonly revision: number; readonly data: unknown }>();
  let revision = 0;
  const frameOf = (stream: string, key: string, data: unknown, place: number) => ({
    type: "event",
    channel: stream,
    event: "member",
    key,
    revision: place,
    tag: `t${place}`,
    ...(data === undefined ? { data: null, deleted: true } : { data }),
  });
  const verdictOf = ({ channel, position }: StreamRequest): Verdict => {
    const state = { revision, tag: `t${revision}` };
    if (!channel.startsWith("~"))
      return position
        ? { channel, verdict: "recovered", position, count: 0 }
        : { channel, verdict: "fresh", position: { epoch: "e", offset: 0, tag: "" } };
    return {
      channel,
      verdict: "snapshot",
      position: { epoch: "e", offset: 0, tag: "", ...(revision > 0 && { state }) },
      count: 0,
      changes: there.size,
    };
  };
  const replay = (streams: readonly StreamRequest[]): void => {
    for (const { channel } of streams.filter((each) => each.channel.startsWith("~"))) {
      let after = 0;
      for (const [key, each] of there) {
        tell({ ...frameOf(channel, key, each.data, each.revision), after });
        after = each.revision;
      }
    }
  };
  return {
    clock,
    memory,
    client,
    errors,
    tell,
    frames,
    channels: createChannels(client, given),
    /** Connects, and answers what is asked for from then on. */
    welcome: (): void => {
      const peer = memory.last;
      peer.accept();
      const [hello] = frames();
      const asked = hello?.type === "hello" ? (hello.streams ?? []) : [];
      const streams = asked.map(verdictOf);
      tell({ type: "connected", connection: "x", heartbeatMs: 0, spreadMs: 0, streams });
      replay(asked);
      peer.onReceive = (text) => {
        const frame = JSON.parse(text as string) as ClientFrame;
        if (frame.type !== "subscribe") return;
        tell({ type: "verdict", streams: frame.streams.map(verdictOf) });
        replay(frame.streams);
      };
    },
    /** Somebody comes, says something else, or goes. */
    change: (stream: string, key: string, data?: unknown): void => {
      there.delete(key);
      revision++;
      if (data !== undefined) there.set(key, { revision, data });
      if (memory.last.state === "open") tell(frameOf(stream, key, data, revision));
    },
    /** Somebody who came while nobody was told. */
    quietly: (key: string, data?: unknown): void => {
      there.delete(key);
      revision++;
      if (data !== undefined) there.set(key, { revision, data });
    },
    told: () => frames().filter((frame): frame is PresenceFrame => frame.type === "presence"),
    subscribed: () =>
      frames().flatMap((frame) => (frame.type === "subscribe" ? frame.streams.map(({ channel }) => channel) : [])),
    answer: (ref: number | undefined, ...refused: [channel: string, code: string][]) =>
      tell({
        type: "presence",
        ref,
        refused: refused.map(([channel, code]) => ({ channel, error: { code, message: "no" } })),
      }),
  };
}

function connected(...args: Parameters<typeof setUp>) {
  const all = setUp(...args);
  all.welcome();
  return all;
}

function listen(presence: Presence): unknown[] {
  const heard: unknown[] = [];
  presence.on("join", ({ member }) => heard.push(`+${member}`));
  presence.on("leave", ({ member }) => heard.push(`-${member}`));
  presence.on("update", ({ member, data }) => heard.push(`${member}=${String(data)}`));
  presence.on("change", (members) => heard.push(members.map(({ member }) => member).join()));
  presence.on("status", (status) => heard.push(status));
  return heard;
}

describe("watching", () => {
  it("§13 begins with who is there, goes on by events, and is one subscription for all handles", async () => {
    const { channels, change, clock, subscribed, quietly } = connected();
    quietly("a@g", { since: 1 });
    const handle = channels.open("chat");
    const heard = listen(handle.presence);
    await settle();
    expect(subscribed()).toEqual(["chat", "~members/chat"]);
    expect(heard.splice(0)).toEqual(["live", "+a", "a"]);
    change("~members/chat", "b@g", { since: 2 });
    change("~members/chat", "a@g", { since: 1, data: 7 });
    await settle();
    expect(heard.splice(0)).toEqual(["+b", "a=7", "a,b"]);
    const late = listen(channels.open("chat").presence);
    change("~members/chat", "b@g");
    await settle();
    expect(heard.splice(0)).toEqual(["-b", "a"]);
    expect(late).toEqual(["+a", "a"]);
    clock.advance(1_000);
    await settle();
    expect(subscribed()).toEqual(["chat", "~members/chat"]);
  });

  it("costs nothing until somebody asks; closed and opened again at once, nothing is sent, and all are still known", async () => {
    const { channels, clock, change, frames, subscribed, quietly } = connected();
    quietly("a@g", { since: 1 });
    const first = channels.open("chat");
    await settle();
    expect([first.presence.status, subscribed()]).toEqual(["idle", ["chat"]]);
    expect(first.presence.members).toEqual([]);
    clock.advance(50);
    expect(first.presence.members).toEqual([]);
    await settle();
    expect(first.presence.members.map(({ member }) => member)).toEqual(["a"]);
    const before = frames().length;
    first.close();
    clock.advance(500);
    change("~members/chat", "b@g", { since: 2 });
    const again = channels.open("chat");
    expect(again.presence.members.map(({ member }) => member)).toEqual(["a"]);
    await settle();
    expect(again.presence.members.map(({ member }) => member)).toEqual(["a", "b"]);
    expect(frames()).toHaveLength(before);
    again.close();
    clock.advance(1_000);
    await settle();
    expect(frames().at(-1)).toEqual({ type: "unsubscribe", channels: ["~members/chat", "chat"] });
    expect(clock.timers).toBe(0);
  });

  it("asks with the channel's token", async () => {
    const { channels, frames } = connected();
    channels.open("chat", { token: "t" }).presence.on("count", () => {});
    await settle();
    expect(frames().at(-1)).toEqual({
      type: "subscribe",
      streams: [
        { channel: "chat", token: "t" },
        { channel: "~count/chat", token: "t", rewind: 0 },
      ],
    });
  });

  it("goes on with the channel's next token, which is for both", async () => {
    const { channels, clock, frames } = connected();
    channels.open("chat", { token: "one" }).presence.on("join", () => {});
    await settle();
    clock.advance(50);
    channels.open("chat", { token: "two" }).close();
    await settle();
    expect(frames().at(-1)).toMatchObject({
      type: "subscribe",
      streams: [
        { channel: "chat", token: "two" },
        { channel: "~members/chat", token: "two" },
      ],
    });
  });

  it("keeps who was there while the link is away, and tells the difference when it is back", async () => {
    const { channels, clock, memory, quietly, welcome } = connected();
    for (const name of ["a", "b"]) quietly(`${name}@g`, { since: 1 });
    const { presence } = channels.open("chat");
    const heard = listen(presence);
    await settle();
    heard.length = 0;
    memory.last.drop();
    await settle();
    expect([heard.splice(0), presence.members.length]).toEqual([["stale"], 2]);
    quietly("a@g");
    quietly("b@other", { since: 1 });
    quietly("b@g");
    quietly("c@g", { since: 2 });
    clock.advance(2_000);
    welcome();
    await settle();
    expect(heard).toEqual(["live", "+c", "-a", "b,c"]);
  });

  it("the count alone is the sum over gateways, and no list of members", async () => {
    const { channels, change, subscribed } = connected();
    const { presence } = channels.open("big");
    const counts: number[] = [];
    presence.on("count", (count) => counts.push(count));
    expect(presence.count).toBeNull();
    await settle();
    change("~count/big", "one", 1_000);
    change("~count/big", "two", 2_000);
    await settle();
    change("~count/big", "one");
    await settle();
    expect(counts).toEqual([0, 3_000, 2_000]);
    expect(presence.count).toBe(2_000);
    expect(subscribed()).toEqual(["big", "~count/big"]);
  });

  it("who may not watch is told why, and knows nobody", async () => {
    const { channels, errors, memory, tell, change } = connected();
    const { presence } = channels.open("chat");
    const heard = listen(presence);
    presence.on("error", ({ code }) => heard.push(code));
    await settle();
    change("~members/chat", "a@g", { since: 1 });
    await settle();
    heard.length = 0;
    tell({ type: "verdict", streams: [{ channel: "~members/chat", verdict: "ended" }] });
    await settle();
    expect(heard).toEqual(["ended", "gateway.forbidden", "-a", ""]);
    expect([presence.members, presence.status]).toEqual([[], "ended"]);
    expect(errors).toHaveLength(1);
    memory.last.onReceive = null;
  });

  it("is watched again when its channel is let in again", async () => {
    const { channels, tell, change, clock } = connected();
    const { presence } = channels.open("chat");
    presence.on("change", () => {});
    presence.on("count", () => {});
    await settle();
    change("~members/chat", "m1@g", { id: "a", since: 1 });
    change("~count/chat", "g", 1);
    await settle();
    const ended = ["chat", "~members/chat", "~count/chat"].map((channel) => ({ channel, verdict: "ended" }));
    tell({ type: "verdict", streams: ended });
    await settle();
    expect([presence.status, presence.members, presence.count]).toEqual(["ended", [], null]);
    tell({
      type: "verdict",
      streams: [{ channel: "chat", verdict: "fresh", position: { epoch: "e", offset: 0, tag: "" } }],
    });
    clock.advance(50);
    await settle();
    expect(presence.status).toBe("live");
    expect(presence.members.map(({ id }) => id)).toContain("a");
  });

  it("a listener that throws is reported and stops no other", async () => {
    const { channels, errors, quietly } = connected();
    quietly("a@g", { since: 1 });
    const { presence } = channels.open("chat");
    const heard: string[] = [];
    presence.on("join", () => {
      throw new Error("no");
    });
    presence.once("join", ({ member }) => heard.push(member));
    const off = (): void => void heard.push("off");
    presence.on("join", off);
    presence.off("join", off);
    await settle();
    expect(heard).toEqual(["a"]);
    expect(errors).toEqual(['presence of "chat": a "join" listener failed']);
  });
});

describe("being there", () => {
  it("§13 enters once the channel is live, says something else, and leaves; each resolves when the gateway has it", async () => {
    const { channels, clock, told, answer, welcome } = setUp();
    const { presence } = channels.open("chat");
    const data = { name: "Ann" };
    const entered = presence.enter(data);
    data.name = "changed later";
    await settle();
    welcome();
    await settle();
    clock.advance(50);
    expect(told()).toEqual([{ type: "presence", ref: 1, enter: [{ channel: "chat", data: { name: "Ann" } }] }]);
    answer(1);
    await entered;
    clock.advance(50);
    const updated = presence.update({ name: "Anne" });
    await settle();
    expect(told()[1]).toEqual({ type: "presence", ref: 2, enter: [{ channel: "chat", data: { name: "Anne" } }] });
    answer(2);
    await updated;
    clock.advance(50);
    const left = presence.leave();
    await settle();
    expect(told()[2]).toEqual({ type: "presence", ref: 3, leave: ["chat"] });
    answer(3);
    await left;
  });

  it("is told again on each new link, in few frames however many channels", async () => {
    const { channels, clock, memory, told, answer, welcome } = connected();
    const handles = Array.from({ length: 500 }, (_, index) => channels.open(`room-${index}`));
    const entered = Promise.all(handles.map(({ presence }) => presence.enter({ at: 1 })));
    await settle();
    expect(told().map(({ enter }) => enter?.length)).toEqual([500]);
    answer(told()[0]?.ref);
    await entered;
    memory.last.drop();
    clock.advance(2_000);
    welcome();
    await settle();
    clock.advance(50);
    expect(told().flatMap(({ enter = [] }) => enter)).toHaveLength(500);
    expect(told().length).toBeLessThanOrEqual(2);
  });

  it("§7.4 is told over the next link while the old one still goes on", async () => {
    const { channels, clock, memory, frames, tell, told, answer, welcome } = connected();
    const handle = channels.open("chat");
    const entered = handle.presence.enter(1);
    await settle();
    answer(told()[0]?.ref);
    await entered;
    tell({ type: "drain", spreadMs: 0 });
    clock.advance(50);
    expect(memory.peers).toHaveLength(2);
    welcome();
    await settle();
    clock.advance(50);
    expect(frames().at(-1)).toMatchObject({ type: "presence", enter: [{ channel: "chat", data: 1 }] });
    expect(handle.status).toBe("live");
  });

  it("is tried again after a pause when the gateway could not do it just now", async () => {
    const { channels, clock, told, answer, errors } = connected();
    const { presence } = channels.open("chat");
    const entered = presence.enter();
    await settle();
    answer(told()[0]?.ref, ["chat", "gateway.unavailable"]);
    clock.advance(249);
    await settle();
    expect(told()).toHaveLength(1);
    clock.advance(1);
    await settle();
    expect(told()).toHaveLength(2);
    answer(told()[1]?.ref, ["chat", "gateway.unavailable"]);
    clock.advance(500);
    await settle();
    answer(told()[2]?.ref);
    await entered;
    expect(errors).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  it("a refusal rejects, is told, and is not asked for again", async () => {
    const { channels, clock, memory, told, answer, errors, welcome } = connected();
    const { presence } = channels.open("chat");
    const heard: string[] = [];
    presence.on("error", ({ code }) => heard.push(code));
    const entered = presence.enter();
    await settle();
    answer(told()[0]?.ref, ["chat", "gateway.forbidden"]);
    await expect(entered).rejects.toMatchObject({ name: "GatewayError", message: "chat: no" });
    await expect(presence.update(1)).rejects.toMatchObject({ code: "usage.bad-argument" });
    expect([heard, errors]).toEqual([["gateway.forbidden"], ["chat: no"]]);
    memory.last.drop();
    clock.advance(2_000);
    welcome();
    await settle();
    expect(told()).toEqual([]);
  });

  it("mounting and unmounting sends nothing; the last handle that is closed leaves after a while, also where others stay", async () => {
    const { channels, clock, told, answer } = connected();
    const stays = channels.open("chat");
    let handle = channels.open("chat");
    const entered = handle.presence.enter();
    await settle();
    answer(told()[0]?.ref);
    await entered;
    for (let round = 0; round < 10; round++) {
      handle.close();
      clock.advance(900);
      await settle();
      handle = channels.open("chat");
      void handle.presence.enter();
      clock.advance(50);
      await settle();
    }
    expect(told().every(({ leave }) => leave === undefined)).toBe(true);
    handle.close();
    clock.advance(1_000);
    await settle();
    expect(told().at(-1)).toMatchObject({ leave: ["chat"] });
    answer(told().at(-1)?.ref);
    expect(stays.status).toBe("live");
    expect(clock.timers).toBe(0);
  });

  it("who closes its handle while the link is away leaves over the next one, before its gateway has waited long enough", async () => {
    const { channels, client, memory, clock, told, answer, welcome } = connected({ lingerMs: 0 });
    const handle = channels.open("chat");
    void handle.presence.enter();
    await settle();
    clock.advance(50);
    await settle();
    answer(told()[0]?.ref);
    memory.last.drop();
    handle.close();
    await settle();
    clock.advance(1_000);
    welcome();
    clock.advance(50);
    await settle();
    expect(client.health().streams).toEqual([]);
    expect(told()).toMatchObject([{ leave: ["chat"] }]);
    answer(told()[0]?.ref);
  });

  it("of several handles that are members the last one leaves", async () => {
    const { channels, clock, told, answer } = connected();
    const [first, second] = [channels.open("chat"), channels.open("chat")];
    const entered = Promise.all([first.presence.enter(1), second.presence.enter(2)]);
    await settle();
    expect(told()).toMatchObject([{ enter: [{ channel: "chat", data: 2 }] }]);
    answer(told()[0]?.ref);
    await entered;
    await first.presence.leave();
    clock.advance(50);
    const left = second.presence.leave();
    await settle();
    expect(told()[1]).toMatchObject({ leave: ["chat"] });
    answer(told()[1]?.ref);
    await left;
    await second.presence.leave();
  });

  it("what can't be said is refused before it is sent", async () => {
    const { channels, told } = connected();
    const { presence } = channels.open("chat");
    await expect(presence.enter("x".repeat(4_095))).rejects.toMatchObject({ code: "usage.bad-argument" });
    await expect(presence.enter(1n)).rejects.toMatchObject({ code: "usage.bad-argument" });
    await expect(presence.update(1)).rejects.toThrow("enter first");
    await settle();
    expect(told()).toEqual([]);
  });

  it("ends with its handle, the client, or where there is no such thing", async () => {
    const { channels, client, clock } = setUp();
    const handle = channels.open("chat");
    const late = handle.presence.enter(1, { timeoutMs: 10 });
    clock.advance(10);
    await expect(late).rejects.toMatchObject({ code: "link.timeout" });
    const left = handle.presence.enter(1);
    handle.close();
    await expect(left).rejects.toMatchObject({ code: "usage.closed" });
    await expect(handle.presence.enter(1)).rejects.toMatchObject({ code: "usage.closed" });
    expect(handle.presence.members).toEqual([]);
    const over = channels.open("chat").presence.enter(1);
    await client.close();
    await expect(over).rejects.toMatchObject({ code: "usage.closed" });
    expect(clock.timers).toBe(0);
    const plainly = setUp({}, { dialect: plain() });
    const { presence } = plainly.channels.open("chat");
    await expect(presence.enter(1)).rejects.toMatchObject({ code: "usage.unsupported" });
    expect(presence.members).toEqual([]);
    expect(presence.status).toBe("refused");
  });
});
