// ticker.test.ts
import { createEngine, type EngineOptions, type OpenContext } from "@trunkline/core/engine";
import type { Clock, Transport } from "@trunkline/core/ports";
import { ManualClock, mockTransport } from "@trunkline/core/testing";
import { expect, it, vi } from "vitest";

interface Tick {
  readonly topic: string;
  readonly price?: number;
  readonly error?: string;
}

interface TickerParts {
  readonly url: string;
  readonly transport: Transport; // in Node: webSocketTransport() of @trunkline/transport-node
  readonly clock?: Clock;
  readonly options?: EngineOptions;
}

/** A client for a service that says `{"topic":"tea","price":3}` to whoever has said `tea`. */
function createTicker(parts: TickerParts) {
  const topics = new Set<string>();
  const prices = new Map<string, number>();
  const engine = createEngine<Tick>({
    ...parts,
    decode: (data) => JSON.parse(String(data)) as Tick,
    hooks: {
      // On every new connection, before any message is handed out. A throw here fails the attempt.
      onOpen: async ({ conn }: OpenContext<Tick>) => {
        for (const topic of topics) {
          conn.send(topic);
          const { value } = await conn.read();
          if (value.error) throw new Error(value.error);
        }
      },
      onMessage: ({ value }) => void prices.set(value.topic, value.price ?? 0),
      onReadError: ({ restart }) => restart(), // what can't be decoded: a new connection, a new beginning
      onClose: () => prices.clear(), // what is not known to be true any more is not shown
      onRestartError: ({ retryCount, exit }) => (retryCount === 100 ? exit() : undefined),
    },
  });
  return { engine, topics, prices };
}

it("has the same topics after a loss", async () => {
  const clock = new ManualClock();
  const server = mockTransport({
    onLink: (peer) => {
      peer.onReceive = (topic) => peer.deliver(JSON.stringify({ topic }));
      peer.accept();
    },
  });
  const ticker = createTicker({ url: "wss://ticker.example.com", transport: server.transport, clock });
  ticker.topics.add("tea");
  await ticker.engine.start();
  server.last.deliver('{"topic":"tea","price":3}');
  expect(ticker.prices.get("tea")).toBe(3);

  server.last.drop();
  expect(ticker.engine.state).toBe("restarting");
  await vi.waitFor(() => {
    clock.advance(1000);
    expect(ticker.engine.state).toBe("started");
  });
  expect(server.last.received).toEqual(["tea"]);
  expect(ticker.prices.size).toBe(0);

  await ticker.engine.stop();
  expect(server.last.closedWith).toEqual({ code: 1001, reason: "Going away" });
});
