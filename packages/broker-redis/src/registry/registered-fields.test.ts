import type { Registered } from "@trunkline/core/ports";
import { expect, it } from "vitest";
import { channelField, positionText, readRegistered } from "./registered-fields.ts";

it("channels are read back as they were written, in the order of adding", () => {
  const all: readonly Registered[] = [
    { channel: "n", position: null },
    { channel: "h", position: { epoch: 'e "1" 🚀', offset: Number.MAX_SAFE_INTEGER, tag: "" } },
    { channel: ":x y", position: { epoch: "e", offset: 0, tag: "t", state: { revision: 0, tag: "" } } },
  ];
  const fields = all.flatMap(({ channel, position }, order) => [
    [channelField(channel), `${order + 9} ${positionText(position)}`],
  ]);
  expect(readRegistered([...fields.reverse(), ["n", "12"], ["h", "holder"]].flat())).toEqual(all);
});

it("a key that is not there is null, one without channels is empty, one of somebody else is neither", () => {
  expect(readRegistered([])).toBe(null);
  expect(readRegistered(["n", "0"])).toEqual([]);
  for (const odd of ["OK", null, [":a", "1"], [":a", "1 {"], [":a"]]) expect(readRegistered(odd)).toBe(undefined);
});
