import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UsageError } from "../errors.ts";
import { qualified } from "./qualified.ts";

describe("qualified", () => {
  it("P-38 joins name and qualifier", () => {
    expect(qualified("chat", "7")).toBe("chat::7");
    expect(qualified("chat", 7)).toBe(qualified("chat", 7n));
    expect(qualified("scope:post;mutation:list", "user_id:1")).toBe("scope:post;mutation:list::user_id:1");
    expect(qualified("chat", "a::b")).toBe("chat::a::b");
  });

  it("P-38 refuses what is no channel, or could be a pattern", () => {
    for (const [name, qualifier] of [
      ["", "7"],
      ["chat", ""],
      ["chat", "*"],
      ["~page/x", "7"],
      ["chat::7", "8"],
      ["chat:", "7"],
      ["chat", "\n"],
      ["chat", "x".repeat(600)],
    ] as const)
      expect(() => qualified(name, qualifier)).toThrow(UsageError);
  });

  it("P-38 no two pairs are one channel", () => {
    const part = fc.string({ unit: fc.constantFrom(":", "a", "b"), maxLength: 5 });
    const pairs = new Map<string, string>();
    fc.assert(
      fc.property(part, part, (name, qualifier) => {
        let channel: string;
        try {
          channel = qualified(name, qualifier);
        } catch {
          return;
        }
        const pair = JSON.stringify([name, qualifier]);
        expect(pairs.get(channel) ?? pair).toBe(pair);
        pairs.set(channel, pair);
      }),
      { numRuns: 2000 },
    );
    expect(pairs.size).toBeGreaterThan(50);
  });
});
