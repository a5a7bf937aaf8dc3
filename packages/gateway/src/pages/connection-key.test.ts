import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { connectionKey, legacyDigest } from "./connection-key.ts";

interface Page {
  readonly sessionKey: string;
  readonly connectionId: string;
}

const vectors = JSON.parse(readFileSync(new URL("../../../../test/vectors/pages.json", import.meta.url), "utf8")) as {
  readonly connectionKeys: readonly (Page & { readonly key: string; readonly connectionKey: string })[];
  readonly legacyDigests: readonly (Page & { readonly digest: string })[];
};

describe("the key of a connection", () => {
  it("P-12 is an HMAC of session key and connection id", () => {
    expect(vectors.connectionKeys.length).toBeGreaterThan(0);
    for (const { key, sessionKey, connectionId, connectionKey: expected } of vectors.connectionKeys)
      expect(connectionKey(key, sessionKey, connectionId)).toBe(expected);
  });

  it("P-12 is no other pair's, and no other secret's", () => {
    const part = fc.string({ unit: fc.constantFrom("1", "2", ":", "a", "é"), maxLength: 6 });
    fc.assert(
      fc.property(part, part, part, part, (sessionKey, connectionId, otherKey, otherId) => {
        const key = connectionKey("a key", sessionKey, connectionId);
        expect(key).toMatch(/^[0-9a-f]{64}$/);
        const isSame = sessionKey === otherKey && connectionId === otherId;
        expect(connectionKey("a key", otherKey, otherId) === key).toBe(isSame);
        expect(connectionKey("another", sessionKey, connectionId)).not.toBe(key);
      }),
    );
    for (const cut of [0, 1, 2, 3, 4]) {
      const [sessionKey, connectionId] = ["abcd".slice(0, cut), "abcd".slice(cut)];
      if (cut !== 2) expect(connectionKey("k", sessionKey, connectionId)).not.toBe(connectionKey("k", "ab", "cd"));
    }
  });

  it("P-12 has the digest of old beside it", () => {
    for (const { sessionKey, connectionId, digest } of vectors.legacyDigests)
      expect(legacyDigest(sessionKey, connectionId)).toBe(digest);
    expect(legacyDigest("abc", "def")).toBe("23a4f65ed1a67c0a3206d53395ab9c0a61f7ea99");
  });
});
