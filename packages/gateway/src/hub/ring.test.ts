import { expect, it } from "vitest";
import type { Position } from "@trunkline/core/wire";
import { Outgoing } from "./event-text.ts";
import { Ring } from "./ring.ts";

const room = { label: "room", serializer: null };

const start: Position = { epoch: "e", offset: 4, tag: "t4", state: { revision: 2, tag: "s2" } };
const logged = (offset: number, body = "{}"): Outgoing =>
  Outgoing.stored(room, { line: "log", offset, tag: `t${offset}`, time: 1, body });
const changed = (offset: number): Outgoing =>
  Outgoing.stored(room, { line: "state", offset, tag: `s${offset}`, time: 1, body: "{}" });
const placesOf = (items: readonly Outgoing[] | null) => items?.map(({ tag }) => tag) ?? null;

it("gives all that is behind a position on either line, in order", () => {
  const ring = new Ring(start);
  for (const item of [logged(5), changed(3), logged(6), changed(4)]) ring.push(item);
  expect(placesOf(ring.since(start))).toEqual(["t5", "s3", "t6", "s4"]);
  expect(placesOf(ring.since({ ...start, offset: 5, tag: "t5", state: { revision: 4, tag: "s4" } }))).toEqual(["t6"]);
});

it("knows nothing of other epochs, of what came before, of the future and of forks", () => {
  const ring = new Ring(start);
  for (const item of [logged(5), changed(3)]) ring.push(item);
  const strangers: Position[] = [
    { ...start, epoch: "f" },
    { ...start, offset: 3, tag: "t3" },
    { ...start, offset: 9, tag: "t9" },
    { ...start, tag: "other" },
    { ...start, offset: 5, tag: "other" },
    { ...start, state: { revision: 1, tag: "s1" } },
    { ...start, state: { revision: 3, tag: "other" } },
    { epoch: "e", offset: 4, tag: "t4" },
  ];
  for (const position of strangers) expect(ring.since(position)).toBe(null);
});

it("forgets what came before a hole in the state line: a deletion that is forgotten may be in it", () => {
  const ring = new Ring(start);
  ring.push(changed(3));
  ring.push(Outgoing.stored(room, { line: "state", offset: 6, tag: "s6", time: 1, body: "{}" }, 3));
  ring.push(changed(7));
  expect(ring.since({ ...start, state: { revision: 3, tag: "s3" } })).toBe(null);
  expect(placesOf(ring.since({ ...start, state: { revision: 6, tag: "s6" } }))).toEqual(["s7"]);
});

it("is bounded in events and in text, and says so by knowing less", () => {
  const ring = new Ring(start);
  for (let offset = 5; offset <= 1000; offset++) ring.push(logged(offset));
  expect(ring.since(start)).toBe(null);
  expect(ring.since({ ...start, offset: 990, tag: "t990" })).toHaveLength(10);
  for (let offset = 1001; offset <= 1010; offset++) ring.push(logged(offset, `{"x":"${"x".repeat(50_000)}"}`));
  expect(ring.since({ ...start, offset: 1001, tag: "t1001" })).toBe(null);
  expect(ring.since({ ...start, offset: 1010, tag: "t1010" })).toEqual([]);
});
