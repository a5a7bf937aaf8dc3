import { describe, expect, it } from "vitest";
import type { Position } from "../wire/frame.ts";
import { type ItemChange, ItemTable, type ItemVersion } from "./item-table.ts";

const at = (offset: number, revision?: number): Position => ({
  epoch: "e",
  offset,
  tag: "t",
  ...(revision === undefined ? {} : { state: { revision, tag: "t" } }),
});
const item = (key: string, version?: ItemVersion, value: unknown = `${key}@${version}`) => ({ key, version, value });
const gone = (key: string, version?: ItemVersion) => ({ key, version, deleted: true }) as const;

/** A table that shows `items`. */
function showing(...items: ReturnType<typeof item>[]): ItemTable<unknown> {
  const table = new ItemTable<unknown>(3);
  table.hold(at(0));
  table.join(items, undefined, false);
  return table;
}

describe("live", () => {
  const cases: readonly (readonly [what: string, next: ItemChange<unknown>, taken: string])[] = [
    ["a newer version", item("a", 6), "apply"],
    ["the same version again", item("a", 5), "old"],
    ["an older version", item("a", 4), "old"],
    ["a deletion of the same version", gone("a", 5), "apply"],
    ["a deletion of an older version", gone("a", 4), "old"],
    ["a change without a version", item("a"), "apply"],
    ["a version of another kind", item("a", "5"), "apply"],
    ["another item", item("b", 1), "apply"],
  ];
  it.each(cases)("%s", (_, next, taken) => {
    expect(showing(item("a", 5)).take(next, {})).toBe(taken);
  });

  it("text versions compare as text: times in UTC", () => {
    const table = showing(item("a", "2026-03-01T00:00:00Z"));
    expect(table.take(item("a", "2026-02-28T23:59:59Z"), {})).toBe("old");
    expect(table.take(item("a", "2026-03-01T00:00:01Z"), {})).toBe("apply");
  });

  it("what was deleted does not come back by an older event, but by a newer one", () => {
    const table = showing(item("a", 5));
    table.take(gone("a", 6), {});
    expect(["old", "old", "apply"]).toEqual([5, 6, 7].map((version) => table.take(item("a", version), {})));
  });

  it("deletions are remembered up to the limit, the newest", () => {
    const table = showing();
    for (const key of ["a", "b", "c", "d"]) table.take(gone(key, 5), {});
    expect(table.take(item("a", 1), {})).toBe("apply");
    expect(table.take(item("b", 1), {})).toBe("old");
  });

  it("means nothing before hold and after drop", () => {
    const table = new ItemTable<unknown>(3);
    expect(table.take(item("a", 1), {})).toBe("old");
    const dropped = showing(item("a", 1));
    dropped.drop();
    expect(dropped.take(item("a", 2), {})).toBe("old");
  });

  it.each(["held", "told while nothing is held"])(
    "remembers a deletion that was %s when the load began anew",
    (how) => {
      const table = showing();
      if (how === "held") table.hold(at(1));
      else table.drop();
      table.take(gone("a", 6), {});
      table.drop();
      table.hold(at(2));
      table.join([], undefined, false);
      expect(table.take(item("a", 5), {})).toBe("old");
    },
  );
});

describe("a load, joined with what was held", () => {
  const cases: readonly (readonly [
    what: string,
    loaded: readonly ReturnType<typeof item>[],
    held: readonly ItemChange<unknown>[],
    shown: readonly unknown[],
  ])[] = [
    ["the held change is newer", [item("a", 1)], [item("a", 2)], ["a@2"]],
    ["the loaded item is newer", [item("a", 3)], [item("a", 2)], ["a@3"]],
    ["two held changes, the newer one last", [item("a", 1)], [item("a", 2), item("a", 3)], ["a@3"]],
    ["two held changes, the newer one first", [item("a", 1)], [item("a", 3), item("a", 2)], ["a@3"]],
    ["a held deletion", [item("a", 1)], [gone("a", 2)], []],
    ["a held deletion of the loaded version", [item("a", 2)], [gone("a", 2)], []],
    ["a held deletion without a version", [item("a", 2)], [gone("a")], []],
    ["a deletion, then its item slowly after it", [], [gone("a", 2), item("a", 1)], []],
    ["an item made again after a deletion that was held", [item("a", 3)], [gone("a", 2)], ["a@3"]],
    ["an item that only an event knows", [], [item("a", 1)], ["a@1"]],
    ["no versions: the event counts", [item("a", undefined, "loaded")], [item("a", undefined, "told")], ["told"]],
    ["the same key twice in the answer", [item("a", 2), item("a", 1)], [], ["a@2"]],
  ];
  it.each(cases)("%s", (_, loaded, held, shown) => {
    const table = new ItemTable<unknown>(3);
    table.hold(at(0));
    for (const change of held) table.take(change, { offset: 1 });
    expect(table.join(loaded, undefined, false)).toEqual({
      set: shown.map((value) => expect.objectContaining({ value }) as unknown),
      deleted: [],
      reset: true,
    });
  });

  it("what was read after a held event is not overwritten by it, on either line", () => {
    const table = new ItemTable<unknown>(9);
    table.hold(at(3, 7));
    table.take(item("a", undefined, "before"), { offset: 4 });
    table.take(item("b", undefined, "after"), { offset: 5 });
    table.take(item("c", undefined, "before"), { revision: 8 });
    table.take(item("d", undefined, "after"), { revision: 9 });
    const items = ["a", "b", "c", "d"].map((key) => item(key, undefined, "read"));
    expect(table.join(items, at(4, 8), false)).toMatchObject({
      set: [{ value: "read" }, { value: "after" }, { value: "read" }, { value: "after" }],
    });
  });

  it("what was told and then gone again when the source was read does not come back, nor does its deletion go unremembered", () => {
    const table = new ItemTable<unknown>(9);
    table.hold(at(0));
    table.take(item("a", 1), { offset: 1 });
    table.take(gone("b", 3), { offset: 2 });
    expect(table.join([], at(2), false)).toEqual({ set: [], deleted: [], reset: true });
    expect(table.take(item("b", 2), { offset: 3 })).toBe("old");
  });

  it.each([
    ["an offset before its start", at(2, 7)],
    ["a revision before its start", at(3, 6)],
    ["another epoch", { ...at(9, 9), epoch: "other" }],
  ])("an answer at %s can't be joined, however often", (_, position) => {
    const table = new ItemTable<unknown>(3);
    table.hold(at(3, 7));
    expect(table.join([], position, true)).toMatch(/^expected a position at or after .*, got epoch/);
    // It is still held: a later answer may fit.
    table.take(item("a", 1), { offset: 4 });
    expect(table.join([], at(3, 7), false)).toMatchObject({ set: [{ key: "a" }] });
  });

  it("an answer that is older than what is shown, or knows what was deleted, is not taken unless it is insisted on", () => {
    for (const change of [item("a", 6), gone("a", 6)]) {
      const table = showing(item("a", 5));
      table.take(change, {});
      table.hold(at(9));
      expect(table.join([item("a", 5)], undefined, false)).toMatch(/^expected "a" no older than it is known already/);
      expect(table.join([item("a", 5)], undefined, true)).toMatchObject({ set: [{ version: 5 }] });
      expect(table.take(item("a", 6), {})).toBe("apply");
    }
  });

  it("names what is gone, and keeps slow events from bringing it back", () => {
    const table = showing(item("a", 5), item("b", 5));
    table.hold(at(9));
    expect(table.join([item("b", 5)], undefined, false)).toEqual({ set: [item("b", 5)], deleted: ["a"], reset: true });
    expect(table.take(item("a", 5), {})).toBe("old");
    expect(table.take(item("a", 6), {})).toBe("apply");
  });

  it("says when more keys are held than may be; the same key counts once", () => {
    const table = new ItemTable<unknown>(3);
    table.hold(at(0));
    const taken = ["a", "b", "c", "c", "c", "d"].map((key, index) => table.take(item(key, index), {}));
    expect(taken).toEqual(["held", "held", "held", "held", "held", "overflow"]);
    expect(table.take(item("e", 1), {})).toBe("old");
  });

  it.each([
    [{ key: 7, value: 1 }, 'expected an item with a string "key", got number'],
    [null, 'expected an item with a string "key", got undefined'],
    [{ key: "a", version: Number.NaN }, 'expected "a" with a finite number or a string as "version", got number'],
  ])("an answer with %o is refused", (wrong, problem) => {
    const table = new ItemTable<unknown>(3);
    table.hold(at(0));
    expect(table.join([wrong as never], undefined, true)).toBe(problem);
  });
});
