import { type Context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { type ClientOptions, createClient, createOutbox, events, sync } from "@trunkline/core";
import { ManualClock, memoryTransport } from "@trunkline/core/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { withActiveSpans } from "../../../test/support/spans.ts";
import { recordTelemetry } from "../../../test/support/telemetry.ts";
import { clientMetrics } from "./client-metrics.ts";
import { instrumentClient } from "./instrument-client.ts";

withActiveSpans();

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const meta = { traceparent: `00-${traceId}-${spanId}-01` };

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(given: Partial<ClientOptions> = {}) {
  const telemetry = recordTelemetry();
  const clock = new ManualClock();
  const memory = memoryTransport();
  const raw = createClient({ url: "x", transport: memory.transport, clock, jitter: 0, ...given });
  onTestFinished(() => raw.close({ timeoutMs: 0 }));
  const client = instrumentClient(raw, telemetry);
  const errors: { readonly code: string; readonly cause?: unknown }[] = [];
  client.on("error", (error) => errors.push(error));
  const tell = (frame: object): void => memory.last.deliver(JSON.stringify(frame));
  let offset = 0;
  return {
    telemetry,
    clock,
    memory,
    raw,
    client,
    errors,
    tell,
    welcome: (connection = "connection-1") => {
      memory.last.accept();
      const position = { epoch: "e", offset, tag: `t${offset}` };
      const verdict = offset === 0 ? { verdict: "fresh" } : { verdict: "recovered", count: 0 };
      const streams = [{ channel: "c", position, ...verdict }];
      tell({ type: "connected", connection, heartbeatMs: 0, spreadMs: 0, streams });
    },
    event: (more: object = {}) => {
      offset += 1;
      tell({ type: "event", channel: "c", event: "tick", data: offset, offset, tag: `t${offset}`, ...more });
    },
  };
}

describe("a listener of an instrumented client", () => {
  it("R-21 runs in a consumer's span of the publisher's trace, with the connection's id", () => {
    const { client, telemetry, welcome, event } = setUp();
    const seen: unknown[] = [];
    client.on("tick", (data, { offset }) => seen.push([data, offset, trace.getActiveSpan()?.spanContext().traceId]));
    welcome();
    event({ meta, id: "p1", time: Date.now() - 250 });
    expect(seen).toEqual([[1, 1, traceId]]);
    const [span] = telemetry.spans();
    expect(span).toMatchObject({
      name: "process tick",
      kind: SpanKind.CONSUMER,
      parentSpanContext: { traceId, spanId, isRemote: true },
    });
    expect(span?.attributes).toEqual({
      "messaging.system": "trunkline",
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.destination.name": "c",
      "messaging.message.id": "p1",
      "trunkline.event": "tick",
      "trunkline.offset": 1,
      "trunkline.lag_ms": expect.any(Number),
      "trunkline.connection.id": client.health().connection,
    });
    expect(client.health().connection).toBe("connection-1");
    expect(span?.attributes["trunkline.lag_ms"]).toBeGreaterThanOrEqual(250);
  });

  it("R-21 does not name the page that an event was pushed to alone", () => {
    const { client, telemetry, memory, tell } = setUp();
    client.on("tick", () => {});
    memory.last.accept();
    const channel = `~page/${"0".repeat(64)}`;
    const streams = [{ channel, verdict: "fresh", position: { epoch: "e", offset: 0, tag: "" } }];
    tell({ type: "connected", connection: "connection-1", heartbeatMs: 0, spreadMs: 0, streams });
    tell({ type: "event", channel, event: "tick", data: 1, offset: 1, tag: "t", meta, for: "news" });
    expect(telemetry.spans().map(({ attributes }) => attributes["messaging.destination.name"])).toEqual(["~page"]);
  });

  it("R-21 names the connection of each link", () => {
    const { client, telemetry, memory, clock, welcome, event } = setUp();
    client.on("tick", () => {});
    for (const connection of ["first", "second"]) {
      welcome(connection);
      event();
      event();
      memory.last.close(1006);
      clock.advance(1_000);
    }
    const ids = telemetry.spans().map(({ attributes }) => attributes["trunkline.connection.id"]);
    expect(ids).toEqual(["first", "first", "second", "second"]);
  });

  it("begins a trace of its own where the propagator reads nothing", () => {
    const { raw, memory, event } = setUp();
    const telemetry = recordTelemetry();
    const late = createClient({ url: "x", transport: memory.transport });
    onTestFinished(() => Promise.all([raw.close({ timeoutMs: 0 }), late.close({ timeoutMs: 0 })]).then(() => {}));
    const propagator = { fields: () => [], inject() {}, extract: (context: Context) => context };
    instrumentClient(late, { ...telemetry, propagator }).on("tick", () => {});
    memory.last.accept();
    const streams = [{ channel: "c", position: { epoch: "e", offset: 0, tag: "t0" }, verdict: "fresh" }];
    const connected = { type: "connected", connection: "connection-1", heartbeatMs: 0, spreadMs: 0, streams };
    memory.last.deliver(JSON.stringify(connected));
    event({ meta });
    expect(telemetry.spans()).toHaveLength(1);
    expect(telemetry.spans()[0]?.parentSpanContext).toBeUndefined();
  });

  it("begins a trace of its own for an event without one", () => {
    const { client, telemetry, welcome, event } = setUp();
    client.on("*", () => {});
    welcome();
    for (const other of [undefined, null, "text", { traceparent: "nonsense" }]) event({ meta: other });
    const spans = telemetry.spans("process tick");
    expect(spans).toHaveLength(4);
    expect(spans.filter(({ parentSpanContext }) => parentSpanContext !== undefined)).toEqual([]);
  });

  it("is undone by its undo, by off, by its signal and, with once, by itself", () => {
    const { client, welcome, event } = setUp();
    const calls: string[] = [];
    const twice = (): void => void calls.push("off");
    const undo = client.on("tick", () => calls.push("undo"));
    client.on("tick", twice);
    client.on("tick", twice);
    client.once("tick", () => calls.push("once"));
    const aborter = new AbortController();
    client.on("tick", () => calls.push("signal"), { signal: aborter.signal });
    welcome();
    event();
    expect(calls.splice(0).sort()).toEqual(["off", "off", "once", "signal", "undo"]);
    client.off("tick", twice);
    event();
    expect(calls.splice(0).sort()).toEqual(["off", "signal", "undo"]);
    client.off("tick", twice);
    undo();
    undo();
    aborter.abort();
    event();
    expect(calls).toEqual([]);
  });

  it("has its span until its promise is settled", async () => {
    const { client, telemetry, welcome, event } = setUp();
    let done = (): void => {};
    client.on("tick", () => new Promise<void>((resolve) => (done = resolve)));
    welcome();
    event();
    await settled();
    expect(telemetry.spans()).toEqual([]);
    done();
    await settled();
    expect(telemetry.spans()).toMatchObject([{ name: "process tick", status: { code: SpanStatusCode.UNSET } }]);
  });

  it("is reported when it throws or rejects, as before, and its span tells", async () => {
    const { client, telemetry, errors, welcome, event } = setUp();
    const [thrown, rejected] = [new Error("thrown"), new Error("rejected")];
    client.on("tick", () => {
      throw thrown;
    });
    client.on("tick", () => Promise.reject(rejected));
    const after: unknown[] = [];
    client.on("tick", (data) => after.push(data));
    welcome();
    event();
    await settled();
    expect(errors).toMatchObject([
      { code: "usage.listener-failed", cause: thrown },
      { code: "usage.listener-failed", cause: rejected },
    ]);
    expect(after).toEqual([1]);
    expect(telemetry.spans().map(({ status }) => status.message)).toEqual(
      expect.arrayContaining(["thrown", "rejected"]),
    );
  });

  it("has no span for the lifecycle", () => {
    const { client, telemetry, welcome } = setUp();
    const statuses: string[] = [];
    client.on("status", (status) => statuses.push(status));
    client.once("status", (status) => statuses.push(status));
    welcome();
    expect(statuses).toEqual(["connected", "connected"]);
    expect(telemetry.spans()).toEqual([]);
  });
});

describe("an instrumented client", () => {
  it("still gives promises and loops of events", async () => {
    const { client, welcome, event } = setUp();
    welcome();
    const next = client.once("tick");
    const loop = events(client, "tick");
    const first = loop.next();
    event();
    expect((await next)[0]).toBe(1);
    expect((await first).value).toMatchObject([1, { event: "tick" }]);
    await loop.return(undefined);
  });

  it("carries outboxes and syncs, which count publishes along with those on the client itself", async () => {
    const { client, raw, memory, welcome } = setUp();
    welcome();
    void createOutbox(raw).publish("one", 1);
    void createOutbox(client).publish("two", 2);
    const view = sync(client, { channel: "c", load: () => ({ items: [] }), apply: () => {} });
    onTestFinished(() => view.stop());
    view.ready().catch(() => {});
    const sent = memory.last.received.map((text) => JSON.parse(text as string) as { type: string; ref?: number });
    expect(sent.filter(({ type }) => type === "publish").map(({ ref }) => ref)).toEqual([1, 2]);
    expect(view.status).toBe("loading");
  });

  it("counts connections, events, lag, reconnects and gaps", async () => {
    const { telemetry, tell, memory, clock, welcome, event, client } = setUp();
    expect(await telemetry.metrics()).toEqual([]);
    welcome();
    event({ time: Date.now() });
    event();
    tell({
      type: "verdict",
      streams: [
        {
          channel: "c",
          verdict: "gap",
          from: 3,
          to: 4,
          reason: "skipped",
          position: { epoch: "e", offset: 4, tag: "t4" },
        },
      ],
    });
    expect(await telemetry.metric("trunkline.client.connections")).toEqual([1]);
    expect(await telemetry.metric("trunkline.client.events")).toEqual([2]);
    expect(await telemetry.metric("trunkline.client.lag")).toMatchObject([{ count: 1 }]);
    expect(await telemetry.metric("trunkline.client.gaps")).toEqual([1]);
    memory.last.close(1006);
    expect(await telemetry.metric("trunkline.client.connections")).toEqual([0]);
    expect(await telemetry.metric("trunkline.client.reconnects")).toEqual([1]);
    clock.advance(1_000);
    welcome();
    expect(await telemetry.metric("trunkline.client.connections")).toEqual([1]);
    expect(client.status).toBe("connected");
    await client.close({ timeoutMs: 0 });
    expect(await telemetry.metric("trunkline.client.connections")).toEqual([0]);
    expect(await telemetry.metric("trunkline.client.reconnects")).toEqual([1]);
    //
    expect((await telemetry.metrics()).filter((name) => !name.startsWith("trunkline."))).toEqual([]);
  });

  it("tells lag in seconds", async () => {
    const { telemetry, welcome, event } = setUp();
    welcome();
    event({ time: Date.now() - 60_000 });
    const [lag] = (await telemetry.metric("trunkline.client.lag")) as { sum: number }[];
    expect(Math.floor((lag?.sum ?? 0) / 60)).toBe(1);
  });

  it("has methods that stay the same", () => {
    const { client } = setUp();
    for (const name of ["on", "health"]) expect(Reflect.get(client, name)).toBe(Reflect.get(client, name));
  });

  it("counts a connection that was there before it, and its end", async () => {
    const t = setUp();
    t.welcome();
    const telemetry = recordTelemetry();
    instrumentClient(t.raw, { meterProvider: telemetry.meterProvider });
    // What was decorated once is not again.
    expect(await telemetry.metric("trunkline.client.connections")).toEqual([]);
    const late = createClient({ url: "x", transport: t.memory.transport, clock: t.clock });
    onTestFinished(() => late.close({ timeoutMs: 0 }));
    t.welcome("connection-2");
    instrumentClient(late, { meterProvider: telemetry.meterProvider });
    expect(await telemetry.metric("trunkline.client.connections")).toEqual([1]);
    t.memory.last.drop();
    expect(await telemetry.metric("trunkline.client.connections")).toEqual([0]);
  });

  it("G-49 is not wrapped twice, and counts once", async () => {
    const { client, raw, telemetry, welcome, event } = setUp();
    expect(client).not.toBe(raw);
    expect(instrumentClient(client, telemetry)).toBe(client);
    expect(instrumentClient(raw, telemetry)).toBe(client);
    client.on("tick", () => {});
    welcome();
    event();
    expect(telemetry.spans()).toHaveLength(1);
    expect(await telemetry.metric("trunkline.client.events")).toEqual([1]);
  });
});

describe("clientMetrics", () => {
  it("counts as an option of the client, without a decorator", async () => {
    const telemetry = recordTelemetry();
    const memory = memoryTransport();
    const client = createClient({ url: "x", transport: memory.transport, metrics: clientMetrics(telemetry) });
    onTestFinished(() => client.close({ timeoutMs: 0 }));
    memory.last.accept();
    memory.last.deliver(
      JSON.stringify({ type: "connected", connection: "x", heartbeatMs: 0, spreadMs: 0, streams: [] }),
    );
    memory.last.deliver(JSON.stringify({ type: "event", channel: "c", event: "e", data: 1 }));
    expect(await telemetry.metric("trunkline.client.connections")).toEqual([1]);
    expect(await telemetry.metric("trunkline.client.events")).toEqual([1]);
  });

  it("does nothing without a provider", () => {
    expect(() => {
      const metrics = clientMetrics();
      metrics.connected(1);
      metrics.event(5);
      metrics.reconnect();
    }).not.toThrow();
  });
});
