import { describe, expect, it } from "vitest";
import { changedGrants } from "./changed-grants.ts";
import type { UserPrincipal } from "./principal.ts";

const user = (grants: Partial<UserPrincipal>): UserPrincipal => ({ kind: "user", account: "acme", id: "u", ...grants });

describe("changedGrants", () => {
  it("takes off what only the old token granted, and puts on what the new one does", () => {
    const changed = changedGrants(user({ channels: ["a", "b"] }), user({ channels: ["b", "c"] }), ["a", "b"]);
    expect(changed).toEqual({ off: ["a"], on: ["c"] });
  });

  it("leaves a channel that was a grant of its own and is covered by a pattern now, and the reverse", () => {
    const own = user({ channels: ["org.1"] });
    const pattern = user({ mayListen: ["org.*"] });
    expect(changedGrants(own, pattern, ["org.1"])).toEqual({ off: [], on: [] });
    expect(changedGrants(pattern, own, ["org.1", "org.2"])).toEqual({ off: ["org.2"], on: [] });
  });

  it("leaves what somebody else gave", () => {
    expect(changedGrants(user({ mayListen: ["org.*"] }), user({}), ["account.acme", "news"])).toEqual({
      off: [],
      on: [],
    });
  });
});
