import type { StreamName } from "@trunkline/core/ports";
import { expect, it } from "vitest";
import { Births } from "./births.ts";

it("knows a stream that began again, of one and of many", () => {
  const births = new Births();
  const [a, b] = ["acme/a", "acme/b"] as [StreamName, StreamName];
  expect([births.note(a, "1"), births.note(a, "1"), births.note(a, "2")]).toEqual([false, false, true]);
  expect([births.note(b, "1"), births.note(a, "2"), births.note(b, "2"), births.note(a, "3")]).toEqual([
    false,
    false,
    true,
    true,
  ]);
});

it("forgets those noted first when there are too many", () => {
  const births = new Births();
  for (let n = 0; n <= 10_000; n++) births.note(`acme/${n}` as StreamName, "1");
  expect([births.note("acme/0" as StreamName, "2"), births.note("acme/10000" as StreamName, "2")]).toEqual([
    false,
    true,
  ]);
});
