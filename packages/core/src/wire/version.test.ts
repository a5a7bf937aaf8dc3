import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { publishPath, socketPath, subprotocol, version } from "./version.ts";

describe("version", () => {
  it("is the package's", () => {
    const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
    expect(version).toBe((JSON.parse(text) as { readonly version: string }).version);
  });

  it("§2.1 §8.1 names the subprotocol and the doors", () => {
    expect([subprotocol, socketPath, publishPath]).toEqual(["trunkline.v1", "/api/ws/v1/events", "/api/v1/publish"]);
  });
});
