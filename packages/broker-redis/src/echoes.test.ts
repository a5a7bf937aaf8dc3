import { expect, it } from "vitest";
import type { Connection } from "./connection.ts";
import { Echoes } from "./echoes.ts";

const [one, two] = [{}, {}] as [Connection, Connection];

it("tells each listener once of what comes by its channel and by patterns", () => {
  const echoes = new Echoes<string>();
  echoes.begin(one, "a", "x", ["exact", "both"]);
  expect(echoes.rest(one, "a", "x", "a*", ["both", "first"])).toEqual(["first"]);
  expect(echoes.rest(one, "a", "x", "*", ["first", "second", "exact"])).toEqual(["second"]);
});

it("takes the same text for another message when it comes by its channel or by the same pattern again, or elsewhere", () => {
  const echoes = new Echoes<string>();
  const listeners = ["l"];
  expect(echoes.rest(one, "a", "x", "a*", listeners)).toEqual(["l"]);
  expect(echoes.rest(one, "a", "x", "*", listeners)).toEqual([]);
  expect(echoes.rest(one, "a", "x", "a*", listeners)).toEqual(["l"]);
  expect(echoes.rest(one, "b", "x", "*", listeners)).toEqual(["l"]);
  expect(echoes.rest(one, "b", "y", "a*", listeners)).toEqual(["l"]);
  expect(echoes.rest(two, "b", "y", "*", listeners)).toEqual(["l"]);
  echoes.begin(two, "b", "y");
  expect(echoes.rest(two, "b", "y", "*", listeners)).toEqual(["l"]);
});
