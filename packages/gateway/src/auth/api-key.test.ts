import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type KeyringOptions, keyring } from "./api-key.ts";

const fingerprint = (key: string): string => createHash("sha256").update(key).digest("hex").slice(0, 8);

function problemsOf(options: KeyringOptions): string {
  try {
    keyring(options);
  } catch (error) {
    expect(error).toMatchObject({ name: "UsageError", code: "usage.bad-option" });
    return (error as Error).message;
  }
  return "none";
}

describe("keyring: whose a key is", () => {
  const keys = keyring({
    secretKeys: [{ key: "sk-one", account: "acme" }, { key: "a&b=c+d#e" }],
    publicKeys: [{ key: "pk-one", channel: "news", account: "acme" }],
  });

  it("a secret key is its account's, the default account's when it names none", () => {
    expect(keys("sk-one")).toEqual({ kind: "secret", account: "acme", keyId: fingerprint("sk-one") });
    expect(keys("a&b=c+d#e")).toMatchObject({ account: "default" });
  });

  it("a public key may listen to its channel", () => {
    expect(keys("pk-one")).toEqual({ kind: "public", account: "acme", channel: "news", keyId: fingerprint("pk-one") });
  });

  it.each(["sk-on", "sk-one ", "SK-ONE", "sk-onee", "", "toString", "__proto__"])("%j is nobody's", (credential) => {
    expect(keys(credential)).toBeNull();
  });
});

describe("keyring: the account of a public key", () => {
  const accountOf = (options: KeyringOptions): unknown => keyring(options)("pk");

  it("is the one it names, before all others", () => {
    const publicKeys = [{ key: "pk", channel: "account.c", account: "b" }];
    expect(accountOf({ secretKeys: [{ key: "s", account: "a" }], publicKeys })).toMatchObject({ account: "b" });
  });

  it("the account.<id> in its channel, even beside the keys of one other account", () => {
    const secretKeys = [{ key: "s", account: "default" }];
    expect(accountOf({ secretKeys, publicKeys: [{ key: "pk", channel: "account.acme" }] })).toMatchObject({
      account: "acme",
      channel: "account.acme",
    });
  });

  it("else the only account of the secret keys", () => {
    const secretKeys = [
      { key: "s1", account: "a" },
      { key: "s2", account: "a" },
    ];
    expect(accountOf({ secretKeys, publicKeys: [{ key: "pk", channel: "news" }] })).toMatchObject({ account: "a" });
  });

  it("else the account in its channel's name", () => {
    const secretKeys = [
      { key: "s1", account: "a" },
      { key: "s2", account: "b" },
    ];
    expect(accountOf({ secretKeys, publicKeys: [{ key: "pk", channel: "account.b" }] })).toMatchObject({
      account: "b",
    });
    expect(accountOf({ publicKeys: [{ key: "pk", channel: "account.b" }] })).toMatchObject({ account: "b" });
  });

  it("else a problem that says what to write", () => {
    const secretKeys = [{ key: "s1", account: "a" }, { key: "s2" }];
    for (const channel of ["news", "account.", "account.x y"]) {
      const problem = problemsOf({ secretKeys, publicKeys: [{ key: "pk", channel }] });
      expect(problem).toMatch(/publicKeys\[0\]\.account: expected one.*write the account.*account\.<id>/);
    }
  });
});

describe("keyring: options", () => {
  it("lists every problem, names keys by index and repeats no key", () => {
    const problem = problemsOf({
      secretKeys: [
        { key: "same-secret" },
        { key: "" },
        { key: "has space-secret", account: "bad/account" },
        { key: "same-secret", account: "other" },
      ],
      publicKeys: [
        { key: "same-secret", channel: "news", account: "a" },
        { key: "pk-secret", channel: "a*", account: "" },
        { key: 7 as never, channel: "news", account: "a" },
      ],
    });
    for (const part of [
      "secretKeys[1].key: expected a non-empty string",
      "secretKeys[2].key: expected visible ASCII",
      'secretKeys[2].account: expected 1–64 letters, digits, "_" or "-", got "bad/account"',
      "secretKeys[3].key: expected a key of its own, got the same as secretKeys[0].key",
      "publicKeys[0].key: expected a key of its own, got the same as ",
      'publicKeys[1].channel: expected no "*"',
      "publicKeys[1].account: expected 1–64 letters",
      "publicKeys[2].key: expected a string, got number",
    ])
      expect(problem).toContain(part);
    expect(problem).not.toMatch(/-secret/);
  });
});
