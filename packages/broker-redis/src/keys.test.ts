import type { StreamName } from "@trunkline/core/ports";
import { describe, expect, it } from "vitest";
import { dedupeKeyOf, slotOf, streamKeys } from "./keys.ts";

const of = (name: string) => streamKeys("trunkline", name as StreamName);

/** What Redis takes for the hash tag: between the first "{" and the first "}" behind it. */
function tagOf(key: string): string | undefined {
  return /^[^{]*\{([^}]+)\}/.exec(key)?.[1];
}

describe("keys", () => {
  it("R-04 R-20 begin with the namespace and the stream's exact name", () => {
    expect(of("acme/organization.1").log).toBe("{trunkline:acme/organization.1}:log");
  });

  it("share one hash tag per stream, whatever signs its name holds", () => {
    for (const name of ["a/{x}", "a/}{", "a/{}", "}/}", "a/%7D", "a/漢字🚀", "a/{{"]) {
      const keys = [...Object.values(of(name)), dedupeKeyOf("trunkline", name as StreamName, "p:{1}")];
      expect(new Set(keys.map(tagOf)).size).toBe(1);
      expect(tagOf(keys[0] as string)).toMatch(/^trunkline:/);
    }
  });

  it("differ between streams whose names are alike", () => {
    const names = ["a/x", "a/x}", "a/x%7D", "a/x%257D", "a/x{", "a/x:log"];
    expect(new Set(names.map((name) => of(name).log)).size).toBe(names.length);
  });

  it("fall into the slot that the Cluster specification says", () => {
    // As CLUSTER KEYSLOT answers.
    expect(slotOf("trunkline", "acme/room" as StreamName)).toBe(4103);
  });
});
