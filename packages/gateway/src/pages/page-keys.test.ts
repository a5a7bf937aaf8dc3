import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { UsageError } from "@trunkline/core/errors";
import { describe, expect, it } from "vitest";
import { pageKeys } from "./page-keys.ts";

const { derivedKeys } = JSON.parse(
  readFileSync(new URL("../../../../test/vectors/pages.json", import.meta.url), "utf8"),
) as { readonly derivedKeys: Readonly<Record<"secret" | "session" | "connectionId" | "connection", string>> };

describe("pageKeys", () => {
  it("makes a key for each purpose of one secret", () => {
    const keys = pageKeys(derivedKeys.secret);
    expect(keys.session.export().toString("hex")).toBe(derivedKeys.session);
    expect(keys.connectionId.export().toString("hex")).toBe(derivedKeys.connectionId);
    expect(keys.connection.export().toString("hex")).toBe(derivedKeys.connection);
    expect(pageKeys(Buffer.from(derivedKeys.secret)).session.equals(keys.session)).toBe(true);
    expect(inspect(keys, { depth: 9 })).not.toContain(derivedKeys.session);
  });

  it("refuses a secret that is too short, and does not repeat it", () => {
    const short = "hunter2-hunter2-hunter2-hunter2";
    expect(() => pageKeys(short)).toThrow(UsageError);
    try {
      pageKeys(short);
    } catch (error) {
      expect(error).toMatchObject({ code: "usage.bad-option" });
      expect((error as Error).message).toMatch(/secret.*32 characters, got 31.*openssl/);
      expect((error as Error).message).not.toContain("hunter2");
    }
    for (const given of ["", new Uint8Array(31), undefined, null, 7, {}])
      expect(() => pageKeys(given as string)).toThrow(UsageError);
    expect(() => pageKeys(`${short}!`)).not.toThrow();
  });
});
