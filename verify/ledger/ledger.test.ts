import { describe, expect, it } from "vitest";
import { audit, isClean, sumOf } from "./ledger.ts";
import type { Accepted, AcceptedChange, Receipts, Seen } from "./record.ts";

const accepted = (n: number, offset = n, epoch = "a"): Accepted => ({ n, epoch, offset });
const event = (n: number, offset = n): Seen => ({ kind: "event", n, offset });
const start: Seen = { kind: "start", epoch: "a", offset: 0, revision: 0 };
const gap = (from: number, to: number, more: Partial<Extract<Seen, { kind: "gap" }>> = {}): Seen => ({
  kind: "gap",
  reason: "retention",
  from,
  to,
  epoch: "a",
  offset: to,
  ...more,
});
const five: Receipts = { log: [1, 2, 3, 4, 5].map((n) => accepted(n)), state: [], unknown: [] };
const change = (n: number, key: string, deleted = false, epoch = "a", offset = n): AcceptedChange => ({
  n,
  epoch,
  offset,
  key,
  deleted,
});
const saw = (n: number, key: string, deleted = false, revision = n): Seen => ({
  kind: "change",
  n,
  revision,
  key,
  deleted,
});
const changes = (...state: AcceptedChange[]): Receipts => ({ log: [], state, unknown: [] });

describe("the books of a log", () => {
  it("find nothing where every event came once and in order", () => {
    const account = audit("c1", five, [start, event(1), event(2), event(3), event(4), event(5)]);
    expect(account).toMatchObject({ owed: 5, delivered: 5, gaps: 0, covered: 0 });
    expect(isClean(account)).toBe(true);
  });

  it("detect a loss", () => {
    const account = audit("c1", five, [start, event(1), event(2), event(4), event(5)]);
    expect(account).toMatchObject({ losses: 1, duplicates: 0, orderBreaks: 0, delivered: 4 });
    expect(account.findings).toEqual(["c1: event 3 (offset 3) never came, and no gap says so"]);
    expect(isClean(account)).toBe(false);
  });

  it("detect a loss at the end, and one of everything", () => {
    expect(audit("c1", five, [start, event(1), event(2), event(3), event(4)]).losses).toBe(1);
    expect(audit("c1", five, [start]).losses).toBe(5);
  });

  it("detect a duplicate", () => {
    const account = audit("c1", five, [start, event(1), event(2), event(2), event(3), event(4), event(5)]);
    expect(account).toMatchObject({ losses: 0, duplicates: 1, orderBreaks: 0, delivered: 5 });
  });

  it("detect a duplicate at another place", () => {
    const account = audit("c1", five, [start, ...[1, 2, 3, 4, 5].map((n) => event(n)), event(5, 6)]);
    expect(account).toMatchObject({ losses: 0, duplicates: 1 });
  });

  it("detect an order break", () => {
    const account = audit("c1", five, [start, event(1), event(3), event(2), event(4), event(5)]);
    expect(account).toMatchObject({ losses: 0, duplicates: 0, orderBreaks: 1 });
  });

  it("detect an event whose place is not that of its receipt", () => {
    expect(audit("c1", { ...five, log: [accepted(1, 7)] }, [start, event(1, 8)]).orderBreaks).toBe(1);
  });

  it("detect an event that nobody published", () => {
    expect(audit("c1", five, [start, ...[1, 2, 3, 4, 5, 6].map((n) => event(n))]).phantoms).toBe(1);
  });

  it("count what a gap covers, and no more", () => {
    const account = audit("c1", five, [start, event(1), gap(2, 3), event(5)]);
    expect(account).toMatchObject({ gaps: 1, covered: 2, losses: 1, orderBreaks: 0 });
  });

  it("let a new epoch cover what is missing of the old one, not what follows in the new one", () => {
    const receipts: Receipts = {
      log: [accepted(1), accepted(2), accepted(3, 1, "b"), accepted(4, 2, "b"), accepted(5, 3, "b")],
      state: [],
      unknown: [],
    };
    const news = gap(1, 1, { reason: "epoch", epoch: "b" });
    expect(audit("c1", receipts, [start, event(1), news, event(4, 2), event(5, 3)])).toMatchObject({
      covered: 2,
      losses: 0,
      orderBreaks: 0,
    });
    expect(audit("c1", receipts, [start, event(1), news, event(5, 3)])).toMatchObject({ covered: 2, losses: 1 });
  });

  it("do not take an older epoch's gap for an excuse of a later one", () => {
    const receipts: Receipts = { log: [accepted(1), accepted(2, 1, "b"), accepted(3, 1, "c")], state: [], unknown: [] };
    const news = gap(1, 0, { reason: "epoch", epoch: "b" });
    expect(audit("c1", receipts, [start, event(1), news, event(2, 1)])).toMatchObject({ losses: 1 });
  });

  it("owe nothing from before the start", () => {
    const late: Seen = { kind: "start", epoch: "a", offset: 3, revision: 0 };
    expect(audit("c1", five, [late, event(4), event(5)])).toMatchObject({ owed: 2, delivered: 2, losses: 0 });
  });

  it("let an event without an answer come once, or not at all", () => {
    const receipts: Receipts = { log: [accepted(1), accepted(3, 3)], state: [], unknown: [2] };
    expect(isClean(audit("c1", receipts, [start, event(1), event(2), event(3)]))).toBe(true);
    expect(isClean(audit("c1", receipts, [start, event(1), event(3)]))).toBe(true);
    expect(audit("c1", receipts, [start, event(1), event(2), event(2, 3), event(3, 4)]).duplicates).toBe(1);
  });
});

describe("the books of a state line", () => {
  it("find nothing where the last value of every key came, whatever was conflated", () => {
    const receipts = changes(change(1, "x"), change(2, "y"), change(3, "x"), change(4, "y", true));
    expect(isClean(audit("c1", receipts, [start, saw(3, "x"), saw(4, "y", true)]))).toBe(true);
  });

  it("detect a stale value, a key that should be gone, and one that is missing", () => {
    const receipts = changes(change(1, "x"), change(2, "y"), change(3, "x"), change(4, "y", true), change(5, "z"));
    expect(audit("c1", receipts, [start, saw(1, "x"), saw(2, "y")])).toMatchObject({ losses: 3 });
  });

  it("detect a change that came twice and an older one over a newer one", () => {
    const receipts = changes(change(1, "x"), change(2, "x"));
    expect(audit("c1", receipts, [start, saw(1, "x"), saw(2, "x"), saw(2, "x")])).toMatchObject({ duplicates: 1 });
    expect(audit("c1", receipts, [start, saw(2, "x"), saw(1, "x")])).toMatchObject({ orderBreaks: 1, losses: 0 });
  });

  it("take a snapshot for the whole state", () => {
    const receipts = changes(change(1, "x"), change(2, "y"), change(3, "x", true));
    const whole: Seen = { kind: "snapshot" };
    expect(isClean(audit("c1", receipts, [start, saw(1, "x"), whole, saw(2, "y")]))).toBe(true);
    expect(audit("c1", receipts, [start, saw(1, "x"), whole]).losses).toBe(1);
  });

  it("compare with what the store holds, where that is known", () => {
    const receipts = { ...changes(change(1, "x"), change(2, "y")), held: { x: 1 } };
    expect(isClean(audit("c1", receipts, [start, saw(1, "x")]))).toBe(true);
    expect(audit("c1", receipts, [start, saw(1, "x"), saw(2, "y")]).losses).toBe(1);
    expect(audit("c1", receipts, [start]).losses).toBe(1);
  });

  it("expect of a new epoch what was accepted in it", () => {
    const receipts = changes(change(1, "x"), change(2, "y"), change(3, "x", false, "b", 1));
    const news = gap(1, 0, { reason: "epoch", epoch: "b" });
    expect(isClean(audit("c1", receipts, [start, saw(1, "x"), news, saw(3, "x", false, 1)]))).toBe(true);
    expect(audit("c1", receipts, [start, saw(1, "x"), news]).losses).toBe(1);
  });
});

it("the sum of accounts holds every figure and the first findings", () => {
  const lost = audit("c1", five, [start, event(1)]);
  const twice = audit("c2", five, [start, event(1), event(1), event(2), event(3), event(4), event(5)]);
  const total = sumOf([lost, twice]);
  expect(total).toMatchObject({ owed: 10, delivered: 6, losses: 4, duplicates: 1 });
  expect(total.findings).toHaveLength(5);
});
