import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EventFrame, Position, Verdict } from "../wire/frame.ts";
import { ChannelTable } from "./channel-table.ts";

const at = (offset: number, tag = `t${offset}`, epoch = "e"): Position => ({ epoch, offset, tag });
const event = (offset?: number, tag = `t${offset}`, channel = "c"): EventFrame => ({
  type: "event",
  channel,
  event: "x",
  data: null,
  ...(offset === undefined ? {} : { offset, tag }),
});
const fresh = (offset: number, channel = "c"): Verdict => ({ channel, verdict: "fresh", position: at(offset) });

/** A table whose channel `c` is live at `offset`. */
function live(offset: number): ChannelTable {
  const table = new ChannelTable();
  table.apply(fresh(offset));
  return table;
}
const cursor = (table: ChannelTable, channel = "c") =>
  table.health().find((stream) => stream.channel === channel)?.position;

describe("§5.5 the rule per event", () => {
  it("1. without an offset: deliver, also where the channel is not known", () => {
    expect(new ChannelTable().accept(event())).toBe(true);
    expect(live(4).accept(event())).toBe(true);
  });

  it("2. without a cursor: drop", () => {
    const table = new ChannelTable();
    expect(table.accept(event(1))).toBe(false);
    table.subscribe("c");
    expect(table.accept(event(1))).toBe(false);
  });

  it("2. while a verdict is awaited: drop, and ask no second time", () => {
    const table = live(4);
    table.accept(event(6));
    expect(table.requests()).toEqual([{ channel: "c", position: at(4) }]);
    expect(table.accept(event(5))).toBe(false);
    expect(table.accept(event(7))).toBe(false);
    expect(table.due).toBe(false);
    expect(cursor(table)).toEqual(at(4));
  });

  it("3. the next one: deliver, advance", () => {
    const table = live(4);
    expect(table.accept(event(5))).toBe(true);
    expect(cursor(table)).toEqual(at(5));
    expect(table.due).toBe(false);
  });

  it("4. one that was seen: a duplicate, drop", () => {
    const table = live(4);
    expect([table.accept(event(4)), table.accept(event(3)), table.due]).toEqual([false, false, false]);
  });

  it("4. the same offset with another tag: a fork, ask again", () => {
    const table = live(4);
    expect(table.accept(event(4, "other"))).toBe(false);
    expect(table.due).toBe(true);
    expect(table.requests()).toEqual([{ channel: "c", position: at(4) }]);
    expect(table.due).toBe(false);
  });

  it("5. one too far: hold the channel until the verdict", () => {
    const table = live(4);
    expect(table.accept(event(6))).toBe(false);
    expect(table.settled).toBe(false);
    table.requests();
    table.apply({ channel: "c", verdict: "recovered", position: at(6), count: 2 });
    expect(table.settled).toBe(true);
    expect([5, 6, 7].map((offset) => table.accept(event(offset)))).toEqual([true, true, true]);
  });

  it("keeps the cursors of channels apart", () => {
    const table = live(4);
    table.apply(fresh(9, "d"));
    expect(table.accept(event(10, "t10", "d"))).toBe(true);
    expect([cursor(table), cursor(table, "d")]).toEqual([at(4), at(10)]);
  });
});

describe("§5.3 verdicts", () => {
  it("fresh and gap: live events follow their position", () => {
    for (const verdict of ["fresh", "gap"] as const) {
      const table = new ChannelTable();
      table.subscribe("c");
      table.requests();
      expect(table.apply({ ...fresh(9), verdict, from: 5, to: 9, reason: "retention" } as Verdict)).toBe(true);
      expect(table.accept(event(10))).toBe(true);
    }
  });

  it("fresh where there is a cursor: what lies between would be lost, so ask from there, once", () => {
    const table = live(4);
    expect([table.apply(fresh(9)), table.requests()]).toEqual([false, [{ channel: "c", position: at(4) }]]);
    // A gateway that answers that with fresh knows no better.
    expect([table.apply(fresh(9)), table.due, cursor(table)]).toEqual([true, false, at(9)]);
    // Also while an answer is awaited, which it may have crossed; and again after any other verdict.
    table.subscribe("c");
    table.requests();
    expect([table.apply(fresh(12)), table.requests()]).toEqual([false, [{ channel: "c", position: at(9) }]]);
    table.apply({ channel: "c", verdict: "recovered", position: at(12), count: 0 });
    expect([table.apply(fresh(14)), table.requests()]).toEqual([false, [{ channel: "c", position: at(12) }]]);
  });

  it("§7.4 recovered, or a gap of what is no longer kept, never takes a cursor back; a fork and another life do", () => {
    const gap = (reason: string, epoch = "e"): Verdict =>
      ({ channel: "c", verdict: "gap", from: 1, to: 3, reason, position: at(3, "t3", epoch) }) as Verdict;
    const after = (verdict: Verdict) => {
      const table = live(6);
      table.apply(verdict);
      return cursor(table);
    };
    expect(after({ channel: "c", verdict: "recovered", position: at(3), count: 0 })).toEqual(at(6));
    expect(after(gap("retention"))).toEqual(at(6));
    for (const reason of ["fork", "future"]) expect(after(gap(reason))).toEqual(at(3));
    expect(after(gap("epoch", "new"))).toEqual(at(3, "t3", "new"));
  });

  it("§7.4 an answer to a position that another life of the stream has overtaken over the old link is asked for again", () => {
    const epoch = (position: Position): Verdict => ({
      channel: "c",
      verdict: "gap",
      position,
      from: 1,
      to: position.offset,
      reason: "epoch",
    });
    for (const answer of [
      epoch(at(0, "", "new")),
      { channel: "c", verdict: "recovered", position: at(5), count: 1 } as Verdict,
    ]) {
      const table = live(4);
      expect(table.places()).toEqual([{ channel: "c", position: at(4) }]);
      table.apply(epoch(at(0, "", "new")));
      expect(table.accept(event(1))).toBe(true);
      table.move([answer]);
      expect([table.apply(answer), table.due]).toEqual([false, true]);
      expect(table.accept(event(1))).toBe(false);
      expect(table.requests()).toMatchObject([{ position: { epoch: "new", offset: 1 } }]);
      expect(table.apply({ channel: "c", verdict: "recovered", position: at(1, "t1", "new"), count: 0 })).toBe(true);
      expect(table.accept(event(2))).toBe(true);
    }
  });

  it("gap epoch: the old life's cursor is gone", () => {
    const table = live(40);
    table.apply({ channel: "c", verdict: "gap", position: at(2, "n2", "new"), from: 1, to: 2, reason: "epoch" });
    expect(cursor(table)).toEqual(at(2, "n2", "new"));
    expect(table.accept(event(3))).toBe(true);
  });

  it("recovered without events: at the head", () => {
    const table = live(4);
    table.restart();
    table.apply({ channel: "c", verdict: "recovered", position: at(4), count: 0 });
    expect(table.accept(event(5))).toBe(true);
  });

  it("recovered for a stream it has no cursor of: from where the count says", () => {
    const table = new ChannelTable();
    table.apply({ channel: "c", verdict: "recovered", position: at(7), count: 2 });
    expect([6, 7].map((offset) => table.accept(event(offset)))).toEqual([true, true]);
  });

  it("a recovery that does not begin at the cursor is not taken for the whole", () => {
    const table = live(4);
    table.apply({ channel: "c", verdict: "recovered", position: at(9), count: 2 });
    expect([table.accept(event(8)), table.due]).toEqual([false, true]);
  });

  it("refused: not live, and forgotten unless it has a cursor", () => {
    const refused: Verdict = { channel: "c", verdict: "refused", error: { code: "gateway.forbidden", message: "no" } };
    const table = new ChannelTable();
    table.subscribe("c");
    table.requests();
    table.apply(refused);
    expect([table.health(), table.settled]).toEqual([[], true]);
  });

  it("§5.4 a stream refused at hello goes on from its cursor when gateway code subscribes it", () => {
    const table = live(4);
    table.restart();
    table.requests();
    table.apply({ channel: "c", verdict: "refused", error: { code: "gateway.forbidden", message: "no" } });
    expect([table.accept(event(5)), table.settled]).toEqual([false, true]);
    table.apply({ channel: "c", verdict: "recovered", position: at(6), count: 2 });
    expect([5, 6].map((offset) => table.accept(event(offset)))).toEqual([true, true]);
  });

  it("ended: gone, and not named again", () => {
    const table = live(4);
    table.apply({ channel: "c", verdict: "ended" });
    table.restart();
    expect(table.requests()).toEqual([]);
  });

  it("one of a later version, or without its position, lets nobody in", () => {
    const table = new ChannelTable();
    table.apply({ channel: "c", verdict: "snapshot" } as unknown as Verdict);
    table.apply({ channel: "d", verdict: "fresh" } as unknown as Verdict);
    expect(table.health()).toEqual([]);
  });
});

describe("§4.2 positions in a ping", () => {
  it("ahead of the cursor: ask again", () => {
    const table = live(4);
    table.check([{ channel: "c", offset: 5, tag: "t5" }]);
    expect(table.requests()).toEqual([{ channel: "c", position: at(4) }]);
  });
  it("beside the cursor with another tag: a fork, ask again", () => {
    const table = live(4);
    table.check([{ channel: "c", offset: 4, tag: "other" }]);
    expect(table.due).toBe(true);
  });
  it("§12 at or behind the cursor, or of a channel it is not on: nothing", () => {
    const table = live(4);
    table.check([
      { channel: "c", offset: 4, tag: "t4" },
      { channel: "c", offset: 3, tag: "other" },
      { channel: "d", offset: 9, tag: "t9" },
    ]);
    expect(table.due).toBe(false);
  });
});

describe("§5.5 a verdict that does not come", () => {
  it("asks again at the second ping that finds the same question unanswered, and so on", () => {
    const table = live(4);
    table.subscribe("d");
    table.accept(event(6));
    const asked = [{ channel: "c", position: at(4) }, { channel: "d" }];
    expect(table.requests()).toEqual(asked);
    for (let times = 0; times < 3; times++) {
      table.check([]);
      expect([table.due, table.requests()]).toEqual([false, []]);
      table.check([]);
      expect([table.due, table.requests()]).toEqual([true, asked]);
    }
  });

  it("counts the pings anew for a new question, and asks for nothing that was answered", () => {
    const table = live(4);
    const recovered: Verdict = { channel: "c", verdict: "recovered", position: at(4), count: 0 };
    table.subscribe("c");
    table.requests();
    table.check([]);
    table.apply(recovered);
    table.check([]);
    expect(table.due).toBe(false);
    table.subscribe("c");
    table.requests();
    table.check([]);
    expect(table.due).toBe(false);
    table.restart();
    table.requests();
    table.check([]);
    expect(table.due).toBe(false);
  });

  it("an answer to the first that comes after all is taken, and the one to the second loses and doubles nothing", () => {
    const table = live(4);
    const recovered: Verdict = { channel: "c", verdict: "recovered", position: at(6), count: 2 };
    table.accept(event(6));
    table.requests();
    table.check([]);
    table.check([]);
    table.requests();
    table.apply(recovered);
    expect(table.accept(event(5))).toBe(true);
    table.apply(recovered);
    expect([5, 6, 7].map((offset) => table.accept(event(offset)))).toEqual([false, true, true]);
    expect(table.due).toBe(false);
  });
});

describe("§5.5 the state line", () => {
  const change = (revision: number, parts: Partial<EventFrame> = {}): EventFrame => ({
    type: "event",
    channel: "c",
    event: "x",
    data: null,
    key: "k",
    revision,
    tag: `s${revision}`,
    ...parts,
  });
  const withState = (offset: number, revision: number): Position => ({
    ...at(offset),
    state: { revision, tag: `s${revision}` },
  });
  const liveAt = (revision: number): ChannelTable => {
    const table = new ChannelTable();
    table.apply({ channel: "c", verdict: "fresh", position: revision === 0 ? at(4) : withState(4, revision) });
    return table;
  };

  it("3. the next one, or one that `after` bridges: deliver, advance, and leave the log where it is", () => {
    const table = liveAt(0);
    expect([table.accept(change(1)), table.accept(change(5, { after: 1 })), table.accept(change(6))]).toEqual([
      true,
      true,
      true,
    ]);
    expect(cursor(table)).toEqual(withState(4, 6));
    expect(table.accept(event(5))).toBe(true);
    expect(cursor(table)).toEqual(withState(5, 6));
  });

  it("4. one that was seen: drop; the same revision with another tag: ask again", () => {
    const table = liveAt(7);
    expect([table.accept(change(7)), table.accept(change(3)), table.due]).toEqual([false, false, false]);
    expect([table.accept(change(7, { tag: "other" })), table.due]).toEqual([false, true]);
    expect(table.requests()).toEqual([{ channel: "c", position: withState(4, 7) }]);
  });

  it("5. a hole that nothing bridges: hold the channel, both lines of it, until the verdict", () => {
    for (const gone of [change(9), change(9, { after: 8 })]) {
      const table = liveAt(7);
      expect([table.accept(gone), table.accept(event(5)), table.due]).toEqual([false, false, true]);
      table.requests();
      table.apply({ channel: "c", verdict: "recovered", position: withState(5, 9), count: 1, changes: 1 });
      expect([table.accept(event(5)), table.accept(change(9, { after: 7 }))]).toEqual([true, true]);
      expect(cursor(table)).toEqual(withState(5, 9));
    }
  });

  it("§5.3 recovered and gap leave it where it is while changes are to come, and else move it", () => {
    const gap = { channel: "c", verdict: "gap", from: 5, to: 9, reason: "retention" } as const;
    const table = liveAt(7);
    table.apply({ ...gap, position: withState(9, 8), changes: 1 });
    expect(cursor(table)).toEqual(withState(9, 7));
    expect(table.accept(change(8))).toBe(true);
    table.apply({ ...gap, position: withState(12, 8) });
    expect(cursor(table)).toEqual(withState(12, 8));
    table.apply({ channel: "c", verdict: "recovered", position: withState(14, 8), count: 2 });
    expect(cursor(table)).toEqual(withState(12, 8));
  });

  it("§5.3 a snapshot sets it to 0, so that the whole state is taken", () => {
    const table = liveAt(7);
    table.apply({ channel: "c", verdict: "snapshot", position: withState(4, 12), count: 0, changes: 2 });
    expect(cursor(table)).toEqual(at(4));
    expect([table.accept(change(3, { after: 0 })), table.accept(change(12, { after: 3 }))]).toEqual([true, true]);
    table.apply({
      channel: "c",
      verdict: "gap",
      reason: "epoch",
      from: 1,
      to: 2,
      position: { epoch: "new", offset: 2, tag: "n2", state: { revision: 4, tag: "n4" } },
      changes: 1,
      snapshot: true,
    });
    expect(cursor(table)).toEqual({ epoch: "new", offset: 2, tag: "n2" });
    expect(table.accept(change(4, { after: 0 }))).toBe(true);
  });

  it("§4.2 a ping that names a later change, or another one at the same revision: ask again", () => {
    for (const state of [
      { revision: 8, tag: "s8" },
      { revision: 7, tag: "other" },
    ]) {
      const table = liveAt(7);
      table.check([{ channel: "c", offset: 4, tag: "t4", state }]);
      expect(table.due).toBe(true);
    }
    const table = liveAt(7);
    table.check([{ channel: "c", offset: 4, tag: "t4", state: { revision: 6, tag: "other" } }]);
    expect(table.due).toBe(false);
  });

  it("ends with the source's state whatever is lost, doubled, shuffled and conflated on the way, never going back", () => {
    type Step = { readonly do: "write" | "lose" | "double" | "late" | "cut"; readonly key: number };
    const step: fc.Arbitrary<Step> = fc.record({
      do: fc.constantFrom("write", "write", "write", "lose", "double", "late", "cut"),
      key: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = liveAt(0);
        const source = new Map<string, EventFrame>();
        const view = new Map<string, number>();
        let revision = 0;
        const take = (frame: EventFrame): void => {
          if (!table.accept(frame)) return;
          expect(frame.revision).toBeGreaterThan(view.get(frame.key ?? "") ?? 0);
          view.set(frame.key ?? "", frame.revision ?? 0);
        };
        const answer = (): void => {
          for (const { position } of table.due ? table.requests() : []) {
            let after = position?.state?.revision ?? 0;
            const missed = [...source.values()]
              .filter((frame) => (frame.revision ?? 0) > after)
              .sort((one, other) => (one.revision ?? 0) - (other.revision ?? 0));
            table.apply({
              channel: "c",
              verdict: "recovered",
              position: withState(4, revision),
              count: 0,
              ...(missed.length > 0 && { changes: missed.length }),
            });
            for (const frame of missed) {
              take({ ...frame, after });
              after = frame.revision ?? 0;
            }
          }
        };
        for (const { do: act, key } of steps) {
          const frame = change(act === "cut" ? 0 : ++revision, { key: `k${key}` });
          if (act === "cut") {
            table.restart();
          } else {
            const before = [...source.values()];
            source.set(`k${key}`, frame);
            if (act !== "lose") take(frame);
            if (act === "double") take(frame);
            if (act === "late") for (const old of before) take(old);
          }
          answer();
        }
        table.check([{ channel: "c", offset: 4, tag: "t4", state: { revision, tag: `s${revision}` } }]);
        answer();
        expect(view).toEqual(new Map([...source].map(([key, frame]) => [key, frame.revision])));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("asking", () => {
  it("§7.5 names every stream with its position, its own and the gateway's alike", () => {
    const table = live(4);
    table.subscribe("mine");
    table.requests();
    table.restart();
    expect(table.requests()).toEqual([{ channel: "c", position: at(4) }, { channel: "mine" }]);
  });

  it("does not ask twice for what is asked for", () => {
    const table = new ChannelTable();
    table.subscribe("c");
    table.requests();
    table.subscribe("c");
    expect([table.due, table.requests()]).toEqual([false, []]);
  });

  it("§2.3 asks for many in frames that stay below 64 KiB, each stream once", () => {
    const table = new ChannelTable();
    const names = Array.from({ length: 120 }, (_, index) => `"`.repeat(500) + index);
    for (const name of names) table.subscribe(name);
    const frames: (readonly { readonly channel: string }[])[] = [];
    while (table.due) frames.push(table.requests());
    expect(frames.length).toBeGreaterThan(1);
    for (const streams of frames) expect(JSON.stringify({ type: "subscribe", streams }).length).toBeLessThan(64 * 1024);
    expect(frames.flat().map(({ channel }) => channel)).toEqual(names);
  });

  it("§2.3 resumes hundreds of streams in one frame, counts bytes not characters, and never stops at one that is too long", () => {
    const table = new ChannelTable();
    for (let index = 0; index < 400; index++) table.apply(fresh(4, `organization.1234.room.${index}`));
    table.restart();
    expect(table.requests()).toHaveLength(400);
    const wide = new ChannelTable();
    for (let index = 0; index < 200; index++) wide.subscribe("漢".repeat(170) + index);
    for (let streams = wide.requests(); streams.length > 0; streams = wide.requests())
      expect(new TextEncoder().encode(JSON.stringify({ streams })).length).toBeLessThan(64 * 1024);
    const long = new ChannelTable();
    long.apply(fresh(4, "x".repeat(100_000)));
    long.apply(fresh(4));
    long.restart();
    expect([long.requests().length, long.requests().length, long.due]).toEqual([1, 1, false]);
  });

  it("gives copies: a position that was sent does not move", () => {
    const table = live(4);
    table.restart();
    const [request] = table.requests();
    table.apply({ channel: "c", verdict: "recovered", position: at(5), count: 1 });
    table.accept(event(5));
    expect(request?.position).toEqual(at(4));
  });
});

describe("leaving", () => {
  it("§12 drops what is still on its way, volatile events and a late verdict included", () => {
    const table = live(4);
    expect(table.unsubscribe("c")).toBe(true);
    expect(table.apply(fresh(5))).toBe(false);
    expect([table.accept(event(5)), table.accept(event())]).toEqual([false, false]);
    expect(table.settled).toBe(true);
  });
  it("remembers no more than 1,000 names of what was left", () => {
    const table = new ChannelTable();
    const names = Array.from({ length: 1_001 }, (_, index) => `c${index}`);
    for (const name of names) {
      table.subscribe(name);
      table.unsubscribe(name);
    }
    expect(names.filter((name) => !table.accept(event(undefined, "", name))).length).toBe(1_000);
    expect([table.accept(event(undefined, "", "c1000")), table.health(), table.settled]).toEqual([false, [], true]);
  });
  it("is silent for what it does not know", () => {
    expect(new ChannelTable().unsubscribe("c")).toBe(false);
  });
  it("forgets the name with the link, and can come back before that", () => {
    const table = live(4);
    table.unsubscribe("c");
    table.subscribe("c");
    expect(table.requests()).toEqual([{ channel: "c" }]);
    table.unsubscribe("c");
    table.restart();
    expect(table.health()).toEqual([]);
  });
});

it("takes names of Object.prototype for names", () => {
  const table = new ChannelTable();
  for (const channel of ["__proto__", "constructor"]) {
    expect(table.accept(event(1, "t1", channel))).toBe(false);
    table.apply(fresh(1, channel));
    expect(table.accept(event(2, "t2", channel))).toBe(true);
  }
});

it("§5.5 whatever is lost, doubled or shuffled on the way, what it delivers is the stream in order, each event once", () => {
  const arrivals = fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 80 });
  fc.assert(
    fc.property(arrivals, (offsets) => {
      const table = live(0);
      const delivered: number[] = [];
      const take = (offset: number): void => {
        if (table.accept(event(offset))) delivered.push(offset);
      };
      for (const offset of offsets) {
        take(offset);
        // The gateway answers a repair with all there is between the cursor and its head.
        for (const { channel, position } of table.due ? table.requests() : []) {
          const from = position?.offset ?? 0;
          table.apply({ channel, verdict: "recovered", position: at(offset), count: offset - from });
          for (let missed = from + 1; missed <= offset; missed++) take(missed);
        }
      }
      expect(delivered).toEqual(Array.from({ length: Math.max(0, ...offsets) }, (_, index) => index + 1));
    }),
  );
});
