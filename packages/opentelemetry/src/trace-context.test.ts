import { ROOT_CONTEXT, type TextMapPropagator, trace } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { describe, expect, it } from "vitest";
import { contextOf, isTraced, traceContext, withTraceContext } from "./trace-context.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const traceparent = `00-${traceId}-${spanId}-01`;
const active = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: 1 });
const filled = (meta: unknown): unknown => withTraceContext(meta, active, traceContext);
const spanOf = (meta: unknown) => trace.getSpanContext(contextOf(meta, ROOT_CONTEXT, traceContext));

describe("trace context in meta", () => {
  it("goes beside what is there, and takes nothing away", () => {
    expect(filled(undefined)).toEqual({ traceparent });
    expect(filled({ tenant: 7 })).toEqual({ tenant: 7, traceparent });
  });

  it("is left out where meta is no object, has one, is full or is no JSON", () => {
    const date = new Date(0);
    expect(filled(date)).toBe(date);
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    for (const meta of [null, "text", 7, true, [1], { traceparent: "mine" }, { tracestate: "a=b" }, circular])
      expect(filled(meta)).toBe(meta);
    const full = { note: "x".repeat(1024 - '{"note":""}'.length - `,"traceparent":"${traceparent}"`.length) };
    expect(JSON.stringify(filled(full))).toHaveLength(1024);
    const fuller = { note: `${full.note}x` };
    expect(filled(fuller)).toBe(fuller);
  });

  it("is left out when there is no trace", () => {
    const meta = { tenant: 7 };
    expect(withTraceContext(meta, ROOT_CONTEXT, traceContext)).toBe(meta);
  });

  it("is read and written as OpenTelemetry's own propagator does", () => {
    const own = new W3CTraceContextPropagator();
    const metas: readonly Readonly<Record<string, unknown>>[] = [
      { traceparent },
      { traceparent, tracestate: "vendor=1,other=2" },
      { traceparent: `00-${traceId}-${spanId}-00` },
      { traceparent: `cc-${traceId}-${spanId}-01-later` },
      { traceparent: `00-${traceId}-${spanId}-01-later` },
      { traceparent: `ff-${traceId}-${spanId}-01` },
      { traceparent: `00-${"0".repeat(32)}-${spanId}-01` },
      { traceparent: "nonsense" },
      { tracestate: "vendor=1" },
    ];
    const shown = (context: ReturnType<typeof contextOf>) => {
      const span = trace.getSpanContext(context);
      return span && { ...span, traceState: span.traceState?.serialize() };
    };
    for (const meta of metas) {
      const read = contextOf(meta, ROOT_CONTEXT, traceContext);
      expect(shown(read)).toEqual(shown(contextOf(meta, ROOT_CONTEXT, own)));
      expect(withTraceContext({}, read, traceContext)).toEqual(withTraceContext({}, read, own));
    }
    expect(spanOf(metas[1])).toMatchObject({ traceId, spanId, traceFlags: 1, isRemote: true });
  });

  it("is left alone by a propagator that fails", () => {
    const propagator: TextMapPropagator = {
      fields: () => ["x"],
      inject: () => {
        throw new Error("inject");
      },
      extract: () => {
        throw new Error("extract");
      },
    };
    const meta = { tenant: 7 };
    expect(withTraceContext(meta, active, propagator)).toBe(meta);
    expect(contextOf({ x: "%" }, ROOT_CONTEXT, propagator)).toBe(ROOT_CONTEXT);
  });

  it("is none where meta holds something else, whatever that is", () => {
    for (const meta of [
      undefined,
      null,
      "traceparent",
      [traceparent],
      { traceparent: 7 },
      Object.create({ traceparent }),
    ])
      expect(spanOf(meta)).toBeUndefined();
    expect(isTraced({ traceparent }, traceContext)).toBe(true);
    expect(isTraced({ tenant: 7 }, traceContext)).toBe(false);
  });
});
