import { describe, expect, it } from "vitest";
import {
  type Principal,
  accountChannel,
  accountProblem,
  channelOf,
  mayAttend,
  mayListen,
  mayPublish,
  streamName,
} from "./principal.ts";

describe("principal", () => {
  it.each(["default", "a", "A-b_9", "x".repeat(64)])("takes %j as an account id", (account) => {
    expect(accountProblem(account)).toBeNull();
  });

  it.each(["", "a/b", "a b", "a.b", "é", "a\n", "x".repeat(65), 7, null, undefined])(
    "refuses %j as an account id",
    (account) => {
      expect(accountProblem(account)).toMatch(/^expected 1–64 letters/);
    },
  );

  it("a stream is <account>/<channel>, and the channel may hold anything, slashes included", () => {
    for (const channel of ["room", "a/b/c", "/", "account.acme"]) {
      expect(streamName("acme", channel)).toBe(`acme/${channel}`);
      expect(channelOf(streamName("acme", channel))).toBe(channel);
    }
  });

  it("the account's own channel is account.<id>", () => {
    expect(accountChannel("acme")).toBe("account.acme");
  });

  it("users and those without a key listen to, publish to and attend what lists of theirs say, others whatever an authenticator adds", () => {
    const lists = { mayListen: ["*"], mayPublish: ["*"], mayAttend: ["*"] };
    const listed: readonly Principal[] = [
      { kind: "user", account: "a", id: "u", ...lists },
      { kind: "public", account: "a", channel: "c", keyId: "0", ...lists } as Principal,
      { kind: "anonymous", account: "default", ...lists } as Principal,
    ];
    for (const may of [mayListen, mayPublish, mayAttend])
      expect(listed.map((principal) => may(principal, "x"))).toEqual([true, false, true]);
  });

  it("§8.1 only secret keys publish", () => {
    const principals: readonly Principal[] = [
      { kind: "secret", account: "a", keyId: "0" },
      { kind: "public", account: "a", channel: "c", keyId: "0" },
      { kind: "anonymous", account: "default" },
    ];
    expect(principals.map((principal) => mayPublish(principal, "c"))).toEqual([true, false, false]);
  });
});
