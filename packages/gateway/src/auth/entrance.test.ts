import { GatewayError } from "@trunkline/core/errors";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { type Authenticator, type Entry, RequestAuthenticator, requestAuthenticator } from "./authenticator.ts";
import { type EntranceOptions, createEntrance } from "./entrance.ts";
import type { Principal } from "./principal.ts";
import { ReadRequest } from "./request-info.ts";

const ada: Principal = { kind: "user", account: "acme", id: "ada" };
const bob: Principal = { kind: "user", account: "acme", id: "bob" };
const keys = {
  secretKeys: [{ key: "sk-one", account: "acme" }],
  publicKeys: [{ key: "pk-one", channel: "news", account: "acme" }],
};

function setUp(options: EntranceOptions) {
  const failures: unknown[] = [];
  return { entrance: createEntrance(options, (cause) => failures.push(cause)), failures };
}
const entry = (token?: string, headers = {}): Entry => ({ token, request: new ReadRequest({ headers }) });

/** An authenticator that knows these tokens, and notes what it was asked. */
function knows(tokens: Readonly<Record<string, Principal>>, seen: unknown[] = []): Authenticator {
  return ({ token }) => {
    seen.push(token);
    return tokens[token ?? ""] ?? null;
  };
}

/** Of the requests with the cookie `sid=1`. */
class Session extends RequestAuthenticator {
  override matches(): boolean {
    return this.request.cookies.get("sid") === "1";
  }
  override principal(): Principal {
    return ada;
  }
}
const withCookie = entry(undefined, { cookie: "sid=1" });

describe("the chain", () => {
  it("R-12 keys come first, then authenticators in their order: the first principal counts, and no further one is asked", async () => {
    const seen: unknown[] = [];
    const later = async (asked: Entry) => (asked.token === "t" || asked.token === "u" ? bob : null);
    const { entrance } = setUp({ ...keys, authenticate: [knows({ t: ada }, seen), later] });
    expect(entrance.enter(entry("pk-one"))).toMatchObject({ ok: true, principal: { kind: "public" } });
    expect(seen).toEqual([]);
    expect(entrance.enter(entry("t"))).toEqual({ ok: true, principal: ada });
    expect(await entrance.enter(entry("u"))).toEqual({ ok: true, principal: bob });
    expect(await entrance.enter(entry("v"))).toMatchObject({ status: 401, error: { code: "gateway.unauthorized" } });
    expect(seen).toEqual(["t", "u", "v"]);
  });

  it("takes promises of any make, and nothing for null; a principal that can't be read lets nobody in", async () => {
    const thenable = runInNewContext("Promise.resolve(ada)", { ada }) as Promise<Principal>;
    expect(thenable).not.toBeInstanceOf(Promise);
    expect(await setUp({ authenticate: () => thenable }).entrance.enter(entry("t"))).toEqual({
      ok: true,
      principal: ada,
    });
    const nothing = (() => undefined) as unknown as Authenticator;
    expect(await setUp({ authenticate: nothing }).entrance.enter(entry("t"))).toMatchObject({ status: 401 });
    const trap = Object.defineProperty({ ...bob }, "account", {
      get: () => {
        throw new Error("no");
      },
    });
    for (const authenticate of [() => trap, async () => trap]) {
      const { entrance, failures } = setUp({ authenticate });
      expect(await entrance.enter(entry("t"))).toMatchObject({ status: 500 });
      expect(String(failures)).toBe("Error: no");
    }
  });

  it("answers at once as long as no authenticator takes its time", () => {
    const { entrance } = setUp({ ...keys, authenticate: knows({ t: ada }) });
    for (const token of ["sk-one", "t", "wrong", undefined])
      expect(entrance.enter(entry(token))).not.toBeInstanceOf(Promise);
  });

  it("§13.2 those without a credential may what the operator says of them, in patterns that are looked at", () => {
    const rights = { mayListen: ["chat.*"], mayPublish: ["chat.*"], mayAttend: ["chat.*"] };
    expect(setUp({ anonymous: rights }).entrance.enter(entry())).toEqual({
      ok: true,
      principal: { kind: "anonymous", account: "default", ...rights },
    });
    expect(() => setUp({ anonymous: { mayListen: ["a*b"] } })).toThrow(/anonymous: mayListen\[0\]: expected no "\*"/);
    expect(() => setUp({ anonymous: { mayAttend: "chat" as never } })).toThrow(
      /mayAttend: expected a list of channels/,
    );
    expect(() => setUp({ anonymous: null as never })).toThrow(/anonymous: expected a boolean or what they may/);
  });

  it("no credential is refused unless anonymous was said, and a wrong one always", () => {
    const { entrance } = setUp(keys);
    const noToken = { ok: false, status: 401, error: { code: "gateway.unauthorized" } };
    expect(entrance.enter(entry())).toMatchObject(noToken);
    const open = setUp({ anonymous: true }).entrance;
    expect(open.enter(entry(undefined, { origin: "https://x" }))).toEqual({
      ok: true,
      principal: { kind: "anonymous", account: "default" },
    });
    expect(open.enter(entry("guess"))).toMatchObject(noToken);
  });

  it("§2.5 a secret key with an Origin is refused, with the reason and the remedy, whoever says that it is one", () => {
    const minted = knows({ t: { kind: "secret", account: "acme", keyId: "k" } });
    const { entrance } = setUp({ ...keys, authenticate: minted });
    for (const origin of ["https://app.example.com", "null", ""])
      for (const token of ["sk-one", "t"]) {
        const refused = entrance.enter(entry(token, { origin }));
        expect(refused).toMatchObject({ ok: false, status: 403, error: { code: "gateway.forbidden" } });
        expect(JSON.stringify(refused)).toMatch(/Origin.*public key/);
      }
    expect(entrance.enter(entry("pk-one", { origin: "https://app.example.com" }))).toMatchObject({ ok: true });
  });

  it.each(["thrown", "rejected"])("a GatewayError that is %s ends the chain with its refusal", async (how) => {
    const seen: unknown[] = [];
    for (const [code, status] of [
      ["gateway.unauthorized", 401],
      ["gateway.forbidden", 403],
    ] as const) {
      const error = new GatewayError(code, "expected a fresh token, got an old one");
      const refuses = (): Promise<null> => {
        if (how === "thrown") throw error;
        return Promise.reject(error);
      };
      const { entrance, failures } = setUp({ authenticate: [refuses, knows({ t: ada }, seen)], anonymous: true });
      expect(await entrance.enter(entry("t"))).toEqual({ ok: false, status, error: { code, message: error.message } });
      expect(failures).toEqual([]);
    }
    expect(seen).toEqual([]);
  });

  it("R-13 whatever else is thrown is a failure: 500, told to the operator and to nobody else", async () => {
    const cause = new Error("db at 10.0.0.7 refused pw hunter2");
    const word = "hunter2";
    const limit = new GatewayError("gateway.limit", "hunter2");
    const fails: (() => Promise<null>)[] = [
      () => Promise.reject(cause),
      () => Promise.reject(word),
      () => Promise.reject(limit),
      () => {
        throw cause;
      },
    ];
    for (const authenticate of fails) {
      const { entrance, failures } = setUp({ authenticate, anonymous: true });
      const answer = await entrance.enter(entry("t"));
      expect(answer).toMatchObject({ ok: false, status: 500, error: { code: "gateway.internal" } });
      expect(JSON.stringify(answer)).not.toMatch(/hunter2|10\.0/);
      expect(failures).toHaveLength(1);
    }
  });

  it.each([
    [{ kind: "user", account: "a/b", id: "u" }, /account: expected/],
    [{ kind: "user", account: "acme" }, /id: expected/],
    [{ kind: "user", account: "acme", id: "u", channels: ["a*"] }, /channels\[0\]/],
    [{ kind: "user", account: "acme", id: "u", channels: "news" }, /channels: expected a list/],
    [{ kind: "user", account: "acme", id: "u\ud800" }, /id: expected 1–256 bytes of text/],
    [{ kind: "user", account: "acme", id: "u", mayListen: null }, /mayListen: expected a list of channels, got null/],
    [{ kind: "user", account: "acme", id: "u", mayPublish: ["a", "b*c"] }, /mayPublish\[1\]: expected no "\*"/],
    [{ kind: "user", account: "acme", id: "u", mayListen: ["**"] }, /mayListen\[0\]: expected no "\*"/],
    [{ kind: "user", account: "acme", id: "u", mayListen: [""] }, /mayListen\[0\]: expected a non-empty/],
    [{ kind: "user", account: "acme", id: "u", mayListen: ["a*b"] }, /mayListen\[0\]/],
    [{ kind: "user", account: "acme", id: "u", expiresAt: "soon" }, /expiresAt/],
    [{ kind: "secret", account: "acme", keyId: "a:b" }, /keyId/],
    [{ kind: "secret", account: "acme", keyId: "user-x" }, /keyId/],
    [{ kind: "admin", account: "acme" }, /kind: expected/],
    [true, /expected a principal or null, got boolean/],
  ])("%j is no principal: nobody comes in as it", async (principal, problem) => {
    const { entrance, failures } = setUp({ authenticate: async () => principal as unknown as Principal });
    expect(await entrance.enter(entry("t"))).toMatchObject({ ok: false, status: 500 });
    expect(String(failures)).toMatch(problem);
  });

  it("refuses options that let nobody in, and names every way", () => {
    for (const options of [{}, { secretKeys: [] }, { authenticate: [], anonymous: false }])
      expect(() => setUp(options)).toThrow(/secretKeys.*publicKeys.*authenticate.*anonymous: true/);
    expect(() => setUp({ authenticate: [knows({}), "x" as never] })).toThrow(/authenticate\[1\]: expected a function/);
  });

  it("no answer repeats the token", () => {
    const { entrance } = setUp(keys);
    const answers = ["sk-one", "pk-one", "sk-wrong-9"].flatMap((token) => [
      entrance.enter(entry(token)),
      entrance.enter(entry(token, { origin: "https://x" })),
    ]);
    expect(JSON.stringify(answers)).not.toMatch(/sk-one|pk-one|sk-wrong-9/);
  });
});

describe("before hello", () => {
  it("nothing is decided without a credential, unless an authenticator needs none", async () => {
    const seen: unknown[] = [];
    const { entrance } = setUp({ ...keys, authenticate: [knows({ t: bob }, seen), requestAuthenticator(Session)] });
    expect(setUp(keys).entrance.beforeHello(entry())).toBeNull();
    expect(await entrance.beforeHello(withCookie)).toEqual({ ok: true, principal: ada });
    expect(await entrance.beforeHello(entry())).toBeNull();
    expect(seen).toEqual([]);
    expect(await entrance.beforeHello(entry("t"))).toEqual({ ok: true, principal: bob });
    expect(entrance.atHello(entry("t"))).toEqual({ ok: true, principal: bob });
  });

  it("A-20 the base class lets nobody in: where no hello could change that it is 401 at once", async () => {
    const { entrance } = setUp({ authenticate: requestAuthenticator(RequestAuthenticator) });
    expect(await entrance.beforeHello(withCookie)).toMatchObject({ ok: false, status: 401 });
    expect(await entrance.enter(withCookie)).toMatchObject({ ok: false, status: 401 });
    const open = setUp({ authenticate: requestAuthenticator(RequestAuthenticator), anonymous: true }).entrance;
    expect(await open.beforeHello(entry())).toMatchObject({ ok: true, principal: { kind: "anonymous" } });
  });

  it("A-20 a class with `matches` alone lets in without a name, also beside keys", async () => {
    class Anybody {
      matches = () => true;
    }
    const { entrance } = setUp({ ...keys, authenticate: requestAuthenticator(Anybody) });
    expect(await entrance.beforeHello(entry())).toEqual({
      ok: true,
      principal: { kind: "anonymous", account: "default" },
    });
  });
});
