// The example client of a third-party feed, against a fake exchange.
import { webSocketTransport as browserTransport } from "@trunkline/transport-browser";
import { webSocketTransport as nodeTransport } from "@trunkline/transport-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ExchangeFeed, type FeedOptions } from "../../examples/exchange-feed/exchange-feed.ts";
import { FakeExchange } from "../support/fake-exchange.ts";
import { until } from "../support/until.ts";

describe.each([
  ["ws", nodeTransport()],
  ["the global WebSocket", browserTransport()],
])("an exchange feed over %s", (_, transport) => {
  let exchange: FakeExchange;
  let feed: ExchangeFeed;

  const open = async (options: Partial<FeedOptions> = {}) => {
    feed = new ExchangeFeed({ url: exchange.url, transport, engine: { backoff: () => 10 }, ...options });
    await feed.start();
  };
  const bids = (product: string) => feed.book(product)?.levels("bids");

  beforeEach(async () => {
    exchange = await FakeExchange.start();
  });
  afterEach(async () => {
    await feed.stop().catch(() => {});
    await exchange.stop();
  });

  it("G-40 matches answers without ids by their order, and follows the book", async () => {
    await open();
    const results = await Promise.allSettled([feed.subscribe("A"), feed.subscribe("NOPE"), feed.subscribe("B")]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    exchange.change("A", "bids", 1.5, 5);
    exchange.change("A", "bids", 1, 0);
    await until("the changes came", () => bids("A")?.[0]?.[0] === 1.5);
    await until("the level is gone", () => bids("A")?.length === 1);
    expect(bids("A")).toEqual([[1.5, 5]]);
    await feed.unsubscribe("B");
    expect(feed.book("B")).toBeUndefined();
  });

  it("G-40 asks under a lease, and loses nothing that comes meanwhile", async () => {
    await open();
    await feed.subscribe("A");
    await until("the snapshot came", () => feed.book("A") !== undefined);
    expect(await feed.time()).toBe(1_234);
    expect(bids("A")).toEqual([
      [9, 9],
      [1, 10],
    ]);
  });

  it("G-41 subscribes again after a loss, without the user's code", async () => {
    await open();
    await feed.subscribe("A");
    await feed.subscribe("B");
    exchange.drop();
    await until("both are asked for again", () => exchange.asked.length === 4);
    expect(exchange.asked).toEqual(["A", "B", "A", "B"]);
    await until("the books are back", () => feed.book("A") !== undefined && feed.book("B") !== undefined);
    exchange.change("A", "bids", 1, 11);
    await until("changes come again", () => bids("A")?.[0]?.[1] === 11);
  });

  it("takes a new snapshot when a change is missing", async () => {
    await open();
    await feed.subscribe("A");
    await until("the snapshot came", () => feed.book("A") !== undefined);
    exchange.loseChange();
    exchange.change("A", "bids", 7, 7);
    await until("it came back", () => exchange.asked.length === 2 && feed.book("A") !== undefined);
    expect(bids("A")).toEqual([[1, 10]]);
  });

  it("begins anew when what came can't be read, which may have been an answer", async () => {
    await open({ quietMs: 600_000 });
    exchange.answers = false;
    const waiting = feed.subscribe("A");
    await until("it was asked", () => exchange.asked.length === 1);
    exchange.say("{bad");
    await expect(waiting).rejects.toThrow("lost before the answer");
    exchange.answers = true;
    await until("it has a connection again", () => exchange.accepted === 2 && exchange.connections === 1);
    await until("its answers are its own", async () =>
      feed.subscribe("A").then(
        () => true,
        () => false,
      ),
    );
    await expect(feed.subscribe("NOPE")).rejects.toThrow("NOPE");
  });

  it("takes no notice of what it does not know", async () => {
    await open();
    await feed.subscribe("A");
    exchange.say('{"type":"advertisement"}');
    expect(await feed.time()).toBe(1_234);
    expect(exchange.accepted).toBe(1);
  });

  it("leaves a silent exchange, gives up an attempt it does not answer, and lives through bad frames", async () => {
    await open({ quietMs: 200, engine: { backoff: () => 10, onOpenTimeoutMs: 200 } });
    await feed.subscribe("A");
    exchange.answers = false;
    exchange.say("{bad");
    await until("it asked at least twice more", () => exchange.asked.length >= 3);
    exchange.answers = true;
    await until("the book is back", () => feed.book("A") !== undefined);
    await until("one connection is left", () => exchange.connections === 1);
  });

  it("rejects what waits for an answer when the connection is lost", async () => {
    await open();
    exchange.answers = false;
    const waiting = feed.subscribe("A");
    await until("it was asked", () => exchange.asked.length === 1);
    exchange.drop();
    await expect(waiting).rejects.toThrow("lost before the answer");
    await expect(feed.subscribe("B")).rejects.toThrow("expected a connection");
  });
});
