// The engine's spans over real sockets, on both transports Node has.
import { createEngine, type Engine } from "@trunkline/core/engine";
import { webSocketTransport as browserTransport } from "@trunkline/transport-browser";
import { webSocketTransport as nodeTransport } from "@trunkline/transport-node";
import type { ContractServer } from "@trunkline/core/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startContractServer } from "../support/rfc6455-contract-server.ts";
import { recordSpans, withActiveSpans } from "../support/spans.ts";
import { until } from "../support/until.ts";

withActiveSpans();

describe.each([
  ["ws", nodeTransport()],
  ["the global WebSocket", browserTransport()],
])("the spans of an engine over %s", (_, transport) => {
  let server: ContractServer;
  let engine: Engine;

  beforeEach(async () => {
    server = await startContractServer();
  });
  afterEach(async () => {
    await engine[Symbol.asyncDispose]();
    await server.stop();
  });

  it("G-52 G-53 have the parents they should have, with handlers that overlap and a loss between them", async () => {
    const recorded = recordSpans();
    const app = recorded.provider.getTracer("app");
    engine = createEngine({
      url: `${server.url}?api_key=s3cret`,
      transport,
      tracerProvider: recorded.provider,
      options: { backoff: () => 10 },
      hooks: {
        onMessage: async ({ data, conn }) => {
          // Later messages come meanwhile.
          await until(
            "the next one is handled",
            () => data === "last" || recorded.of(`after ${String(data)}`).length > 0,
          );
          app.startSpan(`child of ${String(data)}`).end();
          conn.send(data);
        },
      },
    });
    const start = engine.start();
    const first = await server.accept();
    await start;
    for (const data of ["one", "two"]) first.send(data);
    for (const data of ["two", "one"]) {
      app.startSpan(`after ${data}`, { root: true }).end();
      expect(await first.next()).toBe(data);
    }
    first.drop();
    const second = await server.accept();
    second.send("last");
    expect(await second.next()).toBe("last");
    await engine.stop();

    for (const data of ["one", "two", "last"]) {
      const [child] = recorded.of(`child of ${data}`);
      expect(recorded.parentOf(child)).toBe("trunkline.engine.callback.on_message");
    }
    const handlers = recorded.of("trunkline.engine.callback.on_message");
    expect(handlers.map((span) => recorded.parentOf(span))).toEqual(
      handlers.map(() => "trunkline.engine.background.run"),
    );
    expect(new Set(handlers.map((span) => span.spanContext().traceId)).size).toBe(3);
    expect(recorded.of("trunkline.transport.write").map((span) => recorded.parentOf(span))).toEqual(
      handlers.map(() => "trunkline.engine.callback.on_message"),
    );
    const dials = recorded.of("trunkline.transport.dial");
    expect(dials.map((span) => recorded.parentOf(span))).toEqual(dials.map(() => "trunkline.engine.background.start"));
    expect(dials[0]?.attributes["url.full"]).toMatch(/\?api_key=REDACTED$/);
    expect(dials).toHaveLength(2);
  });
});
