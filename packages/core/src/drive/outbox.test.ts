import { afterEach, describe, expect, expectTypeOf, it } from "vitest";
import { plain } from "../plain/plain.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { memoryTransport } from "../testing/memory-link.ts";
import { defineContract, event } from "../wire/contract.ts";
import type { PublishFrame } from "../wire/frame.ts";
import type { PublishReceipt } from "../wire/publish-request.ts";
import { createClient } from "./create-client.ts";
import type { ClientOptions } from "./options.ts";
import { createOutbox, type OutboxOptions } from "./outbox.ts";

const unhandled: unknown[] = [];
process.on("unhandledRejection", (cause) => unhandled.push(cause));
afterEach(async () => {
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(unhandled.splice(0)).toEqual([]);
});

function setUp(options: OutboxOptions = {}, clientOptions: Partial<ClientOptions> = {}) {
  const clock = new ManualClock();
  const memory = memoryTransport();
  const client = createClient({ url: "x", transport: memory.transport, clock, ...clientOptions });
  const outbox = createOutbox(client, options);
  const tell = (frame: object): void => memory.last.deliver(JSON.stringify(frame));
  return {
    clock,
    memory,
    client,
    outbox,
    tell,
    welcome: () => {
      memory.last.accept();
      tell({ type: "connected", connection: "x", heartbeatMs: 0, spreadMs: 0, streams: [] });
    },
    /** What was published over the newest link. */
    sent: () =>
      memory.last.received
        .map((text) => JSON.parse(text as string) as PublishFrame)
        .filter(({ type }) => type === "publish"),
    ok: (ref: number, offset = ref) => tell({ type: "published", ref, stream: "acme/c", offset, epoch: "e" }),
  };
}

describe("an outbox", () => {
  it("publishes what waited once connected, in order, and resolves with the receipts", async () => {
    const { outbox, welcome, sent, ok } = setUp({ newId: () => "made" });
    const first = outbox.publish("e", { n: 1 }, { channel: "c", key: "k", meta: { trace: 1 } });
    const second = outbox.publish("e", 2, { id: "mine" });
    expect(outbox.pending).toBe(2);
    welcome();
    expect(sent()).toEqual([
      { type: "publish", ref: 1, event: "e", data: { n: 1 }, channel: "c", key: "k", id: "made", meta: { trace: 1 } },
      { type: "publish", ref: 2, event: "e", data: 2, id: "mine" },
    ]);
    ok(2);
    ok(1);
    expect(await Promise.all([first, second])).toEqual([
      { stream: "acme/c", offset: 1, epoch: "e" },
      { stream: "acme/c", offset: 2, epoch: "e" },
    ]);
    expect(outbox.pending).toBe(0);
  });

  it("§8.6 repeats over the next link what was not answered, with the same id and the time since", async () => {
    const { clock, memory, outbox, welcome, sent, ok } = setUp();
    welcome();
    const result = outbox.publish("e", 1);
    const [{ id } = {}] = sent();
    expect(id).toMatch(/^\d{2,}$/);
    memory.last.drop();
    clock.advance(1_000);
    welcome();
    expect(sent()).toEqual([{ type: "publish", ref: 1, event: "e", data: 1, id, retryMs: 1_000 }]);
    ok(1);
    expect((await result).offset).toBe(1);
  });

  it("sends the data as they were at the call", () => {
    const { outbox, welcome, sent } = setUp();
    const data = { n: 1 };
    void outbox.publish("e", data);
    data.n = 2;
    welcome();
    expect(sent()).toMatchObject([{ data: { n: 1 } }]);
  });

  it("W-26 what fails while nobody waits for it ends no process, and what is only refused for now is not lost", async () => {
    const { clock, outbox, welcome, tell, sent, ok } = setUp();
    void outbox.publish("never", 1, { timeoutMs: 100 });
    clock.advance(100);
    const kept = outbox.publish("kept", 2);
    welcome();
    tell({ type: "published", ref: 2, error: { code: "gateway.unavailable", message: "no broker" } });
    expect(sent().length).toBe(1);
    clock.advance(500);
    expect(sent().map(({ ref }) => ref)).toEqual([2, 2]);
    ok(2);
    expect((await kept).offset).toBe(2);
  });

  it("rejects: expired, unknown, refused, overflow, aborted", async () => {
    const { clock, outbox, welcome, tell } = setUp({ maxMessages: 3, timeoutMs: 1_000 });
    const never = outbox.publish("e", 1);
    clock.advance(1_000);
    await expect(never).rejects.toMatchObject({ name: "LinkError", code: "link.timeout" });
    welcome();
    const unknown = outbox.publish("e", 1);
    const refused = outbox.publish("e", 1);
    const controller = new AbortController();
    const aborted = outbox.publish("e", 1, { signal: controller.signal });
    await expect(outbox.publish("e", 1)).rejects.toMatchObject({ name: "UsageError", code: "usage.overflow" });
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: "usage.aborted" });
    await expect(outbox.publish("e", 1, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "usage.aborted",
    });
    tell({ type: "published", ref: 3, error: { code: "gateway.forbidden", message: "not here" } });
    await expect(refused).rejects.toMatchObject({
      name: "GatewayError",
      code: "gateway.forbidden",
      message: "not here",
    });
    clock.advance(1_000);
    await expect(unknown).rejects.toMatchObject({ name: "GatewayError", code: "gateway.outcome-unknown" });
    expect([outbox.pending, clock.timers]).toEqual([0, 0]);
  });

  it.each([
    ["event", ["", 1, {}], /publish: event: expected a non-empty string/],
    ["channel", ["e", 1, { channel: "a*" }], /publish: channel: expected no "\*"/],
    ["data", ["e", 1n, {}], /publish: data: expected a JSON value/],
    [
      "size",
      ["e", "x".repeat(65_536), {}],
      /publish: expected at most 65504 bytes as a frame, got \d+: publish it over HTTP/,
    ],
  ] as const)("names what can't be published: %s", async (_, [name, data, options], message) => {
    const { outbox } = setUp();
    await expect(outbox.publish(name, data, options)).rejects.toThrow(message);
    expect(outbox.pending).toBe(0);
  });

  it("a closed client rejects what waits and what comes; connect() makes it work again", async () => {
    const { client, outbox, welcome, sent } = setUp();
    const waiting = outbox.publish("e", 1);
    welcome();
    const unanswered = outbox.publish("e", 2);
    void client.close();
    await expect(waiting).rejects.toMatchObject({ code: "gateway.outcome-unknown" });
    await expect(unanswered).rejects.toMatchObject({ code: "gateway.outcome-unknown" });
    await expect(outbox.publish("e", 3)).rejects.toMatchObject({ code: "usage.closed" });
    void client.connect();
    void outbox.publish("e", 4);
    welcome();
    expect(sent().map(({ data }) => data)).toEqual([4]);
    // One that is made while connected sends at once.
    void createOutbox(client).publish("e", 5);
    expect(sent().map(({ data }) => data)).toEqual([4, 5]);
  });

  it("what is published while the end of the link is being told was never sent", async () => {
    const { client, memory, outbox, welcome, sent } = setUp();
    welcome();
    const results: Promise<unknown>[] = [];
    client.on("error", () => results.push(outbox.publish("e", 1)));
    memory.last.close(4403);
    await expect(results[0]).rejects.toMatchObject({ code: "usage.closed" });
    expect(sent()).toEqual([]);
  });

  it("close() rejects what waits and what comes, and leaves no timer and no listener", async () => {
    const { clock, client, outbox, welcome, sent } = setUp({}, { autoConnect: false });
    const waiting = outbox.publish("e", 1);
    outbox.close();
    outbox.close();
    await expect(waiting).rejects.toMatchObject({ code: "usage.closed" });
    expect(clock.timers).toBe(0);
    void client.connect();
    welcome();
    await expect(outbox.publish("e", 2)).rejects.toMatchObject({ code: "usage.closed" });
    expect(sent()).toEqual([]);
  });

  it("two outboxes of one client have numbers of their own", async () => {
    const { client, outbox, welcome, ok } = setUp();
    const other = createOutbox(client);
    welcome();
    const results = [outbox.publish("e", 1), other.publish("e", 2)];
    ok(2, 20);
    ok(1, 10);
    expect((await Promise.all(results)).map(({ offset }) => offset)).toEqual([10, 20]);
  });

  it("the plain dialect can't publish, and bad options are named", async () => {
    const { outbox, client } = setUp({}, { dialect: plain() });
    await expect(outbox.publish("e", 1)).rejects.toMatchObject({ code: "usage.unsupported" });
    expect(() => createOutbox(client, { maxBytes: -1 })).toThrow("outbox.maxBytes: expected an integer ≥ 0, got -1");
  });

  it("data is typed by the client's contract; what it does not name is unknown", () => {
    const contract = defineContract({ events: { "post.created": event<{ readonly title: string }>() } });
    const client = createClient({ url: "x", contract, transport: memoryTransport().transport, autoConnect: false });
    const outbox = createOutbox(client);
    expectTypeOf(outbox.publish("post.created", { title: "t" })).resolves.toEqualTypeOf<PublishReceipt>();
    void outbox.publish("another", 7);
    // @ts-expect-error: a title is no number
    void outbox.publish("post.created", { title: 7 });
    outbox.close();
  });
});
