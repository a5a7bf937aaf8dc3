import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { createClient, createOutbox, defineContract, event, GatewayError, type Outbox } from "@trunkline/core";
import { memoryTransport } from "@trunkline/core/testing";
import type { PublishReceipt, PublishRequest } from "@trunkline/core/wire";
import { describe, expect, expectTypeOf, it, onTestFinished } from "vitest";
import { withActiveSpans } from "../../../test/support/spans.ts";
import { recordTelemetry } from "../../../test/support/telemetry.ts";
import { instrumentPublisher } from "./instrument-publisher.ts";

withActiveSpans();

/** The other way to publish. */
interface Requests {
  publish(request: PublishRequest): unknown;
}

const contract = defineContract({ events: { paid: event<{ readonly cents: number }>() } });
const receipt: PublishReceipt = { stream: "posts", offset: 7, epoch: "e" };

/** Publishes as an outbox does, keeping what it was called with. */
class Recorder {
  readonly calls: { readonly event: string; readonly data: unknown; readonly options: { meta?: unknown } }[] = [];
  readonly #answer: () => Promise<PublishReceipt>;

  constructor(answer: () => Promise<PublishReceipt> = () => Promise.resolve(receipt)) {
    this.#answer = answer;
  }

  publish(event: string, data: unknown, options: { channel?: string; id?: string; meta?: unknown } = {}) {
    this.calls.push({ event, data, options });
    return this.#answer();
  }

  get pending(): number {
    return this.calls.length;
  }
}

describe("an instrumented publisher", () => {
  it("makes a producer's span, which ends with the receipt, and sends its context along", async () => {
    const telemetry = recordTelemetry();
    const outbox = new Recorder();
    const traced = instrumentPublisher(outbox, telemetry);
    const answer = await traced.publish("post.created", { n: 1 }, { channel: "posts", id: "p1", meta: { tenant: 7 } });
    expect(answer).toBe(receipt);
    const [span] = telemetry.spans();
    const { traceId, spanId } = span?.spanContext() ?? {};
    expect(span).toMatchObject({ name: "publish post.created", kind: SpanKind.PRODUCER });
    expect(span?.attributes).toEqual({
      "messaging.system": "trunkline",
      "messaging.operation.name": "publish",
      "messaging.operation.type": "send",
      "messaging.destination.name": "posts",
      "messaging.message.id": "p1",
      "trunkline.event": "post.created",
      "trunkline.stream": "posts",
      "trunkline.offset": 7,
      "trunkline.epoch": "e",
    });
    expect(outbox.calls).toEqual([
      {
        event: "post.created",
        data: { n: 1 },
        options: { channel: "posts", id: "p1", meta: { tenant: 7, traceparent: `00-${traceId}-${spanId}-01` } },
      },
    ]);
    expect(traced.pending).toBe(1);
    expect(traced).toBeInstanceOf(Recorder);
  });

  it("takes requests as a gateway does, and hands other options on as they are", async () => {
    const telemetry = recordTelemetry();
    const calls: unknown[][] = [];
    const gateway = {
      publish: (request: PublishRequest, options?: { readonly account?: string }) => {
        calls.push([request, options]);
        return Promise.resolve(receipt);
      },
    };
    const options = { account: "acme" };
    await instrumentPublisher(gateway, telemetry).publish({ event: "paid" }, options);
    expect(calls).toEqual([[{ event: "paid", meta: { traceparent: expect.stringMatching(/^00-/) } }, options]]);
    expect(calls[0]?.[1]).toBe(options);
    expect(telemetry.spans("publish paid")[0]?.attributes).toMatchObject({ "messaging.destination.name": "posts" });
  });

  it("is a child of what is active, and is active while it publishes", async () => {
    const telemetry = recordTelemetry();
    const tracer = telemetry.tracerProvider.getTracer("test");
    let inside: string | undefined;
    const target: Requests = {
      publish: () => (inside = trace.getActiveSpan()?.spanContext().spanId),
    };
    const parent = tracer.startSpan("parent");
    context.with(trace.setSpan(context.active(), parent), () =>
      instrumentPublisher(target, telemetry).publish({ event: "e" }),
    );
    const [span] = telemetry.spans();
    expect(span?.parentSpanContext).toEqual(parent.spanContext());
    expect(span?.spanContext().spanId).toBe(inside);
  });

  it("goes on with the trace that meta names, and leaves it there", async () => {
    const telemetry = recordTelemetry();
    const outbox = new Recorder();
    const meta = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
    await instrumentPublisher(outbox, telemetry).publish("e", null, { meta });
    expect(outbox.calls[0]?.options.meta).toBe(meta);
    expect(telemetry.spans()[0]?.parentSpanContext).toMatchObject({
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
    });
  });

  it("tells failures with their code and without secrets, and lets them through", async () => {
    const telemetry = recordTelemetry();
    const error = new GatewayError("gateway.forbidden", "refused by wss://host/?api_key=sk_secret");
    const rejecting = instrumentPublisher(new Recorder(() => Promise.reject(error)), telemetry);
    await expect(rejecting.publish("e", null)).rejects.toBe(error);
    const throwing: Requests = {
      publish: () => {
        throw error;
      },
    };
    expect(() => instrumentPublisher(throwing, telemetry).publish({ event: "e" })).toThrow(error);
    for (const { status, attributes, events } of telemetry.spans()) {
      expect(status).toEqual({ code: SpanStatusCode.ERROR, message: "refused by wss://host/?api_key=REDACTED" });
      expect(attributes).toMatchObject({ "error.type": "gateway.forbidden" });
      expect(JSON.stringify(events)).toContain("api_key=REDACTED");
      expect(JSON.stringify(events)).not.toContain("sk_secret");
    }
    expect(telemetry.spans()).toHaveLength(2);
  });

  it("lets the results of an outbox be left alone, and those of others not", async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on("unhandledRejection", note);
    onTestFinished(() => void process.off("unhandledRejection", note));
    const outbox = instrumentPublisher(
      createOutbox(createClient({ url: "x", transport: memoryTransport().transport, autoConnect: false })),
      recordTelemetry(),
    );
    void outbox.publish("e", null);
    const kept = outbox.publish("e", null);
    outbox.close();
    await expect(kept).rejects.toMatchObject({ code: "usage.closed" });
    const error = new Error("nobody waits");
    const requests: Requests = { publish: () => Promise.reject(error) };
    void instrumentPublisher(requests, recordTelemetry()).publish({ event: "e" });
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([error]);
  });

  it("is set where the publisher would be, setters of private fields included", () => {
    class Throttled extends Recorder {
      #rate = 1;
      get rate(): number {
        return this.#rate;
      }
      set rate(value: number) {
        this.#rate = value;
      }
    }
    const target = new Throttled();
    const traced = instrumentPublisher(target, recordTelemetry());
    traced.rate = 5;
    expect([traced.rate, target.rate]).toEqual([5, 5]);
  });

  it("leaves to the publisher to refuse what is no request", async () => {
    const telemetry = recordTelemetry();
    const target = { publish: (request: unknown) => request };
    const traced = instrumentPublisher(target, telemetry);
    expect([null, 7, undefined].map((wrong) => traced.publish(wrong))).toEqual([null, 7, undefined]);
    expect(telemetry.spans()).toEqual([]);
  });

  it("keeps the type of what it decorates", () => {
    const outbox = createOutbox(
      createClient({ url: "x", transport: memoryTransport().transport, contract, autoConnect: false }),
    );
    const traced = instrumentPublisher(outbox, recordTelemetry());
    expectTypeOf(traced).toEqualTypeOf<Outbox<typeof contract>>();
  });

  it("G-49 is not wrapped twice", async () => {
    const telemetry = recordTelemetry();
    const outbox = new Recorder();
    const traced = instrumentPublisher(outbox, telemetry);
    expect(instrumentPublisher(traced, telemetry)).toBe(traced);
    expect(instrumentPublisher(outbox, telemetry)).toBe(traced);
    await traced.publish("e", null);
    expect(telemetry.spans()).toHaveLength(1);
  });
});
