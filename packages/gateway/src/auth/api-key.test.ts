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

describe("keyring: authenticate", () => {
  const keys = keyring({
    secretKeys: [{ key: "sk-one", account: "acme" }, { key: "a&b=c+d#e" }],
    publicKeys: [{ key: "pk-one", channel: "news", account: "acme" }],
  });

  it("a secret key is its account's, the default account's when it names none", () => {
    expect(keys.authenticate("sk-one", {})).toEqual({
      ok: true,
      principal: { kind: "secret", account: "acme", keyId: fingerprint("sk-one") },
    });
    expect(keys.authenticate("a&b=c+d#e", {})).toMatchObject({ principal: { account: "default" } });
  });

  it("a public key may listen to its channel, from a page too", () => {
    expect(keys.authenticate("pk-one", { origin: "https://app.example.com" })).toEqual({
      ok: true,
      principal: { kind: "public", account: "acme", channel: "news", keyId: fingerprint("pk-one") },
    });
  });

  it.each(["sk-on", "sk-one ", "SK-ONE", "sk-onee", "", "toString", "__proto__"])(
    "%j is unknown: 401",
    (credential) => {
      expect(keys.authenticate(credential, {})).toMatchObject({
        ok: false,
        status: 401,
        error: { code: "gateway.unauthorized" },
      });
    },
  );

  it("§2.5 a secret key with an Origin is refused, with the reason and the remedy, whatever the origin", () => {
    for (const origin of ["https://app.example.com", "null", ""]) {
      const refused = keys.authenticate("sk-one", { origin });
      expect(refused).toMatchObject({ ok: false, status: 403, error: { code: "gateway.forbidden" } });
      expect(JSON.stringify(refused)).toMatch(/Origin.*public key/);
    }
  });

  it("no credential is refused unless anonymous was said", () => {
    expect(keys.authenticate(undefined, {})).toMatchObject({
      ok: false,
      status: 401,
      error: { code: "gateway.unauthorized" },
    });
    const open = keyring({ anonymous: true });
    expect(open.authenticate(undefined, { origin: "https://x" })).toEqual({
      ok: true,
      principal: { kind: "anonymous", account: "default" },
    });
    expect(open.authenticate("guess", {})).toMatchObject({ ok: false, status: 401 });
  });

  it("no answer repeats the key", () => {
    const answers = [
      keys.authenticate("sk-one", {}),
      keys.authenticate("sk-one", { origin: "https://x" }),
      keys.authenticate("pk-one", {}),
      keys.authenticate("sk-wrong-9", {}),
    ];
    expect(JSON.stringify(answers)).not.toMatch(/sk-one|pk-one|sk-wrong-9/);
  });
});

describe("keyring: the account of a public key", () => {
  const accountOf = (options: KeyringOptions): unknown => keyring(options).authenticate("pk", {});

  it("is the one it names, before all others", () => {
    const publicKeys = [{ key: "pk", channel: "account.c", account: "b" }];
    expect(accountOf({ secretKeys: [{ key: "s", account: "a" }], publicKeys })).toMatchObject({
      principal: { account: "b" },
    });
  });

  it("the account.<id> in its channel, even beside the keys of one other account", () => {
    const secretKeys = [{ key: "s", account: "default" }];
    expect(accountOf({ secretKeys, publicKeys: [{ key: "pk", channel: "account.acme" }] })).toMatchObject({
      principal: { account: "acme", channel: "account.acme" },
    });
  });

  it("else the only account of the secret keys", () => {
    const secretKeys = [
      { key: "s1", account: "a" },
      { key: "s2", account: "a" },
    ];
    expect(accountOf({ secretKeys, publicKeys: [{ key: "pk", channel: "news" }] })).toMatchObject({
      principal: { account: "a" },
    });
  });

  it("else the account in its channel's name", () => {
    const secretKeys = [
      { key: "s1", account: "a" },
      { key: "s2", account: "b" },
    ];
    expect(accountOf({ secretKeys, publicKeys: [{ key: "pk", channel: "account.b" }] })).toMatchObject({
      principal: { account: "b" },
    });
    expect(accountOf({ publicKeys: [{ key: "pk", channel: "account.b" }] })).toMatchObject({
      principal: { account: "b" },
    });
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

  it("refuses a keyring nobody could use, and says both ways out", () => {
    expect(problemsOf({})).toMatch(/secretKeys.*anonymous: true/);
    expect(problemsOf({ anonymous: false, secretKeys: [] })).not.toBe("none");
    expect(problemsOf({ anonymous: true })).toBe("none");
  });
});
