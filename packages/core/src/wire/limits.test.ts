import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  byteLength,
  channelProblem,
  eventNameProblem,
  idProblem,
  maxChannelBytes,
  maxEventNameBytes,
  maxIdBytes,
  reservedEventNames,
  truncateBytes,
} from "./limits.ts";

/** Any sequence of UTF-16 units, lone surrogates included. */
const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc
    .array(fc.oneof(fc.nat({ max: 0xffff }), fc.integer({ min: 0xd700, max: 0xe0ff })))
    .map((units) => String.fromCharCode(...units)),
);

describe("byteLength", () => {
  it("agrees with the platform's encoder on any text", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(byteLength(text)).toBe(Buffer.byteLength(text));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["", 0],
    ["a", 1],
    ["\x7f\x80", 3],
    ["\u07ff\u0800", 5],
    ["🚀", 4],
    ["\ud83d", 3],
    ["\ud83d\ud83d\ude80", 7],
    ["\ude80\ud83d", 6],
  ])("%j is %i bytes", (text, bytes) => {
    expect(byteLength(text)).toBe(bytes);
  });
});

describe("truncateBytes", () => {
  it("gives the longest start that fits, never cut inside a code point", () => {
    fc.assert(
      fc.property(anyText, fc.nat({ max: 40 }), (text, max) => {
        const cut = truncateBytes(text, max);
        expect(text.startsWith(cut)).toBe(true);
        expect(byteLength(cut)).toBeLessThanOrEqual(max);
        const rest = text.slice(cut.length);
        const [next] = rest;
        // Nothing is left, or the next code point would have been too much.
        expect(next === undefined || byteLength(cut) + byteLength(next) > max).toBe(true);
        expect(Array.from(cut).concat(Array.from(rest))).toEqual(Array.from(text));
      }),
      { numRuns: 2000 },
    );
  });

  it("§6.2 a close reason keeps whole characters", () => {
    expect(truncateBytes("é".repeat(100), 123)).toBe("é".repeat(61));
    expect(truncateBytes("🚀🚀", 7)).toBe("🚀");
    expect(truncateBytes("abc", 0)).toBe("");
  });
});

describe("§3.6 names", () => {
  const checks = { channel: channelProblem, event: eventNameProblem, id: idProblem } as const;
  const maxima = { channel: maxChannelBytes, event: maxEventNameBytes, id: maxIdBytes } as const;
  const kinds = ["channel", "event", "id"] as const;

  it("a channel is 1–512 bytes, an event name and an id 1–256", () => {
    expect(maxima).toEqual({ channel: 512, event: 256, id: 256 });
  });

  it.each(kinds)("%s: exactly the limit in bytes goes, one more does not", (kind) => {
    const max = maxima[kind];
    expect(checks[kind]("x".repeat(max))).toBeNull();
    expect(checks[kind]("é".repeat(max / 2))).toBeNull();
    expect(checks[kind](`${"é".repeat(max / 2)}x`)).toBe(`expected at most ${max} bytes, got ${max + 1}`);
  });

  it.each(kinds)("%s: no control characters, not empty, a string", (kind) => {
    for (const unit of ["\0", "\n", "\x1f", "\x7f", "\x9f", "\ud83d", "\udd25"])
      expect(checks[kind](`ab${unit}c`)).toBe("expected no control or half characters, got one at index 2");
    expect(checks[kind]("ab\u{1f525}c")).toBeNull();
    expect(checks[kind]("")).toBe("expected a non-empty string, got an empty one");
    expect([undefined, null, 7, {}].map((value) => checks[kind](value))).toEqual(
      ["undefined", "null", "number", "object"].map((got) => `expected a string, got ${got}`),
    );
  });

  it("* is for patterns: not in channels and event names, but an id may hold it", () => {
    expect(channelProblem("room.*")).toMatch(/"\*"/);
    expect(eventNameProblem("post.*")).toMatch(/"\*"/);
    expect(idProblem("*")).toBeNull();
  });

  it("no event carries a name that client.on keeps for itself; a channel may", () => {
    expect(reservedEventNames).toEqual(["status", "error", "gap", "resumed", "*"]);
    for (const name of reservedEventNames) expect(eventNameProblem(name)).not.toBeNull();
    expect(eventNameProblem("status.changed")).toBeNull();
    expect(channelProblem("status")).toBeNull();
  });

  it("names of any script, with spaces, dots and slashes, are fine", () => {
    for (const name of ["organization.1234", "a/b:c", " spaced name ", "漢字🚀", "__proto__"]) {
      expect(kinds.map((kind) => checks[kind](name))).toEqual([null, null, null]);
    }
  });
});
