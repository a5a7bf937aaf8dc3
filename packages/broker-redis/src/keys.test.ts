import type { StreamName } from "@trunkline/core/ports";
import { describe, expect, it } from "vitest";
import { dedupeKeyOf, literally, logPattern, slotOf, slotOfKey, streamKeys, streamOfLog } from "./keys.ts";

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
    const keys = ["trunkline:channels:0a1b", "x{user}y{z}", "x{}{user}", "{x", "123456789"];
    expect(keys.map(slotOfKey)).toEqual([3372, 5474, 6704, 11_068, 12_739]);
  });
});

it("names a stream by the key of its log, and patterns for those that begin alike", () => {
  for (const name of ["acme/a", "acme/100%}{%7D", "acme/a}:log"]) {
    const stream = name as StreamName;
    expect(streamOfLog("trunkline", streamKeys("trunkline", stream).log)).toBe(stream);
  }
  expect(logPattern("trunkline", "acme/chat.[*]?}" as StreamName)).toBe(
    String.raw`{trunkline:acme/chat.\[\*\]\?%7D*}:log`,
  );
  expect(literally(String.raw`a\b`)).toBe(String.raw`a\\b`);
});
