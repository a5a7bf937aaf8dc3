import { describe, expect, it } from "vitest";
import { readRedirect, readSlots } from "./cluster-slots.ts";

const asked = { host: "10.0.0.9", port: 7000 };

describe("cluster slots", () => {
  it("are read with their primaries; a node without an address is the one that was asked", () => {
    const answer = [
      [0, 5460, ["10.0.0.1", 7001, "id", []], ["10.0.0.2", 7002, "id2", []]],
      [5461, 16_383, ["", 7000, "id3", []]],
    ];
    expect(readSlots(answer, asked)).toEqual([
      { first: 0, last: 5460, primary: { host: "10.0.0.1", port: 7001 } },
      { first: 5461, last: 16_383, primary: { host: "10.0.0.9", port: 7000 } },
    ]);
    expect(readSlots(null, asked)).toEqual([]);
    expect(readSlots([7, [1]], asked)).toEqual([]);
  });

  it("redirects are read, and nothing else is taken for one", () => {
    expect(readRedirect("MOVED 3999 127.0.0.1:6381", asked)).toEqual({
      kind: "MOVED",
      slot: 3999,
      node: { host: "127.0.0.1", port: 6381 },
    });
    expect(readRedirect("ASK 12 ::1:6381", asked)).toMatchObject({ kind: "ASK", node: { host: "::1", port: 6381 } });
    expect(readRedirect("MOVED 1 :6381", asked)).toMatchObject({ node: { host: "10.0.0.9", port: 6381 } });
    expect(readRedirect("CLUSTERDOWN Hash slot not served", asked)).toBeNull();
  });
});
