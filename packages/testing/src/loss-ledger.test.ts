import { createClient } from "@trunkline/core";
import { memoryTransport } from "@trunkline/core/testing";
import { describe, expect, it } from "vitest";
import { type AcceptedEvent, auditChannel, type Seen } from "./loss-audit.ts";
import { assertNoLoss, LossError, lossLedger } from "./index.ts";

const log = (offset: number, epoch = "a"): AcceptedEvent => ({ line: "log", epoch, offset });
const set = (offset: number, key: string, epoch = "a"): AcceptedEvent => ({ line: "state", epoch, offset, key });
const gone = (offset: number, key: string): AcceptedEvent => ({ ...set(offset, key), deleted: true });
const start: Seen = { kind: "start", epoch: "a", offset: 0, revision: 0, accepted: 0 };
const event = (offset: number, tag = `t${offset}`): Seen => ({ kind: "event", offset, tag });
const change = (revision: number, key: string, deleted = false): Seen => ({ kind: "change", revision, key, deleted });
const gap = (from: number, to: number, more: Partial<Extract<Seen, { kind: "gap" }>> = {}): Seen => ({
  kind: "gap",
  reason: "retention",
  from,
  to,
  epoch: "a",
  offset: to,
  accepted: 0,
  ...more,
});
const three = [log(1), log(2), log(3)];
const found = (accepted: readonly AcceptedEvent[], seen: readonly Seen[]): string[] =>
  auditChannel(accepted, seen).map(({ kind, epoch, offset, key }) => [kind, epoch, offset, key].join(" ").trim());

describe("the audit of a log", () => {
  it("finds nothing where all came once and in order", () => {
    expect(found(three, [start, event(1), event(2), event(3)])).toEqual([]);
  });

  it("finds what is missing, in the middle and at the end", () => {
    expect(found(three, [start, event(2)])).toEqual(["missing a 1", "missing a 3"]);
  });

  it("finds what came twice, and what came late", () => {
    expect(found(three, [start, event(1), event(1), event(3), event(2)])).toEqual([
      "duplicate a 1",
      "out-of-order a 2",
    ]);
  });

  it("lets a gap excuse what it names and no more", () => {
    expect(found(three, [start, gap(1, 2), event(3)])).toEqual([]);
    expect(found(three, [start, gap(1, 1)])).toEqual(["missing a 2", "missing a 3"]);
  });

  it("owes nothing from before the start", () => {
    expect(found(three, [{ ...start, offset: 2, accepted: 2 } as Seen, event(3)])).toEqual([]);
    expect(found([log(1, "old"), log(1)], [{ ...start, accepted: 1 } as Seen, event(1)])).toEqual([]);
  });

  it("lets a new epoch excuse older ones, also those the client never saw, and nothing newer", () => {
    const lives = [log(1), log(1, "b"), log(1, "c"), log(2, "c")];
    const news = (accepted: number): Seen => gap(1, 0, { reason: "epoch", epoch: "c", offset: 0, accepted });
    expect(found(lives, [start, news(2), event(1), event(2)])).toEqual([]);
    expect(found(lives, [start, news(2), event(1)])).toEqual(["missing c 2"]);
    expect(found([...lives, log(1, "d")], [start, news(2), event(1), event(2)])).toEqual(["missing d 1"]);
    expect(found(lives, [start])).toHaveLength(4);
  });
});

describe("the audit of a state line", () => {
  it("asks for the last value of each key, whatever was conflated", () => {
    const accepted = [set(1, "x"), set(2, "y"), set(3, "x"), gone(4, "y")];
    expect(found(accepted, [start, change(3, "x"), change(4, "y", true)])).toEqual([]);
    expect(found(accepted, [start, change(1, "x"), change(2, "y")])).toEqual(["missing a 3 x", "stale a 4 y"]);
  });

  it("finds changes that came twice or behind newer ones", () => {
    const accepted = [set(1, "x"), set(2, "y")];
    expect(found(accepted, [start, change(2, "y"), change(2, "y"), change(1, "x")])).toEqual([
      "duplicate a 2 y",
      "out-of-order a 1 x",
    ]);
  });

  it("takes a snapshot for the whole state", () => {
    const accepted = [set(1, "x"), set(2, "y"), gone(3, "x")];
    expect(found(accepted, [start, change(1, "x"), { kind: "snapshot" }, change(2, "y")])).toEqual([]);
    expect(found(accepted, [start, change(2, "y"), { kind: "snapshot" }])).toEqual(["missing a 2 y"]);
  });

  it("expects nothing of an older epoch, all of the newest", () => {
    const accepted = [set(1, "x"), set(1, "z", "b")];
    const news = gap(1, 0, { reason: "epoch", epoch: "b", offset: 0, accepted: 1 });
    expect(found(accepted, [start, change(1, "x"), news, { kind: "snapshot" }, change(1, "z")])).toEqual([]);
    expect(found(accepted, [start, change(1, "x"), news, change(1, "z")])).toEqual(["stale b 1 x"]);
    expect(found(accepted, [start, change(1, "x")])).toEqual(["missing b 1 z", "stale a 1 x"]);
  });

  it("does not ask for keys from before the start", () => {
    expect(found([set(1, "x"), set(2, "y")], [{ ...start, revision: 1, accepted: 1 } as Seen, change(2, "y")])).toEqual(
      [],
    );
  });
});

describe("the ledger", () => {
  /** A client whose gateway is played by the test. */
  function connected() {
    const memory = memoryTransport();
    const client = createClient({ url: "ws://memory", transport: memory.transport, apiKey: "k" });
    const peer = memory.last;
    const position = { epoch: "e", offset: 0, tag: "" };
    const deliver = (message: object): void => peer.deliver(JSON.stringify(message));
    peer.accept();
    deliver({
      type: "connected",
      connection: "1",
      server: "s",
      heartbeatMs: 25_000,
      spreadMs: 0,
      limits: { frameBytes: 65_536, subscriptions: 10 },
      features: [],
      streams: [{ channel: "c", verdict: "fresh", position }],
    });
    const send = (offset: number): void =>
      deliver({ type: "event", channel: "c", event: "happened", data: null, offset, tag: `t${offset}` });
    return { client, send, deliver };
  }

  it("passes where everything came, and lists by client, channel and offset where not", async () => {
    const { client, send } = connected();
    const ledger = lossLedger();
    ledger.follow(client, "anna");
    for (const offset of [1, 2, 3]) ledger.accept({ stream: "c", epoch: "e", offset });
    ledger.accept({ stream: "c", epoch: "e", offset: 3 });
    ledger.accept({ stream: "c", epoch: "", offset: 0 });
    send(1);
    send(2);
    expect(() => assertNoLoss(ledger)).toThrow(LossError);
    expect(() => assertNoLoss(ledger)).toThrow("anna: c: missing: offset 3 (epoch e)");
    send(3);
    assertNoLoss(ledger);
    await client.close({ timeoutMs: 0 });
  });

  it("takes an announced gap for an answer", async () => {
    const { client, deliver } = connected();
    const ledger = lossLedger();
    ledger.follow(client);
    for (const offset of [1, 2]) ledger.accept({ stream: "c", epoch: "e", offset });
    deliver({
      type: "verdict",
      streams: [
        {
          channel: "c",
          verdict: "gap",
          position: { epoch: "e", offset: 2, tag: "t2" },
          from: 1,
          to: 2,
          reason: "skipped",
        },
      ],
    });
    assertNoLoss(ledger);
    await client.close({ timeoutMs: 0 });
  });

  it("owes all of a channel that was joined later, also when nothing of it came", async () => {
    const { client, deliver } = connected();
    const ledger = lossLedger();
    ledger.follow(client);
    const granted = client.subscribe("late");
    deliver({
      type: "verdict",
      streams: [{ channel: "late", verdict: "fresh", position: { epoch: "e", offset: 4, tag: "t4" } }],
    });
    await granted;
    for (const offset of [4, 5]) ledger.accept({ stream: "late", epoch: "e", offset });
    expect(ledger.findings()).toMatchObject([{ channel: "late", kind: "missing", offset: 5 }]);
    await client.close({ timeoutMs: 0 });
  });

  it("notes nothing more once it stopped following", async () => {
    const { client, send } = connected();
    const ledger = lossLedger();
    const stop = ledger.follow(client);
    stop();
    ledger.accept({ stream: "c", epoch: "e", offset: 1 });
    send(1);
    expect(ledger.findings()).toMatchObject([{ client: "client 1", kind: "missing", offset: 1 }]);
    await client.close({ timeoutMs: 0 });
  });
});
