import type { StreamName } from "@trunkline/core/ports";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type Item, Ledger } from "./ledger.ts";

const stream = "acme/~members/a" as StreamName;
const owed = (ledger: Ledger): [string, string | null][] => ledger.owed(100).map(({ key, wanted }) => [key, wanted]);
const wanted = (ledger: Ledger, key: string, body: string | null): Item => ledger.want(stream, key, body) as Item;

it("owes what is wanted until it is stored, and nothing that was never there", () => {
  const ledger = new Ledger();
  expect(ledger.want(stream, "k", null)).toBeNull();
  const item = wanted(ledger, "k", "1");
  expect(owed(ledger)).toEqual([["k", "1"]]);
  expect(ledger.send(item)).toBe("1");
  expect([ledger.isOwed(item), owed(ledger)]).toEqual([false, []]);
  ledger.stored(item, "1", "e", 1);
  expect([owed(ledger), ledger.isEmpty]).toEqual([[], false]);
  wanted(ledger, "k", null);
  ledger.stored(item, ledger.send(item), "e", 2);
  expect(ledger.isEmpty).toBe(true);
});

it.each([
  ["nothing was stored", true, [["k", "1"]]],
  ["nobody knows", false, [["k", "1"]]],
] as const)("owes it again when a write failed and %s", (_, certain, still) => {
  const ledger = new Ledger();
  const item = wanted(ledger, "k", "1");
  ledger.send(item);
  ledger.failed(item, certain);
  expect(owed(ledger)).toEqual(still);
  wanted(ledger, "k", null);
  // What may be there has to be removed.
  expect(owed(ledger)).toEqual(certain ? [] : [["k", null]]);
});

it("owes all of a stream anew that is another one, or has lost its end", () => {
  for (const [epoch, revision] of [
    ["other", 7],
    ["e", 3],
  ] as const) {
    const ledger = new Ledger();
    const items = ["a", "b"].map((key) => wanted(ledger, key, "1"));
    for (const [index, item] of items.entries()) ledger.stored(item, ledger.send(item), "e", index + 3);
    const [first] = items as [Item];
    wanted(ledger, "a", "2");
    expect(ledger.stored(first, ledger.send(first), epoch, revision)).toBe(true);
    expect(owed(ledger)).toEqual([["b", "1"]]);
  }
});

it("finds by its head whether a stream has lost something, but not by one that is older than the last write", () => {
  const ledger = new Ledger();
  const item = wanted(ledger, "a", "1");
  expect(ledger.marks).toEqual([]);
  ledger.stored(item, ledger.send(item), "e", 4);
  const [mark] = ledger.marks as [ReturnType<() => Ledger["marks"][number]>];
  const head = (epoch: string, revision: number) => ({ epoch, offset: 0, tag: "", state: { revision, tag: "t" } });
  expect(ledger.found(mark, head("e", 9))).toBe(false);
  wanted(ledger, "a", "2");
  ledger.stored(item, ledger.send(item), "e2", 1);
  expect(ledger.found(mark, head("e", 4))).toBe(false);
  const [now] = ledger.marks as [typeof mark];
  expect(ledger.found(now, { epoch: "e3", offset: 0, tag: "" })).toBe(true);
  expect(owed(ledger)).toEqual([["a", "2"]]);
});

it("whatever fails, the broker ends with what is wanted once all that is owed is written", () => {
  const action = fc.record({
    kind: fc.constantFrom("want", "want", "send", "land", "lose"),
    key: fc.constantFrom("a", "b"),
    body: fc.constantFrom("1", "2", null),
    outcome: fc.constantFrom("stored", "absent", "unknown"),
    isThere: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const ledger = new Ledger();
      const broker = new Map<string, string>();
      const final = new Map<string, string | null>();
      const flying: { item: Item; body: string | null }[] = [];
      let [epoch, revision] = [0, 0];
      const put = (key: string, body: string | null): void => {
        revision += 1;
        if (body === null) broker.delete(key);
        else broker.set(key, body);
      };
      const land = (outcome: string, isThere: boolean): void => {
        const flight = flying.shift();
        if (flight === undefined) return;
        const { item, body } = flight;
        if (outcome === "stored" || isThere) put(item.key, body);
        if (outcome === "stored") ledger.stored(item, body, String(epoch), revision);
        else ledger.failed(item, outcome === "absent" && !isThere);
      };
      const sendAll = (): void => {
        for (const item of ledger.owed(100)) flying.push({ item, body: ledger.send(item) });
      };
      for (const { kind, key, body, outcome, isThere } of actions) {
        if (kind === "want") {
          final.set(key, body);
          ledger.want(stream, key, body);
        } else if (kind === "send") sendAll();
        else if (kind === "land") land(outcome, isThere && outcome === "unknown");
        else {
          broker.clear();
          epoch += 1;
          revision = 0;
          for (const mark of ledger.marks) ledger.found(mark, { epoch: String(epoch), offset: 0, tag: "" });
        }
      }
      while (flying.length > 0) land("stored", true);
      for (let round = 0; round < 5; round++) {
        sendAll();
        while (flying.length > 0) land("stored", true);
      }
      expect(owed(ledger)).toEqual([]);
      for (const [key, body] of final) expect(broker.get(key) ?? null).toBe(body);
    }),
  );
});
