import { type ReadableSpan, TracerProvider } from "@opentelemetry/sdk-trace";
import { createEngine, type Lease } from "@trunkline/core/engine";
import { ManualClock, mockTransport } from "@trunkline/core/testing";
import fc from "fast-check";
import { expect, it } from "vitest";

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

type Act =
  | { readonly kind: "message"; readonly text: string }
  | { readonly kind: "close" | "drop" | "hold" | "release" | "wait" | "start" | "stop" }
  | { readonly kind: "server"; readonly how: "accept" | "refuse" | "silent" };

const acts: fc.Arbitrary<Act> = fc.oneof(
  fc.record({
    kind: fc.constant("message" as const),
    text: fc.constantFrom('"ok"', '"slow"', '"throw"', '"restart"', '"exit"', '"stop"', "bad"),
  }),
  fc.record({ kind: fc.constantFrom("close", "drop", "hold", "release", "wait", "wait", "start", "stop") }),
  fc.record({ kind: fc.constant("server" as const), how: fc.constantFrom("accept", "refuse", "silent") }),
);

it("G-50 every span ends, once, whatever happens to the engine; and nothing else is left", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(acts, fc.nat(3)), { maxLength: 40 }), async (schedule) => {
      const open = new Set<string>();
      const problems: string[] = [];
      const id = (span: ReadableSpan) => `${span.name} ${span.spanContext().spanId}`;
      const provider = new TracerProvider({
        spanProcessors: [
          {
            onStart: (span) => void open.add(id(span)),
            onEnd: (span) => void (open.delete(id(span)) || problems.push(`ended twice: ${id(span)}`)),
            forceFlush: () => Promise.resolve(),
            shutdown: () => Promise.resolve(),
          },
        ],
      });
      let how: "accept" | "refuse" | "silent" = "accept";
      const server = mockTransport({
        onLink: (peer) => {
          if (peer.state === "connecting" && how !== "silent") peer[how]();
        },
      });
      const clock = new ManualClock();
      const held: Lease<unknown>[] = [];
      let finish: (() => void)[] = [];
      const engine = createEngine({
        url: "ws://memory/",
        transport: server.transport,
        tracerProvider: provider,
        clock,
        options: { backoff: () => 1_000, onOpenTimeoutMs: 5_000, messageConcurrency: 2 },
        decode: (data) => JSON.parse(String(data)) as string,
        hooks: {
          onOpen: () => {},
          onMessage: async ({ value, restart, exit }) => {
            if (value === "slow") await new Promise<void>((resolve) => finish.push(resolve));
            if (value === "throw") throw new Error("thrown");
            if (value === "restart") restart();
            if (value === "exit") exit();
            if (value === "stop") await engine.stop();
          },
          onReadError: () => {},
          onClose: () => settled(),
          onRestartError: () => {},
        },
      });
      const finishAll = (): void => {
        for (const resolve of finish) resolve();
        finish = [];
      };
      await engine.start();
      for (const [act, soon] of schedule) {
        const peer = server.peers.at(-1);
        if (act.kind === "message" && peer?.state === "open") peer.deliver(act.text);
        if (act.kind === "close" && peer?.state === "open") peer.close(1000);
        if (act.kind === "drop" && peer !== undefined && peer.state !== "closed") peer.drop();
        if (act.kind === "hold")
          void engine.pause().then(
            (lease) => held.push(lease),
            () => {},
          );
        if (act.kind === "release") held.shift()?.release();
        if (act.kind === "wait") clock.advance(1_000);
        if (act.kind === "start") void engine.start().catch(() => {});
        if (act.kind === "stop") void engine.stop().catch(() => {});
        if (act.kind === "server") how = act.how;
        // Most acts find the one before done, some come too soon.
        if (soon > 0) await settled();
      }
      // Whoever waits for a stop or a lease is let go on, until all is quiet.
      for (let round = 0; round < 20 && (round < 5 || engine.state !== "stopped" || open.size > 0); round++) {
        finishAll();
        for (const lease of held.splice(0)) lease.release();
        void engine.stop().catch(() => {});
        await settled();
      }
      expect([engine.state, [...open], problems]).toEqual(["stopped", [], []]);
      expect([clock.timers, server.alive]).toEqual([0, 0]);
    }),
    { numRuns: 150 },
  );
});
