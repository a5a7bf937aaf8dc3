import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TrunklineError } from "../errors.ts";
import { ScopeValueError, scopeKey } from "./scope.ts";

describe("scopeKey", () => {
  it("A-05 joins names and values in their order", () => {
    expect(scopeKey({ organization: 1, user: 2 })).toBe("organization.1.user.2");
    expect(scopeKey({ user: 2n, organization: "acme" })).toBe("user.2.organization.acme");
    expect(scopeKey({})).toBe("");
  });

  it("A-06 refuses values that would leave a hole", () => {
    for (const value of [null, undefined, "", NaN, Infinity, true, {}, [], Symbol("x"), "\ud800"]) {
      expect(() => scopeKey({ organization: value })).toThrow(ScopeValueError);
    }
    try {
      scopeKey({ organization: null });
    } catch (error) {
      expect(error).toBeInstanceOf(TrunklineError);
      expect(error).toMatchObject({ code: "usage.bad-scope", scopeName: "organization", name: "ScopeValueError" });
      expect((error as Error).message).toContain("got null");
    }
    for (const name of ["", "a.b", "*", "1a", "é"]) expect(() => scopeKey({ [name]: 1 })).toThrow(ScopeValueError);
  });

  it("A-06 a value can't shift what follows it, nor be a pattern", () => {
    expect(scopeKey({ team: "a.b" })).toBe("team.a%2Eb");
    expect(scopeKey({ team: "*" })).toBe("team.%2A");
    expect(scopeKey({ team: "é/1%" })).toBe("team.%C3%A9%2F1%25");
    expect(scopeKey({ team: -1.5 })).toBe("team.-1%2E5");
  });

  it("A-06 two different values never give the same channel, and each can be read back", () => {
    const text = fc.string({ unit: "grapheme", minLength: 1 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        const [one, other] = [scopeKey({ s: a }), scopeKey({ s: b })];
        expect(one === other).toBe(a === b);
        expect(one).toMatch(/^s\.[A-Za-z0-9_%-]+$/);
        expect(decodeURIComponent(one.slice(2))).toBe(a);
      }),
    );
  });
});
