import type { Span, TracerProvider } from "@opentelemetry/api";
import type { SpanLike, TracerProviderLike } from "@trunkline/core/ports";
import { expectTypeOf, it } from "vitest";

it("G-49 OpenTelemetry's tracer providers fit the core's port, and its spans fit OpenTelemetry's", () => {
  expectTypeOf<TracerProvider>().toExtend<TracerProviderLike>();
  expectTypeOf<Span>().toExtend<SpanLike>();
  expectTypeOf<SpanLike>().toExtend<Span>();
});
