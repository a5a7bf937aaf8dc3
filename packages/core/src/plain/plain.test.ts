import { describe, expect, it } from "vitest";
import { createClient } from "../drive/create-client.ts";
import type { ClientOptions } from "../drive/options.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { memoryTransport } from "../testing/memory-link.ts";
import { plain } from "./plain.ts";

function setUp(given: Partial<ClientOptions> = {}) {
  const clock = new ManualClock();
  const memory = memoryTransport();
  const lines: string[] = [];
  const log = (line: string, fields?: object): void => void lines.push(line + JSON.stringify(fields ?? {}));
  const logger = { debug: log, info: log, warn: log, error: log };
  const client = createClient({
    url: "http://server.test",
    transport: memory.transport,
    clock,
    jitter: 0,
    dialect: plain(),
    logger,
    ...given,
  });
  const errors: { readonly code: string; readonly message: string }[] = [];
  client.on("error", (error) => errors.push(error));
  return {
    client,
    clock,
    memory,
    errors,
    lines,
    welcome: () => {
      memory.last.accept();
      memory.last.deliver('{"type":"connected"}');
    },
  };
}

describe("§10.1 opening", () => {
  it.each([
    ["https://h.test", "wss://h.test/api/ws/v1/events"],
    ["http://h.test/", "ws://h.test/api/ws/v1/events"],
    ["h.test", "wss://h.test/api/ws/v1/events"],
    ["ws://h.test", "ws://h.test/api/ws/v1/events"],
  ])("W-02 %s: the key arrives intact, and no subprotocol is offered", (url, expected) => {
    const { memory } = setUp({ url, apiKey: "a&b=c+d#e" });
    const { request } = memory.last;
    expect(request.protocols).toEqual([]);
    expect(request.url.startsWith(`${expected}?api_key=`)).toBe(true);
    expect(new URL(request.url).searchParams.get("api_key")).toBe("a&b=c+d#e");
  });

  it("keeps the query of the base, and the key beside it", () => {
    const url = "https://h.test/base?connection=a%3D";
    expect(setUp({ url }).memory.last.request.url).toBe("wss://h.test/base/api/ws/v1/events?connection=a%3D");
    expect(setUp({ url, apiKey: "a&b" }).memory.last.request.url).toBe(
      "wss://h.test/base/api/ws/v1/events?connection=a%3D&api_key=a%26b",
    );
  });

  it("has no query without a key, and asks getToken for every attempt", async () => {
    expect(setUp().memory.last.request.url).toBe("ws://server.test/api/ws/v1/events");
    const { memory } = setUp({ getToken: () => "t1" });
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    expect(memory.last.request.url).toContain("?api_key=t1");
  });

  it("W-03 is connecting until exactly `connected` comes, and says nothing first", () => {
    const { client, memory } = setUp();
    memory.last.accept();
    memory.last.deliver('{"type":"hello"}');
    expect(client.status).toBe("connecting");
    memory.last.deliver('{"type":"connected"}');
    expect(client.status).toBe("connected");
    expect(memory.last.received).toEqual([]);
  });

  it.each([true, false])("W-16 a refusal is fatal, whether the server closes (%s) or not", (closes) => {
    const { client, memory, clock, errors } = setUp({ apiKey: "s3cret" });
    memory.last.accept();
    const message = "bad key in /?api_key=s3cret";
    memory.last.deliver(JSON.stringify({ type: "error", message }));
    if (closes && memory.last.state === "open") memory.last.close(4401);
    clock.advance(3_600_000);
    expect([client.status, memory.peers.length, memory.alive]).toEqual(["disconnected", 1, 0]);
    expect(errors).toMatchObject([{ code: "gateway.unauthorized" }]);
    expect(errors[0]?.message).toContain("bad key");
  });
});

describe("§10.2 events", () => {
  it("W-04 a listener gets the whole object", () => {
    const { client, memory, welcome } = setUp();
    const got: unknown[] = [];
    client.on("config_changed", (data, meta) => got.push([data, meta.event]));
    welcome();
    const event = { event: "config_changed", id: "theme", type: "connected", data: [1] };
    memory.last.deliver(JSON.stringify(event));
    expect(got).toEqual([[event, "config_changed"]]);
    expect(client.status).toBe("connected");
  });

  it("a frame with a string event is always an event, whatever else it holds", () => {
    const { client, memory, welcome } = setUp();
    const got: unknown[] = [];
    client.on("*", (_, meta) => got.push(meta.event));
    welcome();
    memory.last.deliver('{"event":"status","type":"error","message":"x"}');
    expect([got, client.status]).toEqual([["status"], "connected"]);
  });
});

describe("§10.3 §10.4 the rest", () => {
  it("W-06 answers the text ping with the text pong", () => {
    const { memory, welcome } = setUp();
    welcome();
    memory.last.deliver("ping");
    expect(memory.last.received).toEqual(["pong"]);
  });

  it("W-10 reports ping, event, no_event and unparseable", () => {
    const { memory, welcome, lines } = setUp();
    welcome();
    lines.length = 0;
    for (const text of ["ping", '{"event":"x"}', '{"type":"other"}', "[1]", "7", "hello"]) memory.last.deliver(text);
    const outcomes = lines.map((line) => line.replace(/\{.*/, "")).filter((line) => !line.includes(" "));
    expect(outcomes).toEqual(["ping", "event", "no_event", "no_event", "no_event", "unparseable"]);
  });

  it("R-17 text that is not JSON is reported and ignored", () => {
    const { client, memory, welcome, errors } = setUp();
    welcome();
    memory.last.deliver("hello");
    expect([errors.map(({ code }) => code), client.status]).toEqual([["peer.bad-frame"], "connected"]);
  });

  it("an error once connected is told, and ends nothing", () => {
    const { client, memory, welcome, errors } = setUp();
    welcome();
    memory.last.deliver('{"type":"error","message":"say only pong"}');
    expect([errors[0]?.message, client.status]).toEqual(["say only pong", "connected"]);
  });

  it.each([
    [undefined, 35_000],
    [1_000, 11_000],
  ])("W-18 a server that should ping every %s ms and does not is dropped", (heartbeatMs, afterMs) => {
    const { client, clock, welcome } = setUp({ dialect: plain(heartbeatMs === undefined ? {} : { heartbeatMs }) });
    welcome();
    clock.advance(afterMs - 1);
    expect(client.status).toBe("connected");
    clock.advance(1);
    expect(client.status).toBe("reconnecting");
  });

  it("§6.1 resync: returns at once", () => {
    const { client, clock, memory, welcome } = setUp();
    welcome();
    memory.last.close(4410);
    clock.advance(0);
    expect(memory.peers.length).toBe(2);
    welcome();
    expect(client.status).toBe("connected");
  });

  it("has neither channels nor pings, and says so", async () => {
    const { client, memory, welcome } = setUp();
    welcome();
    await expect(client.subscribe("news")).rejects.toMatchObject({ code: "usage.unsupported" });
    await expect(client.ping()).rejects.toMatchObject({ code: "usage.unsupported" });
    expect(memory.last.received).toEqual([]);
  });
});

it("R-14 the key is in no log line and no error", () => {
  const { client, memory, clock, errors, lines, welcome } = setUp({ apiKey: "s3cret" });
  memory.last.refuse(new Error("connect ECONNREFUSED 127.0.0.1:1"));
  clock.advance(1_000);
  welcome();
  memory.last.close(4403, "no");
  expect(lines.length).toBeGreaterThan(3);
  expect(JSON.stringify([lines, errors, errors.map(String), client.health()])).not.toContain("s3cret");
});
