import { context, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { createEngine, type EngineHooks } from "@trunkline/core/engine";
import { mockTransport } from "@trunkline/core/testing";
import { instrumentHooks } from "@trunkline/core/tracing";
import { expect, it, onTestFinished, vi } from "vitest";
import { recordSpans, withActiveSpans } from "../../../test/support/spans.ts";

withActiveSpans();

/** An engine without a tracer of its own, whose hooks have spans. */
async function start(hooks: EngineHooks) {
  const recorded = recordSpans();
  const memory = mockTransport();
  const engine = createEngine({
    url: "ws://memory/",
    transport: memory.transport,
    hooks: instrumentHooks(hooks, recorded.provider),
    options: { backoff: () => 0 },
  });
  onTestFinished(() => engine[Symbol.asyncDispose]());
  await engine.start();
  return { engine, memory, of: recorded.of, provider: recorded.provider };
}

it("G-49 G-53 each hook runs in a span of its own, which is active and in its context", async () => {
  const seen: unknown[] = [];
  const note = ({ span }: { readonly span?: unknown }) => seen.push(span === trace.getSpan(context.active()));
  const t = await start({ onOpen: note, onMessage: note, onClose: (given) => void note(given) });
  t.memory.last.deliver("zwölf");
  await t.engine.stop();
  expect(seen).toEqual([true, true, true]);
  expect(t.of("trunkline.engine.callback.on_open")).toMatchObject([{ kind: SpanKind.INTERNAL }]);
  expect(t.of("trunkline.engine.callback.on_message")[0]?.attributes).toMatchObject({
    "trunkline.engine.message.opcode": 1,
    "trunkline.engine.message.length": 6,
  });
  expect(t.of("trunkline.engine.callback.on_close")[0]?.attributes).toEqual({
    "trunkline.engine.session_id": expect.any(String) as unknown,
    "trunkline.engine.has_close_message": false,
  });
});

it("G-51 a hook that throws or rejects ends its span with the error, and is told as ever", async () => {
  const errors: unknown[] = [];
  const t = await start({
    onMessage: ({ data }) => {
      if (data === "throw") throw new Error("thrown");
      return Promise.reject(new Error("rejected"));
    },
  });
  t.engine.on("error", ({ cause }) => errors.push((cause as Error).message));
  t.memory.last.deliver("throw");
  t.memory.last.deliver("reject");
  await vi.waitFor(() => expect(errors).toEqual(["thrown", "rejected"]));
  expect(t.of("trunkline.engine.callback.on_message")).toMatchObject([
    { status: { code: SpanStatusCode.ERROR, message: "thrown" }, events: [{ name: "exception" }] },
    { status: { code: SpanStatusCode.ERROR, message: "rejected" }, events: [{ name: "exception" }] },
  ]);
});

it("G-49 keeps what a hook returns, and the object it is a method of", async () => {
  class Farewell {
    readonly words = "so long";
    onClose() {
      return { code: 4000, reason: this.words };
    }
  }
  const t = await start(new Farewell());
  await t.engine.stop();
  expect(t.memory.last.closedWith).toEqual({ code: 4000, reason: "so long" });
});

it("G-53 a child span made in a hook has the hook's span as its parent, also without a context manager", async () => {
  context.disable();
  let child: Span | undefined;
  const t = await start({
    onMessage: ({ span }) => {
      const parent = trace.setSpan(context.active(), span as Span);
      child = t.provider.getTracer("app").startSpan("child", {}, parent);
      child.end();
    },
  });
  t.memory.last.deliver("one");
  const [hook] = t.of("trunkline.engine.callback.on_message");
  expect(t.of("child")[0]?.parentSpanContext).toEqual(hook?.spanContext());
});

it("G-49 uses the global provider, wraps once, and without a provider not at all", () => {
  const hooks: EngineHooks = { onMessage: () => {} };
  expect(instrumentHooks(hooks)).toBe(hooks);
  const { provider } = recordSpans();
  trace.setGlobalTracerProvider(provider);
  onTestFinished(() => trace.disable());
  const instrumented = instrumentHooks(hooks);
  expect(Object.keys(instrumented)).toEqual(["onMessage"]);
  expect(instrumented).not.toBe(hooks);
  expect(instrumentHooks(instrumented, provider)).toBe(instrumented);
  for (const wrong of [null, undefined, "hooks"]) {
    expect(() => instrumentHooks(wrong as never)).toThrow(expect.objectContaining({ code: "usage.bad-argument" }));
  }
});
