import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newSessionKey, readSessionKey, sessionKeyOf, setCookieText } from "./session-key.ts";

const { cookies } = JSON.parse(
  readFileSync(new URL("../../../../test/vectors/pages.json", import.meta.url), "utf8"),
) as {
  readonly cookies: readonly { readonly key: string; readonly sessionKey: string; readonly value: string }[];
};

const signingKey = "a key";
const cookieOf = (key: string, signedWith = signingKey): string =>
  setCookieText(key, { signingKey: signedWith, secure: false }).replace(/;.*/, "");

describe("the visitor's key", () => {
  it("P-10 is 64 hex digits in a signed cookie that scripts and other sites' forms don't get", () => {
    const { key, isNew } = sessionKeyOf(undefined, signingKey);
    expect(isNew).toBe(true);
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    const text = setCookieText(key, { signingKey, secure: true });
    expect(text).toMatch(/^tl_key=[0-9a-f]{64}\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
    expect(setCookieText(key, { signingKey, secure: false })).toBe(text.replace("; Secure", ""));
    for (const vector of cookies)
      expect(setCookieText(vector.sessionKey, { signingKey: vector.key, secure: false })).toMatch(
        `tl_key=${vector.value};`,
      );
  });

  it("P-10 stays the same for as long as the cookie comes back", () => {
    const key = newSessionKey();
    expect(sessionKeyOf(cookieOf(key), signingKey)).toEqual({ key, isNew: false });
    expect(sessionKeyOf(`theme=dark; ${cookieOf(key)}; tl_key2=x`, signingKey)).toEqual({ key, isNew: false });
  });

  it("P-10 is a new one where the cookie is not signed by this secret", () => {
    const key = newSessionKey();
    const cookie = cookieOf(key);
    const others = [
      "",
      "tl_key=",
      `tl_key=${key}`,
      cookieOf(key, "another"),
      `x${cookie}`,
      cookie.toUpperCase(),
      `${cookie}x`,
    ];
    for (const header of others) {
      const fresh = sessionKeyOf(header, signingKey);
      expect(fresh.isNew).toBe(true);
      expect(fresh.key).not.toBe(key);
    }
    fc.assert(
      fc.property(fc.nat(), fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 1 }), (place, character) => {
        const at = "tl_key=".length + (place % (cookie.length - "tl_key=".length));
        // The signature's last character has two bits that decoders ignore: compared are the texts.
        fc.pre(cookie[at] !== character);
        const read = readSessionKey(cookie.slice(0, at) + character + cookie.slice(at + 1), signingKey);
        expect(read).toBeNull();
      }),
      { numRuns: 500 },
    );
  });

  it("is the first that is signed: a sibling domain's may come along", () => {
    const key = newSessionKey();
    const header = `${cookieOf(newSessionKey(), "another")}; ${cookieOf(key)}; ${cookieOf(newSessionKey())}`;
    expect(readSessionKey(header, signingKey)).toBe(key);
  });

  it("is read from any header without a throw", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (header) => {
        expect(readSessionKey(header, signingKey)).toBeNull();
        expect(readSessionKey(`tl_key=${header}`, signingKey)).toBeNull();
      }),
    );
  });
});
