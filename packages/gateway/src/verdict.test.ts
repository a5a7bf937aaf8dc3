import fc from "fast-check";
import type { LinePage, Page } from "@trunkline/core/ports";
import type { Position } from "@trunkline/core/wire";
import { describe, expect, it } from "vitest";
import { MemoryStream } from "./memory/memory-stream.ts";
import { decideVerdict, needsSnapshot } from "./verdict.ts";

const head: Position = { epoch: "e", offset: 10, tag: "t10" };
const at = (offset: number, tag = `t${offset}`, epoch = "e"): Position => ({ epoch, offset, tag });
const unused: LinePage = { floor: 0, tagAtStart: null, entries: [], count: 0 };
const page = (log: Partial<LinePage> = {}): Page => ({
  head,
  log: { floor: 4, tagAtStart: null, entries: [], count: 0, ...log },
  state: unused,
});

it("§5.8 another life of the stream is the whole state anew, also for who named none: over its old link it may have got some", () => {
  expect(needsSnapshot(at(10, "t10", "other"), page())).toBe(true);
  expect(needsSnapshot(at(10), page())).toBe(false);
});

describe("§5.3 verdicts", () => {
  it.each([
    ["no cursor: fresh at the head", undefined, page(), { verdict: "fresh" }],
    ["at the head: recovered, nothing", at(10), page({ tagAtStart: "t10" }), { verdict: "recovered", count: 0 }],
    ["between floor and head: recovered", at(7), page({ tagAtStart: "t7" }), { verdict: "recovered", count: 3 }],
    ["exactly at the floor: recovered", at(4), page({ tagAtStart: "t4" }), { verdict: "recovered", count: 6 }],
    ["at the floor, tag forgotten: recovered", at(4), page(), { verdict: "recovered", count: 6 }],
    ["one below the floor: gap retention", at(3), page(), { verdict: "gap", reason: "retention", from: 4, to: 10 }],
    [
      "offset 0 below the floor: gap retention",
      at(0, ""),
      page({ tagAtStart: "" }),
      { verdict: "gap", reason: "retention", from: 1, to: 10 },
    ],
    [
      "offset 0, all kept: recovered",
      at(0, ""),
      page({ floor: 0, tagAtStart: "" }),
      { verdict: "recovered", count: 10 },
    ],
    ["beyond the head: gap future", at(12), page(), { verdict: "gap", reason: "future", from: 1, to: 10 }],
    [
      "another tag: gap fork",
      at(7, "x"),
      page({ tagAtStart: "t7" }),
      { verdict: "gap", reason: "fork", from: 1, to: 10 },
    ],
    [
      "another tag at the head: gap fork",
      at(10, "x"),
      page({ tagAtStart: "t10" }),
      { verdict: "gap", reason: "fork", from: 1, to: 10 },
    ],
    [
      "another epoch: gap epoch",
      at(7, "t7", "old"),
      page({ tagAtStart: "t7" }),
      { verdict: "gap", reason: "epoch", from: 1, to: 10 },
    ],
    [
      "another epoch, beyond the head: gap epoch",
      at(99, "t", "old"),
      page(),
      { verdict: "gap", reason: "epoch", from: 1, to: 10 },
    ],
  ] as const)("%s", (_, cursor, given, expected) => {
    expect(decideVerdict("room", cursor, given)).toEqual({ channel: "room", position: head, ...expected });
  });
});

type Act =
  | { readonly kind: "append" }
  | { readonly kind: "trim"; readonly keep: number }
  | { readonly kind: "restart" };
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Act>({ kind: "append" }) },
  { weight: 2, arbitrary: fc.nat({ max: 12 }).map((keep): Act => ({ kind: "trim", keep })) },
  { weight: 1, arbitrary: fc.constant<Act>({ kind: "restart" }) },
);

describe("§5.3 verdicts against a model that remembers everything", () => {
  it("§1 whoever comes back, whenever, gets all it missed or is told of a gap", () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), fc.array(act, { maxLength: 60 }), (before, after) => {
        let lives = 0;
        let tags = 0;
        let stream = new MemoryStream("e0", 0);
        // The model: every event of this life ever appended, and how many of its oldest are gone.
        let all: { readonly tag: string; readonly body: string }[] = [];
        let gone = 0;
        const run = ({ kind, ...rest }: Act): void => {
          if (kind === "append") {
            const event = { tag: `t${tags++}`, body: `b${tags}` };
            stream.log.append(event.tag, 0, event.body);
            all.push(event);
          } else if (kind === "trim") {
            const { keep } = rest as { keep: number };
            stream.log.trim(keep, 0);
            gone = Math.max(gone, all.length - keep);
          } else {
            stream = new MemoryStream(`e${++lives}`, 0);
            [all, gone] = [[], 0];
          }
        };
        for (const one of before) run(one);
        const seen = all.length;
        const life = lives;
        const cursor = stream.head;
        for (const one of after) run(one);

        const read = stream.page(cursor, Number.POSITIVE_INFINITY);
        const verdict = decideVerdict("room", cursor, read);
        expect(verdict).toMatchObject({
          position: { epoch: `e${lives}`, offset: all.length, tag: all.at(-1)?.tag ?? "" },
        });
        if (life !== lives) expect(verdict).toMatchObject({ verdict: "gap", reason: "epoch", from: 1, to: all.length });
        else if (gone > seen) {
          expect(verdict).toMatchObject({ verdict: "gap", reason: "retention", from: seen + 1, to: all.length });
          expect(read.log.entries).toEqual([]);
        } else {
          expect(verdict).toMatchObject({ verdict: "recovered", count: all.length - seen });
          expect(read.log.entries.map(({ body }) => body)).toEqual(all.slice(seen).map(({ body }) => body));
        }
      }),
    );
  });

  it("§5.2 a cursor of another line is never recovered", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 20 }),
        fc.nat({ max: 20 }),
        (mine, theirs, keep) => {
          const stream = new MemoryStream("e", 0);
          for (let offset = 1; offset <= theirs; offset++) stream.log.append(`theirs${offset}`, 0, "{}");
          stream.log.trim(keep, 0);
          const cursor = { epoch: "e", offset: mine, tag: `mine${mine}` };
          const verdict = decideVerdict("room", cursor, stream.page({ offset: mine }, 100));
          expect(verdict.verdict).toBe("gap");
          // What follows the verdict begins behind the head: all that this line holds up to there counts as missed.
          if (mine > theirs) expect(verdict).toMatchObject({ reason: "future", from: 1, to: theirs });
        },
      ),
    );
  });
});
