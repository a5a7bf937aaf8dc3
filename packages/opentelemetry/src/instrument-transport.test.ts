import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { LinkListener, Transport } from "@trunkline/core/ports";
import { memoryTransport } from "@trunkline/core/testing";
import { instrumentTransport } from "@trunkline/core/tracing";
import { expect, it, onTestFinished } from "vitest";
import { recordSpans, withActiveSpans } from "../../../test/support/spans.ts";

withActiveSpans();

function open(url = "ws://memory/", listener: Partial<LinkListener> = {}) {
  const recorded = recordSpans();
  const memory = memoryTransport();
  const link = instrumentTransport(memory.transport, recorded.provider).open(
    { url, protocols: [] },
    { onOpen: () => {}, onMessage: () => {}, onClose: () => {}, ...listener },
  );
  const { spans, of, open: unended } = recorded;
  return { spans, of, unended, link, peer: memory.last, names: () => spans.map(({ name }) => name) };
}

it("G-52 dial, write, read, ping and close are spans of kind client", () => {
  const t = open("ws://user:s3cret@memory/?api_key=s3cret&id=s3cret&lang=en#s3cret");
  t.peer.accept();
  t.link.send("zwölf");
  t.peer.deliver(Uint8Array.of(1, 2, 3));
  t.link.ping?.();
  t.link.close(1001, "Going away");
  const names = ["dial", "write", "read", "ping", "close"].map((name) => `trunkline.transport.${name}`);
  expect(t.names()).toEqual(names);
  const url = "ws://memory/?api_key=REDACTED&id=REDACTED&lang=en";
  const [dial, write, read, , close] = t.spans;
  for (const span of t.spans) {
    expect([span.kind, span.status.code, span.attributes["url.full"]]).toEqual([
      SpanKind.CLIENT,
      SpanStatusCode.OK,
      url,
    ]);
    expect(span.instrumentationScope.name).toBe("trunkline.transport");
  }
  expect(write?.attributes).toEqual({ "url.full": url, "websocket.message.size": 6, "websocket.message.opcode": 1 });
  expect(read?.attributes).toEqual({ "url.full": url, "websocket.message.size": 3, "websocket.message.opcode": 2 });
  expect(read?.events.map(({ name }) => name)).toEqual(["websocket.message.received"]);
  expect(read?.links.map(({ context }) => context)).toEqual([dial?.spanContext()]);
  expect(close?.attributes).toMatchObject({
    "websocket.close.code": 1001,
    "websocket.close.reason": "Going away",
  });
  expect(JSON.stringify(t.spans.map(({ attributes, events, status }) => [attributes, events, status]))).not.toContain(
    "s3cret",
  );
});

it("G-52 what fails ends its span with the error", () => {
  const refused = open();
  refused.peer.refuse();
  expect(refused.names()).toEqual(["trunkline.transport.dial"]);
  expect(refused.spans[0]).toMatchObject({
    status: { code: SpanStatusCode.ERROR },
    attributes: { "websocket.close.code": 1006 },
    events: [{ name: "exception" }],
  });

  const lost = open();
  lost.peer.accept();
  lost.peer.autoPong = false;
  lost.link.ping?.();
  lost.link.ping?.();
  lost.peer.drop();
  lost.link.send("late");
  lost.link.close(1000, "");
  lost.link.terminate();
  lost.link.ping?.();
  expect(lost.unended()).toEqual([]);
  expect(lost.spans.map(({ name, status }) => [name, status.code])).toEqual([
    ["trunkline.transport.dial", SpanStatusCode.OK],
    ["trunkline.transport.ping", SpanStatusCode.ERROR],
    ["trunkline.transport.ping", SpanStatusCode.ERROR],
    ["trunkline.transport.read", SpanStatusCode.ERROR],
    ["trunkline.transport.write", SpanStatusCode.OK],
  ]);
});

it("G-52 a close by the peer is the last read, a drop by hand is a close", () => {
  const left = open();
  left.peer.accept();
  left.peer.close(1000, "bye");
  expect(left.spans[1]).toMatchObject({
    name: "trunkline.transport.read",
    status: { code: SpanStatusCode.OK },
    attributes: { "websocket.close.code": 1000, "websocket.close.reason": "bye" },
  });

  const dropped = open();
  dropped.peer.accept();
  dropped.link.terminate();
  expect(dropped.names()).toEqual(["trunkline.transport.dial", "trunkline.transport.close"]);

  const abandoned = open();
  abandoned.link.terminate();
  expect(abandoned.names()).toEqual(["trunkline.transport.dial"]);
});

it("G-52 what a message leads to is part of its trace, also after an await", async () => {
  const tracer = recordSpans();
  const handled: Promise<void>[] = [];
  const work = async () => {
    await Promise.resolve();
    tracer.provider.getTracer("app").startSpan("work").end();
  };
  const t = open("ws://memory/", { onMessage: () => void handled.push(work()) });
  t.peer.accept();
  t.peer.deliver("one");
  t.peer.deliver("two");
  await Promise.all(handled);
  expect(tracer.of("work").map(({ parentSpanContext }) => parentSpanContext)).toEqual(
    t.of("trunkline.transport.read").map((span) => span.spanContext()),
  );
  expect(new Set(tracer.of("work").map((span) => span.spanContext().traceId)).size).toBe(2);
});

it("G-52 a transport that throws ends the dial, and one without pings stays so", () => {
  const recorded = recordSpans();
  const throwing: Transport = {
    name: "throwing",
    open: () => {
      throw new Error("no");
    },
  };
  const listener: LinkListener = { onOpen: () => {}, onMessage: () => {}, onClose: () => {} };
  const request = { url: "ws://memory/", protocols: [] };
  expect(() => instrumentTransport(throwing, recorded.provider).open(request, listener)).toThrow("no");
  expect(recorded.spans).toMatchObject([{ name: "trunkline.transport.dial", status: { message: "no" } }]);

  const { transport } = memoryTransport({ like: "browser" });
  const link = instrumentTransport(transport, recorded.provider).open(request, listener);
  expect(Object.keys(link).sort()).toEqual(["bufferedAmount", "close", "raw", "send", "terminate"]);
});

it("G-49 uses the global provider, wraps once, and without a provider not at all", () => {
  const { transport } = memoryTransport();
  expect(instrumentTransport(transport)).toBe(transport);
  const recorded = recordSpans();
  trace.setGlobalTracerProvider(recorded.provider);
  onTestFinished(() => trace.disable());
  const instrumented = instrumentTransport(transport);
  expect(instrumented).not.toBe(transport);
  expect(instrumentTransport(instrumented, recorded.provider)).toBe(instrumented);
  const listener: LinkListener = { onOpen: () => {}, onMessage: () => {}, onClose: () => {} };
  instrumented.open({ url: "ws://memory/", protocols: [] }, listener).terminate();
  expect(recorded.spans.map(({ name }) => name)).toEqual(["trunkline.transport.dial"]);
  expect(() => instrumentTransport(null as never)).toThrow(expect.objectContaining({ code: "usage.bad-argument" }));
});

it("G-52 pings without pongs are given up, and the pongs that come belong to theirs", () => {
  const t = open();
  t.peer.accept();
  t.peer.autoPong = false;
  for (let index = 0; index < 1_000; index++) t.link.ping?.();
  const pings = () => t.of("trunkline.transport.ping");
  expect(pings()).toHaveLength(990);
  expect(pings()[0]?.status).toMatchObject({ code: SpanStatusCode.ERROR });
  for (let index = 0; index < 990; index++) t.peer.pong();
  expect(pings()).toHaveLength(990);
  for (let index = 0; index < 10; index++) t.peer.pong();
  expect(
    pings()
      .slice(990)
      .map(({ status }) => status.code),
  ).toEqual(Array(10).fill(SpanStatusCode.OK));
});
