import fc from "fast-check";
import { expect, it } from "vitest";
import { EndQueue, type Ending } from "./end-queue.ts";

const end = fc.integer({ min: 0, max: 20 });
const move = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("add" as const), end }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("move" as const), which: fc.nat(), end }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), which: fc.nat() }) },
);

it("the nearest end is first, whatever was added, moved and removed", () => {
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
      const queue = new EndQueue<Ending>();
      const items: Ending[] = [];
      for (const each of moves) {
        if (each.kind === "add") {
          const item = { end: each.end, place: -1 };
          items.push(item);
          queue.add(item);
        } else if (items.length > 0) {
          const at = each.which % items.length;
          const item = items[at] as Ending;
          if (each.kind === "move") {
            item.end = each.end;
            queue.moved(item);
          } else {
            items.splice(at, 1);
            queue.remove(item);
          }
        }
        expect(queue.size).toBe(items.length);
        expect(queue.first?.end ?? Infinity).toBe(Math.min(...items.map((item) => item.end)));
      }
      const ends: number[] = [];
      for (let first = queue.first; first !== undefined; first = queue.first) {
        ends.push(first.end);
        queue.remove(first);
      }
      expect(ends).toEqual(items.map((item) => item.end).sort((a, b) => a - b));
    }),
  );
});
