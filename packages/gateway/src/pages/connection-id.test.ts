import { readFileSync } from "node:fs";
import { UsageError } from "@trunkline/core/errors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { connectionIdOf, newConnectionId, signConnectionId, verifyConnectionId } from "./connection-id.ts";

const vectors = JSON.parse(readFileSync(new URL("../../../../test/vectors/pages.json", import.meta.url), "utf8")) as {
  readonly signedIds: readonly { readonly id: string; readonly key: string; readonly signed: string }[];
};

const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });

describe("connection ids", () => {
  it("P-11 are 32 random bytes in hex, others for each request and the same within one", () => {
    const [first, second] = [{}, {}];
    expect(connectionIdOf(first)).toMatch(/^[0-9a-f]{64}$/);
    expect(connectionIdOf(first)).toBe(connectionIdOf(first));
    expect(connectionIdOf(second)).not.toBe(connectionIdOf(first));
    expect(newConnectionId()).not.toBe(newConnectionId());
  });

  it("P-14 are signed as ever", () => {
    expect(vectors.signedIds.length).toBeGreaterThan(0);
    for (const { id, key, signed } of vectors.signedIds) {
      expect(signConnectionId(id, key)).toBe(signed);
      expect(verifyConnectionId(signed, key)).toBe(id);
    }
    expect(signConnectionId("12321", "12321")).toBe("MTIzMjE=~FGhnpS-4JBlFz4V-78zKBAIr0m7e-Mf1mryud9JZt0U=");
  });

  it("P-14 come back from what was signed with the key, and with no other", () => {
    fc.assert(
      fc.property(text, text, text, (id, key, other) => {
        const signed = signConnectionId(id, key);
        expect(signed).toMatch(/^[\w=-]+~[\w=-]{44}$/);
        expect(verifyConnectionId(signed, key)).toBe(id);
        if (other !== key) expect(verifyConnectionId(signed, other)).toBeNull();
      }),
    );
  });

  it("P-14 with one character flipped anywhere are none", () => {
    fc.assert(
      fc.property(text, fc.nat(), fc.string({ unit: "binary", minLength: 1, maxLength: 1 }), (id, place, character) => {
        const signed = signConnectionId(id, "a key");
        const at = place % signed.length;
        fc.pre(signed[at] !== character);
        expect(verifyConnectionId(signed.slice(0, at) + character + signed.slice(at + 1), "a key")).toBeNull();
      }),
      { numRuns: 500 },
    );
    // Every place, every sign of the alphabet: the last ones before padding have bits that decoders ignore.
    const signed = signConnectionId("12321", "a key");
    for (let at = 0; at < signed.length; at += 1) {
      for (const sign of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=~. \n") {
        if (sign === signed[at]) continue;
        expect(verifyConnectionId(signed.slice(0, at) + sign + signed.slice(at + 1), "a key")).toBeNull();
      }
    }
  });

  it("P-14 are not any text, of any length", () => {
    const signed = signConnectionId(newConnectionId(), "a key");
    const near = [
      "",
      "~",
      "~~",
      signed.slice(1),
      signed.slice(0, -1),
      `${signed}=`,
      `${signed}~`,
      ` ${signed}`,
      `${signed}\0`,
    ];
    for (const given of [...near, signed.replace("~", ""), "A".repeat(5_000_000), `${"A".repeat(5_000_000)}~${signed}`])
      expect(verifyConnectionId(given, "a key")).toBeNull();
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 500 }), (given) => {
        expect(verifyConnectionId(given, "a key")).toBeNull();
      }),
    );
  });

  it("are signed up to the length that is read, and no further", () => {
    const longest = "é".repeat(128);
    expect(verifyConnectionId(signConnectionId(longest, "a key"), "a key")).toBe(longest);
    for (const id of ["", `${longest}x`]) expect(() => signConnectionId(id, "a key")).toThrow(UsageError);
  });
});
