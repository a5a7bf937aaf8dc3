import fc from "fast-check";
import { expect, it } from "vitest";
import { eventIdOf, positionOfEventId } from "./event-id.ts";

it("§11.1 a position is one line of text, and read back as it was", () => {
  const mark = fc.string({ unit: "grapheme", maxLength: 20 });
  const place = fc.record({ epoch: fc.string({ minLength: 1, maxLength: 20 }), offset: fc.maxSafeNat(), tag: mark });
  const state = fc.record({ revision: fc.maxSafeNat(), tag: mark });
  fc.assert(
    fc.property(place, fc.option(state, { nil: undefined }), (log, line) => {
      const position = line === undefined ? log : { ...log, state: line };
      const id = eventIdOf(position);
      expect(id).toMatch(/^[\x21-\x7e]+$/);
      expect(positionOfEventId(id)).toEqual(position);
    }),
  );
  expect(eventIdOf({ epoch: "e", offset: 7, tag: "t", state: { revision: 2, tag: "u" } })).toBe("e:7:t:2:u");
});

it("§11.2 an id that is none of ours is none", () => {
  for (const id of [
    "",
    "7",
    "e:7",
    ":7:t",
    "e:-7:t",
    "e:7:t:",
    "e:7:t:2",
    "e:7:t:x:u",
    "e:7:t:2:u:v",
    "e:7:%",
    "%ff:7:t",
  ])
    expect(positionOfEventId(id)).toBe(null);
  expect(positionOfEventId("e:9999999999999999:t")).toBe(null);
  expect(positionOfEventId("e:1:t:9999999999999999:u")).toBe(null);
});
