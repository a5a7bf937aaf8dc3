import { scopeKey } from "@trunkline/core/publish";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Principal } from "./auth/principal.ts";
import { ReadRequest } from "./auth/request-info.ts";
import { type DecideScope, type ScopeVisitor, pathScope, requestScope, scopeOf } from "./scope.ts";

const secret: Principal = { kind: "secret", account: "acme", keyId: "12345678" };
const user: Principal = { kind: "user", account: "acme", id: "42", scope: "organization.5" };
const request = new ReadRequest({ url: "/organization/1234?token=a%20b", headers: {} });

const visitor = (hint: string | null, principal: Principal = secret): ScopeVisitor => ({ principal, hint, request });
const decide = (option: DecideScope | undefined, hint: string | null, principal?: Principal) =>
  (async () => scopeOf(option, visitor(hint, principal)))();

describe("A-24 pathScope", () => {
  const option = pathScope({ allowed: ["organization", "project"] });

  it.each([
    ["organization/5", "organization.5"],
    ["organization/a%20b", "organization.a%20b"],
    // What would make it another scope is part of the value, as a publisher writes it.
    ["organization/5.project.7", "organization.5%2Eproject%2E7"],
    ["organization/5%2Fproject%2F7", "organization.5%2Fproject%2F7"],
    ["organization/..", "organization.%2E%2E"],
    ["organization/*", "organization.%2A"],
    ["project/7/organization/5", "project.7.organization.5"],
  ])("%s is the scope %s", async (hint, scope) => {
    expect(await decide(option, hint)).toBe(scope);
  });

  it.each([
    "user/5",
    "organization",
    "organization/",
    "organization/5/project",
    "organization/5/",
    "/organization/5",
    "organization/5/organization/6",
    "organization/\ud800",
    "organization/%",
    "",
    `organization/${"5".repeat(600)}`,
    `organization/${"5".repeat(10_000)}`,
  ])("%j is refused", async (hint) => {
    await expect(decide(option, hint)).rejects.toMatchObject({ code: "gateway.forbidden" });
  });

  it("gives a user the scope of its principal, and no other", async () => {
    expect(await decide(option, null, user)).toBe("organization.5");
    expect(await decide(option, "organization/5", user)).toBe("organization.5");
    await expect(decide(option, "organization/6", user)).rejects.toMatchObject({ code: "gateway.forbidden" });
    expect(await decide(option, null)).toBeNull();
  });

  it("asks whether the visitor may have it", async () => {
    const asked: unknown[] = [];
    const mine = pathScope({
      allowed: ["organization"],
      permits: async (scope, { principal }) => asked.push([scope, principal.kind]) > 0 && scope["organization"] === "5",
    });
    expect(await decide(mine, "organization/5")).toBe("organization.5");
    await expect(decide(mine, "organization/6", user)).rejects.toMatchObject({ code: "gateway.forbidden" });
    expect(asked).toEqual([
      [{ organization: "5" }, "secret"],
      [{ organization: "6" }, "user"],
    ]);
  });

  it("A-26 what a client asks for is what a publisher publishes to, whatever the value, and no other", () => {
    const scope = fc.dictionary(
      fc.constantFrom("organization", "project", "user"),
      fc.string({ minLength: 1, unit: "grapheme" }),
      {
        minKeys: 1,
      },
    );
    const any = pathScope({ allowed: ["organization", "project", "user"] });
    return fc.assert(
      fc.asyncProperty(scope, scope, async (one, other) => {
        const asked = await decide(any, Object.entries(one).flat().map(encodeURIComponent).join("/")).catch(() => null);
        // Longer than a name may be.
        if (asked === null) return expect(scopeKey(one).length).toBeGreaterThan(500);
        expect(asked).toBe(scopeKey(one));
        const same = JSON.stringify(Object.entries(one)) === JSON.stringify(Object.entries(other));
        expect(asked === scopeKey(other)).toBe(same);
      }),
    );
  });

  it("tells the app of a name that no publisher can use", () => {
    expect(() => pathScope({ allowed: ["organization", "a.b"] })).toThrow(/a\.b/);
  });
});

describe("A-21 requestScope", () => {
  class Organization {
    readonly #segments: readonly string[];
    constructor({ request: { segments } }: ScopeVisitor) {
      this.#segments = segments;
    }
    valid(): boolean {
      return this.#segments[0] === "organization";
    }
    routingKey(): string {
      return this.#segments.join(".");
    }
  }
  const option = requestScope(Organization);

  it("A-23 is made with the request of each visitor, decoded", async () => {
    expect(await decide(option, null)).toBe("organization.1234");
    expect([request.segments, request.params.get("token")]).toEqual([["organization", "1234"], "a b"]);
  });

  it.each(["false", 1, {}, undefined])("a word that is not true is a no: %j", async (word) => {
    class Lax {
      valid(): boolean {
        return word as boolean;
      }
      routingKey(): string {
        return "organization.1";
      }
    }
    await expect(decide(requestScope(Lax), null)).rejects.toMatchObject({ code: "gateway.forbidden" });
    const lax = pathScope({ allowed: ["organization"], permits: () => word as boolean });
    await expect(decide(lax, "organization/1")).rejects.toMatchObject({ code: "gateway.forbidden" });
  });

  it("refuses what is not valid", async () => {
    const elsewhere = { principal: secret, hint: null, request: new ReadRequest({ url: "/user/1", headers: {} }) };
    await expect((async () => scopeOf(option, elsewhere))()).rejects.toMatchObject({ code: "gateway.forbidden" });
  });
});

it("§2.6 without an option a hint is refused, and users have the scope of their principal", async () => {
  expect(await decide(undefined, null)).toBeNull();
  expect(await decide(undefined, null, user)).toBe("organization.5");
  await expect(decide(undefined, "organization/5", user)).rejects.toMatchObject({ code: "gateway.forbidden" });
});

it("§2.6 a hint that is answered with none is refused; what the option throws is passed on", async () => {
  await expect(decide(() => null, "x")).rejects.toMatchObject({ code: "gateway.forbidden" });
  const broken = (): never => {
    throw new Error("database");
  };
  await expect(decide(broken, null)).rejects.toThrow("database");
  // Nobody is asked about what is far too long.
  await expect(decide(broken, "x".repeat(2049))).rejects.toMatchObject({ code: "gateway.forbidden" });
});

it.each(["a*", "a..b", "a\nb", "", "x".repeat(10_000)])(
  "a scope that can't name a channel is refused: %j",
  async (scope) => {
    await expect(decide(() => scope, null)).rejects.toMatchObject({ code: "gateway.forbidden" });
  },
);
