import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { createEngine, type EngineHooks, type EngineInit, type EngineOptions } from "@trunkline/core/engine";
import type { Link, LinkListener, LinkRequest } from "@trunkline/core/ports";
import { ManualClock, type MemoryPeer, mockTransport } from "@trunkline/core/testing";
import { instrumentHooks, instrumentTransport } from "@trunkline/core/tracing";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { recordSpans, withActiveSpans } from "../../../test/support/spans.ts";

withActiveSpans();

/** Lets everything that waits for promises alone happen. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const prefix = "trunkline.engine.";

interface Setup extends Partial<Omit<EngineInit, "hooks" | "options">> {
  readonly options?: EngineOptions;
  readonly onLink?: (peer: MemoryPeer) => void;
}

function setUp(hooks: EngineHooks = {}, { onLink, options, ...init }: Setup = {}) {
  const recorded = recordSpans();
  const memory = mockTransport({ ...(onLink && { onLink }) });
  const clock = new ManualClock();
  const engine = createEngine({
    url: "ws://memory/?token=s3cret",
    transport: memory.transport,
    hooks,
    clock,
    tracerProvider: recorded.provider,
    options: { backoff: () => 1_000, ...options },
    ...init,
  });
  onTestFinished(() => engine[Symbol.asyncDispose]());
  const { spans, provider } = recorded;
  return {
    engine,
    memory,
    clock,
    spans,
    provider,
    open: recorded.open,
    of: (name: string) => recorded.of(prefix + name),
    /** The names of a span and those around it, innermost first. */
    path(span: ReadableSpan | undefined): string[] {
      const names: string[] = [];
      for (let next = span; next !== undefined;) {
        const id = next.parentSpanContext?.spanId;
        names.push(next.name.replace(prefix, ""));
        next = spans.find((other) => other.spanContext().spanId === id);
      }
      return names;
    },
    /** The paths of all spans of the engine. */
    paths(): string[] {
      const own = spans.filter(({ name }) => name.startsWith(prefix));
      return own.map((span) => this.path(span).reverse().join(" › ")).sort();
    },
  };
}

const deadLink: Link = { send: () => {}, close: () => {}, terminate: () => {}, bufferedAmount: 0, raw: null };
const throwing = (): never => {
  throw new Error("no");
};
const attributes = (span: ReadableSpan | undefined) =>
  Object.fromEntries(Object.entries(span?.attributes ?? {}).map(([name, value]) => [name.replace(prefix, ""), value]));
const events = (span: ReadableSpan | undefined) => span?.events.map(({ name }) => name.replace(prefix, ""));

describe("the spans of an engine", () => {
  it("G-50 are these, in this tree", async () => {
    const decode = (data: string | Uint8Array) => JSON.parse(String(data)) as string;
    let refuse = false;
    const t = setUp(
      {
        onOpen: () => {},
        onMessage: () => {},
        onReadError: () => {},
        onClose: () => {},
        onCloseError: () => {},
        onRestartError: () => {},
      },
      { decode, onLink: (peer) => (refuse ? peer.refuse() : peer.accept()) },
    );
    await t.engine.start();
    t.memory.last.deliver('"s3cret"');
    t.memory.last.deliver("s3cret");
    await settled();
    refuse = true;
    t.memory.last.drop();
    await settled();
    t.clock.advance(1_000);
    await settled();
    refuse = false;
    t.clock.advance(1_000);
    await settled();
    t.memory.last.link.close = () => {
      throw new Error("no");
    };
    await t.engine.stop();
    await settled();

    expect(t.paths()).toEqual([
      "background.restart",
      "background.restart",
      "background.restart › background.start",
      "background.restart › background.start",
      "background.restart › background.start › callback.on_open",
      "background.restart › callback.on_restart_error",
      "background.run",
      "background.run",
      "background.run",
      "background.run › background.shutdown",
      "background.run › background.shutdown › callback.on_close",
      "background.run › callback.on_message",
      "background.run › callback.on_read_error",
      "start",
      "start › background.start",
      "start › background.start › callback.on_open",
      "stop",
      "stop › background.shutdown",
      "stop › background.shutdown › callback.on_close",
      "stop › background.shutdown › callback.on_close_error",
    ]);
    expect(new Set(t.spans.map(({ name }) => name).filter((name) => name.startsWith(prefix)))).toEqual(
      new Set(
        [
          "start",
          "stop",
          "background.start",
          "background.run",
          "background.shutdown",
          "background.restart",
          "callback.on_open",
          "callback.on_message",
          "callback.on_read_error",
          "callback.on_close",
          "callback.on_close_error",
          "callback.on_restart_error",
        ].map((name) => prefix + name),
      ),
    );
    for (const span of t.spans.filter(({ name }) => name.startsWith(prefix))) {
      expect([span.kind, span.instrumentationScope.name]).toEqual([SpanKind.INTERNAL, "trunkline.engine"]);
    }
    expect(JSON.stringify(t.spans.map((span) => [span.attributes, span.events, span.status]))).not.toContain("s3cret");
  });

  it("G-50 each turn and each return begins a trace, linked to what it follows", async () => {
    const t = setUp({ onMessage: () => {} });
    await t.engine.start();
    t.memory.last.deliver("one");
    t.memory.last.deliver("two");
    await settled();
    t.memory.last.drop();
    await settled();
    t.clock.advance(1_000);
    await settled();
    const runs = t.of("background.run");
    const [start] = t.of("start");
    const [opening] = t.of("background.start");
    expect(new Set(runs.map((span) => span.spanContext().traceId)).size).toBe(3);
    for (const run of runs) expect(run.links.map((link) => link.context)).toEqual([opening?.spanContext()]);
    expect(t.of("background.restart")[0]?.links.map((link) => link.context)).toEqual([start?.spanContext()]);
  });

  it("G-51 say what happened, in attributes, events and status", async () => {
    const t = setUp({
      onMessage: ({ data, exit }) => {
        if (data === "exit") exit();
        if (data === "throw") throw new Error("thrown");
      },
      onClose: () => ({ code: 4000, reason: "done" }),
    });
    await t.engine.start();
    const sessionId = attributes(t.of("background.start")[0])["session_id"];
    t.memory.last.deliver("zwölf");
    t.memory.last.deliver(Uint8Array.of(1, 2, 3));
    t.memory.last.deliver("throw");
    await settled();
    t.memory.last.deliver("exit");
    await settled();

    expect(attributes(t.of("start")[0])).toEqual({ auto_reconnect: true });
    expect(attributes(t.of("background.start")[0])).toEqual({
      restart: false,
      session_id: expect.any(String) as unknown,
    });
    expect(t.of("callback.on_message").map(attributes)).toEqual([
      { session_id: sessionId, "message.opcode": 1, "message.length": 6 },
      { session_id: sessionId, "message.opcode": 2, "message.length": 3 },
      { session_id: sessionId, "message.opcode": 1, "message.length": 5 },
      { session_id: sessionId, "message.opcode": 1, "message.length": 4 },
    ]);
    expect(t.of("callback.on_message").map(({ status }) => status.code)).toEqual([1, 1, SpanStatusCode.ERROR, 1]);
    const runs = t.of("background.run");
    expect(new Set(runs.map((run) => attributes(run)["worker_id"]))).toEqual(new Set([0, 1, 2]));
    expect(runs.map(events)).toEqual([[], [], [], ["exit", "worker_exit"]]);
    expect(attributes(t.of("background.shutdown")[0])).toEqual({
      session_id: sessionId,
      restart: false,
      skip_close_connection: false,
      close_code: 4000,
      close_reason: "done",
    });
    expect(attributes(t.of("callback.on_close")[0])).toEqual({ session_id: sessionId, has_close_message: false });
  });

  it("G-51 tell that a hand is done because another ended the session", async () => {
    let finish = (): void => {};
    const t = setUp({
      onMessage: ({ data, exit }) => {
        if (data === "exit") exit();
        return data === "slow" ? new Promise<void>((resolve) => (finish = resolve)) : undefined;
      },
    });
    await t.engine.start();
    t.memory.last.deliver("slow");
    t.memory.last.deliver("exit");
    await settled();
    finish();
    await settled();
    expect(t.of("background.run").map(events)).toEqual([["exit", "worker_exit"], ["worker_exit"]]);
  });

  it("G-51 tell a loss, and each attempt that failed with its error", async () => {
    let refuse = false;
    const t = setUp(
      { onClose: () => {}, onRestartError: ({ retryCount, exit }) => (retryCount === 1 ? exit() : undefined) },
      { onLink: (peer) => (refuse ? peer.refuse() : peer.accept()) },
    );
    await t.engine.start();
    refuse = true;
    t.memory.last.close(4001, "bye");
    for (let attempt = 0; attempt < 2; attempt++) {
      await settled();
      t.clock.advance(1_000);
    }
    await settled();
    expect(t.engine.state).toBe("stopped");
    const [run] = t.of("background.run");
    expect(events(run)).toEqual(["connection_closed", "worker_exit"]);
    expect(attributes(t.of("callback.on_close")[0])).toMatchObject({
      has_close_message: true,
      close_code: 4001,
      close_reason: "bye",
    });
    expect(attributes(t.of("background.shutdown")[0])).toMatchObject({ restart: true, skip_close_connection: true });
    const restarts = t.of("background.restart");
    expect(restarts.map(attributes)).toEqual([
      { retry_count: 0, auto_reconnect: true },
      { retry_count: 1, auto_reconnect: true },
    ]);
    expect(restarts.map(events)).toEqual([["exception"], ["exit", "exception"]]);
    expect(restarts.map(({ status }) => status.code)).toEqual([SpanStatusCode.ERROR, SpanStatusCode.ERROR]);
    expect(t.of("callback.on_restart_error").map(attributes)).toEqual([{ retry_count: 0 }, { retry_count: 1 }]);
  });

  it.each<[string, (listener: LinkListener) => unknown]>([
    ["gives nothing instead of a link", () => undefined],
    ["gives a promise instead of a link", () => Promise.resolve(deadLink)],
    ["never tells that it ended", () => deadLink],
    ["throws when it is to end", () => ({ ...deadLink, terminate: throwing })],
    ["throws instead of opening", throwing],
    ["opens before open has returned", (listener) => (listener.onOpen(""), deadLink)],
  ])("G-50 all of them end, and the start fails as without them, when a transport %s", async (_, open) => {
    const transport = { name: "wrong", open: (_: LinkRequest, listener: LinkListener) => open(listener) as Link };
    const t = setUp({}, { transport, options: { onOpenTimeoutMs: 50 } });
    const clock = new ManualClock();
    const bare = createEngine({ url: "ws://memory/", transport, hooks: {}, clock, options: { onOpenTimeoutMs: 50 } });
    const starts = [t.engine, bare].map((engine) => engine.start().catch((error: unknown) => error as Error));
    await settled();
    t.clock.advance(50);
    clock.advance(50);
    const [traced, plain] = await Promise.all(starts);
    expect(traced).toMatchObject({ name: "EngineStartError", message: (plain as Error).message });
    expect(traced).toHaveProperty("cause.name", (plain as { cause?: Error }).cause?.name);
    const said = (error: unknown) => ((error as Error).cause as Error).cause;
    expect(String(said(traced))).toBe(String(said(plain)));
    expect(t.open()).toEqual([]);
    expect(t.spans.filter(({ name }) => name === "trunkline.transport.dial")).toHaveLength(1);
  });

  it("G-51 a start that fails has the error, and so has the attempt", async () => {
    const t = setUp({ onOpen: () => Promise.reject(new Error("no")) });
    await expect(t.engine.start()).rejects.toThrow("no");
    for (const name of ["callback.on_open", "background.start", "start"]) {
      expect([name, t.of(name)[0]?.status]).toEqual([
        name,
        { code: SpanStatusCode.ERROR, message: expect.stringContaining("no") as unknown },
      ]);
    }
  });

  it.each<[string, EngineHooks, (t: ReturnType<typeof setUp>) => unknown]>([
    ["a stop during the dial", {}, (t) => t.engine.stop()],
    ["an aborted start", {}, () => {}],
    ["a stop while onOpen runs", { onOpen: () => new Promise(() => {}) }, (t) => t.engine.stop()],
  ])("G-50 all of them end: %s", async (name, hooks, end) => {
    const started: string[] = [];
    const t = setUp(hooks, { onLink: (peer) => (name === "a stop while onOpen runs" ? peer.accept() : undefined) });
    const controller = new AbortController();
    const start = t.engine.start({ signal: controller.signal });
    start.catch(() => started.push("failed"));
    await settled();
    if (name === "an aborted start") controller.abort();
    await end(t);
    await settled();
    expect(started).toEqual(["failed"]);
    expect(t.of("background.start")[0]?.status.code).toBe(SpanStatusCode.ERROR);
    expect(t.of("start")[0]?.status.code).toBe(SpanStatusCode.ERROR);
  });

  it("G-50 a stop that gives up on a lease ends all but the hook that never returns", async () => {
    const t = setUp({ onClose: () => new Promise(() => {}) });
    await t.engine.start();
    await t.engine.pause();
    const stop = t.engine.stop({ timeoutMs: 50 }).catch(() => {});
    await settled();
    t.clock.advance(50);
    await stop;
    await settled();
    expect(t.open()).toEqual(["trunkline.engine.callback.on_close"]);
  });

  it("G-50 a stop that gives up ends the shutdown, too", async () => {
    const t = setUp({ onClose: () => new Promise<undefined>(() => {}) });
    await t.engine.start();
    const stop = t.engine.stop({ timeoutMs: 50 });
    stop.catch(() => {});
    await settled();
    t.clock.advance(50);
    await expect(stop).rejects.toMatchObject({ code: "usage.stop-timeout" });
    await settled();
    expect(t.of("background.shutdown")).toHaveLength(1);
    expect(t.of("stop")[0]?.status.code).toBe(SpanStatusCode.ERROR);
  });
});

describe("what a hook starts", () => {
  it("G-53 has the hook's span as its parent, also after an await", async () => {
    const t = setUp({
      onMessage: async ({ span, data }) => {
        expect(trace.getActiveSpan()).toBe(span);
        await settled();
        t.provider
          .getTracer("app")
          .startSpan(`child ${String(data)}`)
          .end();
      },
    });
    await t.engine.start();
    t.memory.last.deliver("one");
    t.memory.last.deliver("two");
    await vi.waitFor(() => expect(t.of("callback.on_message")).toHaveLength(2));
    for (const name of ["child one", "child two"]) {
      const child = t.spans.find((span) => span.name === name);
      expect(t.path(child)).toEqual([name, "callback.on_message", "background.run"]);
    }
    const parents = t.spans
      .filter(({ name }) => name.startsWith("child"))
      .map((span) => span.parentSpanContext?.spanId);
    expect(new Set(parents).size).toBe(2);
  });

  it("G-53 what it sends is part of its trace, and a stop in it as well", async () => {
    const t = setUp({
      onMessage: async ({ conn }) => {
        conn.send("answer");
        await t.engine.stop();
      },
    });
    await t.engine.start();
    t.memory.last.deliver("question");
    await vi.waitFor(() => expect(t.of("stop")).toHaveLength(1));
    const write = t.spans.find(({ name }) => name === "trunkline.transport.write");
    expect(t.path(write)).toEqual(["trunkline.transport.write", "callback.on_message", "background.run"]);
    expect(t.path(t.of("background.shutdown")[0])).toEqual([
      "background.shutdown",
      "stop",
      "callback.on_message",
      "background.run",
    ]);
  });

  it("G-53 a start belongs to the trace of its caller, and the dial to the start", async () => {
    const t = setUp();
    const caller = t.provider.getTracer("app").startSpan("caller");
    await context.with(trace.setSpan(context.active(), caller), () => t.engine.start());
    caller.end();
    const dial = t.spans.find(({ name }) => name === "trunkline.transport.dial");
    expect(t.path(dial)).toEqual(["trunkline.transport.dial", "background.start", "start", "caller"]);
  });
});

describe("the tracer provider", () => {
  it("G-49 is the global one by default, and nothing is traced twice", async () => {
    const global = recordSpans();
    trace.setGlobalTracerProvider(global.provider);
    onTestFinished(() => trace.disable());
    const memory = mockTransport();
    const engine = createEngine({
      url: "ws://memory/",
      transport: instrumentTransport(memory.transport),
      hooks: instrumentHooks({ onOpen: () => {} }),
    });
    await engine.start();
    await engine.stop();
    expect(global.spans.map(({ name }) => name).sort()).toEqual([
      "trunkline.engine.background.shutdown",
      "trunkline.engine.background.start",
      "trunkline.engine.callback.on_open",
      "trunkline.engine.start",
      "trunkline.engine.stop",
      "trunkline.transport.close",
      "trunkline.transport.dial",
    ]);
  });

  it("G-49 without one hooks get no span", async () => {
    const spans: unknown[] = [];
    const memory = mockTransport();
    const engine = createEngine({
      url: "ws://memory/",
      transport: memory.transport,
      hooks: { onOpen: ({ span }) => spans.push(span) },
    });
    await engine.start();
    await engine.stop();
    expect(spans).toEqual([undefined]);
  });

  it("G-49 has to be one", () => {
    const { transport } = mockTransport();
    const init = { url: "ws://memory/", transport, hooks: {}, tracerProvider: {} as never };
    expect(() => createEngine(init)).toThrow("tracerProvider: expected a TracerProvider, got object");
  });

  it("G-53 needs no context manager: parents are known, and hooks get their span", async () => {
    context.disable();
    const t = setUp({ onMessage: () => {} });
    await t.engine.start();
    t.memory.last.deliver("one");
    await settled();
    expect(t.path(t.of("callback.on_message")[0])).toEqual(["callback.on_message", "background.run"]);
    expect(t.path(t.of("background.start")[0])).toEqual(["background.start", "start"]);
  });
});
