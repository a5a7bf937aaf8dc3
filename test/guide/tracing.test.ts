// tracing.test.ts
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { createEngine } from "@trunkline/core/engine";
import { mockTransport } from "@trunkline/core/testing";
import { expect, it } from "vitest";

it("shows what an engine does", async () => {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const server = mockTransport();
  const engine = createEngine({
    url: "wss://feed.example.com/?token=s3cret",
    transport: server.transport,
    tracerProvider, // by default the one that is registered globally
    hooks: {
      onMessage: ({ span, data }) => void span?.setAttribute("app.kind", String(data).slice(0, 5)),
    },
  });
  await engine.start();
  server.last.deliver("trade 17");
  await engine.stop();

  const spans = exporter.getFinishedSpans();
  const dial = spans.find(({ name }) => name === "trunkline.transport.dial");
  expect(dial?.attributes["url.full"]).toBe("wss://feed.example.com/?token=REDACTED");
  const handled = spans.find(({ name }) => name === "trunkline.engine.callback.on_message");
  expect(handled?.attributes).toMatchObject({ "app.kind": "trade", "trunkline.engine.message.length": 8 });
});
