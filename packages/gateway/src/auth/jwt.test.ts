import { createHmac, createSign, generateKeyPairSync, randomBytes } from "node:crypto";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ManualClock } from "@trunkline/core/testing";
import type { JWK } from "jose";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Entry } from "./authenticator.ts";
import { type JwtOptions, jwt } from "./jwt.ts";
import type { Principal } from "./principal.ts";
import { ReadRequest } from "./request-info.ts";
import { type SignTokenOptions, signToken } from "./sign-token.ts";

const clock = new ManualClock();
const now = Math.floor(clock.wallTime() / 1000);
const secret = "s".repeat(32);
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = (key: typeof rsa.publicKey): string => String(key.export({ type: "spki", format: "pem" }));

const request = new ReadRequest({ headers: {} });
const ask = async (options: JwtOptions, token: string | undefined): Promise<Principal | null> => {
  const entry: Entry = { token, request };
  return jwt({ clock, ...options })(entry);
};
const sign = (claims: object = {}, options: SignTokenOptions = { secret }): Promise<string> =>
  signToken({ sub: "ada", account: "acme", ...claims }, { clock, ...options });

/** A token by hand, as somebody would make one who wants in. */
function forge(header: object, claims: object, mac: (text: string) => string = () => ""): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${mac(signed)}`;
}
const hmac =
  (key: string | Buffer, hash = "sha256") =>
  (text: string): string =>
    createHmac(hash, key).update(text).digest("base64url");
const good = { sub: "ada", account: "acme", exp: now + 60 };

async function refusal(options: JwtOptions, token: string): Promise<string> {
  const error: unknown = await ask(options, token).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ name: "GatewayError", code: "gateway.unauthorized" });
  const { message } = error as Error;
  for (const part of token.split(".")) if (part.length > 8) expect(message).not.toContain(part);
  return message;
}

describe("jwt", () => {
  it("claims say who it is and what it may; the rest is for gateway code", async () => {
    const claims = {
      channels: ["room.1"],
      listen: ["news*"],
      publish: ["chat.*"],
      scope: "organization.1",
      role: "admin",
    };
    expect(await ask({ secret }, await sign(claims, { secret, expiresInSeconds: 60 }))).toEqual({
      kind: "user",
      account: "acme",
      id: "ada",
      channels: ["room.1"],
      mayListen: ["news*"],
      mayPublish: ["chat.*"],
      scope: "organization.1",
      expiresAt: (now + 60) * 1000,
      claims: { role: "admin", iat: now, exp: now + 60 },
    });
  });

  it("what is no JWT, or of another issuer, is left to the next authenticator", async () => {
    const options = { secret, issuer: "https://id.example" };
    for (const token of [undefined, "", "sk_acme", "eyJ", "a.b.c", "ey.e.e"])
      expect(await ask(options, token)).toBeNull();
    expect(await ask(options, await sign({}, { secret, issuer: "https://other.example" }))).toBeNull();
    expect(await ask(options, await sign())).toBeNull();
    expect(await ask(options, await sign({}, { secret, issuer: "https://id.example" }))).toMatchObject({ id: "ada" });
  });

  it.each([
    ["RSA, PEM", { privateKey: rsa.privateKey }, { publicKey: pem(rsa.publicKey) }],
    [
      "RSA, JWK",
      { privateKey: rsa.privateKey.export({ format: "jwk" }) },
      { publicKey: rsa.publicKey.export({ format: "jwk" }) },
    ],
    ["P-256, KeyObject", { privateKey: ec.privateKey }, { publicKey: ec.publicKey }],
    [
      "P-256, a set",
      { privateKey: ec.privateKey },
      { jwks: { keys: [ec.publicKey.export({ format: "jwk" }) as JWK] } },
    ],
    ["a secret of 64 bytes", { secret: "x".repeat(64) }, { secret: Buffer.alloc(64, "x") }],
  ])("%s: who signs is known", async (_, signing, verifying) => {
    expect(await ask(verifying, await sign({}, signing))).toMatchObject({ kind: "user", id: "ada" });
  });

  it("Ed25519 signs and is known", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    expect(await ask({ publicKey }, await sign({}, { privateKey }))).toMatchObject({ id: "ada" });
  });

  it("the account is the operator's when one is set: a token that names another is refused", async () => {
    const token = await signToken({ sub: "ada" }, { secret, clock });
    expect(await ask({ secret, account: "globex" }, token)).toMatchObject({ account: "globex" });
    expect(await ask({ secret }, token)).toMatchObject({ account: "default" });
    expect(await refusal({ secret, account: "globex" }, await sign())).toMatch(/account: expected "globex"/);
  });

  it("toPrincipal maps the tokens of others; null is nobody; isRevoked has the last word", async () => {
    const token = forge(
      { alg: "HS256", typ: "at+jwt" },
      { sub: 7, org: "acme", scope: "openid email", exp: now + 60 },
      hmac(secret),
    );
    const toPrincipal: JwtOptions["toPrincipal"] = ({ sub, org }) =>
      org === "acme" ? { kind: "user", account: "acme", id: `u${String(sub)}` } : null;
    expect(await ask({ secret, toPrincipal }, token)).toMatchObject({ id: "u7", expiresAt: (now + 60) * 1000 });
    expect(await ask({ secret, toPrincipal: async () => null }, token)).toBeNull();
    expect(await refusal({ secret, toPrincipal, account: "globex" }, token)).toMatch(/for this account/);
    expect(await refusal({ secret, toPrincipal, isRevoked: async ({ sub }) => sub === 7 }, token)).toMatch(/revoked/);
    await expect(ask({ secret, isRevoked: () => Promise.reject(new Error("db")) }, await sign())).rejects.toThrow("db");
  });

  it("what toPrincipal makes of a token ends with it, or before", async () => {
    const token = await sign();
    const { expiresAt } = (await ask({ secret }, token)) as { readonly expiresAt: number };
    const ending = (at: number | undefined) =>
      ask({ secret, toPrincipal: () => ({ kind: "user", account: "acme", id: "u", expiresAt: at as number }) }, token);
    expect(await ending(undefined)).toMatchObject({ expiresAt });
    expect(await ending(expiresAt + 1)).toMatchObject({ expiresAt });
    expect(await ending(expiresAt - 1)).toMatchObject({ expiresAt: expiresAt - 1 });
  });

  it("clocks may differ by clockToleranceSeconds, and the connection lasts as long", async () => {
    const token = forge({ alg: "HS256" }, { ...good, exp: now - 5 }, hmac(secret));
    expect(await refusal({ secret, clockToleranceSeconds: 5 }, token)).toMatch(/ended/);
    expect(await ask({ secret, clockToleranceSeconds: 6 }, token)).toMatchObject({ expiresAt: (now + 1) * 1000 });
  });
});

describe("jwt: attacks", () => {
  it("alg none, in every spelling, and no signature", async () => {
    for (const alg of ["none", "None", "NONE", "nOnE"])
      for (const options of [{ secret }, { publicKey: pem(rsa.publicKey) }]) {
        expect(await refusal(options, forge({ alg, typ: "JWT" }, good))).toMatch(/algorithm|well-formed/);
        expect(await refusal(options, forge({ alg, typ: "JWT" }, good, hmac(secret)))).toMatch(/algorithm|well-formed/);
      }
    expect(await refusal({ secret }, forge({ alg: "HS256" }, good))).toMatch(/signed with/);
    expect(await ask({ secret }, forge({}, good))).toBeNull();
    expect(await refusal({ secret }, forge({ typ: "JWT" }, good))).toMatch(/well-formed/);
  });

  it("HS256 with the public key as its secret, whatever its form", async () => {
    const jwk = rsa.publicKey.export({ format: "jwk" }) as JWK;
    const forms = [
      pem(rsa.publicKey),
      pem(rsa.publicKey).trim(),
      rsa.publicKey.export({ type: "spki", format: "der" }),
    ];
    for (const form of [...forms, JSON.stringify(jwk)])
      for (const options of [{ publicKey: pem(rsa.publicKey) }, { jwks: { keys: [jwk] } }])
        expect(await refusal(options, forge({ alg: "HS256", typ: "JWT" }, good, hmac(form)))).toMatch(/algorithm/);
  });

  it("an asymmetric algorithm where there is a secret, or the wrong one for the key", async () => {
    expect(await refusal({ secret }, await sign({}, { privateKey: rsa.privateKey }))).toMatch(/algorithm/);
    expect(await refusal({ publicKey: ec.publicKey }, await sign({}, { privateKey: rsa.privateKey }))).toMatch(
      /algorithm/,
    );
    const weak = forge({ alg: "RS1" }, good, (text) =>
      createSign("sha1").update(text).sign(rsa.privateKey, "base64url"),
    );
    expect(await refusal({ publicKey: rsa.publicKey }, weak)).toMatch(/algorithm/);
    expect(await refusal({ secret }, forge({ alg: "HS512" }, good, hmac(secret, "sha512")))).toMatch(/algorithm/);
  });

  it("a key of the attacker's in the token's own header", async () => {
    const own = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const jwk = own.publicKey.export({ format: "jwk" });
    const rs = (text: string): string => createSign("sha256").update(text).sign(own.privateKey, "base64url");
    for (const header of [
      { jwk },
      { jku: "http://127.0.0.1:1/jwks.json" },
      { x5c: ["AAAA"] },
      { x5u: "http://127.0.0.1:1/" },
    ])
      expect(await refusal({ publicKey: rsa.publicKey }, forge({ alg: "RS256", ...header }, good, rs))).toMatch(
        /signed with/,
      );
  });

  it.each(["../../etc/passwd", "' OR 1=1 --", "/dev/null", "http://evil.example/key", "__proto__", "x".repeat(5000)])(
    "a kid that is no name of a key: %$",
    async (kid) => {
      const keys = [{ ...rsa.publicKey.export({ format: "jwk" }), kid: "2026-01" } as JWK];
      const forged = forge({ alg: "RS256", kid }, good, (text) =>
        createSign("sha256").update(text).sign(rsa.privateKey, "base64url"),
      );
      expect(await refusal({ jwks: { keys } }, forged)).toMatch(/"kid"/);
      for (const key of ["", "\0", kid])
        expect(await refusal({ secret }, forge({ alg: "HS256", kid }, good, hmac(key)))).toMatch(/signed with/);
    },
  );

  it("expired, not yet valid, without an end, and an end that is no number", async () => {
    const made = (claims: object) => forge({ alg: "HS256" }, { ...good, ...claims }, hmac(secret));
    expect(await refusal({ secret }, made({ exp: now }))).toMatch(/ended/);
    expect(await refusal({ secret }, made({ nbf: now + 1 }))).toMatch(/for later/);
    expect(await refusal({ secret }, made({ exp: undefined }))).toMatch(/"exp" in it, got none/);
    for (const exp of ["9999999999", null, {}, [now + 60]])
      expect(await refusal({ secret }, made({ exp }))).toMatch(/"exp"/);
  });

  it("another audience, and none", async () => {
    const options = { secret, audience: ["trunkline", "live"] };
    expect(await refusal(options, await sign({}, { secret, audience: "billing" }))).toMatch(/"aud" to be another/);
    expect(await refusal(options, await sign())).toMatch(/"aud" in it, got none/);
    expect(await ask(options, await sign({}, { secret, audience: ["x", "live"] }))).toMatchObject({ id: "ada" });
  });

  it("a huge token is not looked at, and texts that are almost tokens are refused or left", async () => {
    expect(await refusal({ secret }, await sign({ pad: "x".repeat(20_000) }))).toMatch(/at most 8192 bytes/);
    const token = await sign();
    const [header = "", claims = "", signature = ""] = token.split(".");
    for (const broken of [
      `${header}.${claims}.`,
      `${header}.e.${signature}`,
      `${header}.${claims}.${signature.slice(1)}`,
      `eyJ9.${claims}.${signature}`,
    ])
      expect(await refusal({ secret }, broken)).toMatch(/^token: expected/);
    for (const broken of [`${token}.x`, `${token} `, ` ${token}`, token.replace(".", "")])
      expect(await ask({ secret }, broken)).toBeNull();
  });

  it("critical extensions, unencoded payloads and tokens of another type", async () => {
    const made = (header: object) => forge({ alg: "HS256", ...header }, good, hmac(secret));
    expect(await refusal({ secret }, made({ crit: ["x-own"], "x-own": 1 }))).toMatch(/critical/);
    expect(await refusal({ secret }, made({ crit: ["b64"], b64: false }))).toMatch(/^token: expected/);
    for (const typ of ["secevent+jwt", "dpop+jwt", "trunkline-subscribe"])
      expect(await refusal({ secret }, made({ typ }))).toMatch(/"typ"/);
  });

  it.each([
    [{ sub: undefined }, /sub: expected .* got none/],
    [{ sub: "" }, /id: expected/],
    [{ sub: 7 }, /sub: expected .* got number/],
    [{ sub: "x".repeat(257) }, /id: expected 1–256 bytes/],
    [{ account: "a/b" }, /account: expected/],
    [{ account: ["acme"] }, /account: expected/],
    [{ channels: "news" }, /channels: expected an array/],
    [{ channels: ["a*"] }, /channels\[0\]/],
    [{ listen: ["a*b"] }, /mayListen\[0\]/],
    [{ publish: [{}] }, /publish: expected an array/],
    [{ scope: "openid email" }, /scope: expected .*toPrincipal/],
    [{ scope: 1 }, /scope: expected/],
  ])("claims that make no principal: %$", async (claims, problem) => {
    const token = forge({ alg: "HS256" }, { ...good, ...claims }, hmac(secret));
    expect(await refusal({ secret }, token)).toMatch(problem);
    await expect(sign(claims)).rejects.toMatchObject({ code: "usage.bad-argument" });
  });
});

/** A server of public keys, whose keys may change. */
async function keyServer(): Promise<{
  readonly url: string;
  keys: object[];
  asked: number;
  broken: boolean;
  readonly server: Server;
}> {
  const server = createServer((_, response) => {
    state.asked++;
    if (state.broken) response.writeHead(500).end();
    else response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: state.keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
  const state = { url, keys: [] as object[], asked: 0, broken: false, server };
  return state;
}
function pair(kid: string) {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { jwk: { ...publicKey.export({ format: "jwk" }), kid }, signing: { privateKey, keyId: kid } };
}

describe("jwt: keys that change", () => {
  it("a new key is fetched when the first token names it; an old one counts until it is taken away", async () => {
    const server = await keyServer();
    const [first, second] = [pair("1"), pair("2")];
    server.keys = [first.jwk];
    const authenticate = jwt({ clock, jwksUrl: server.url, jwksCooldownMs: 0 });
    const come = async (signing: SignTokenOptions) => authenticate({ token: await sign({}, signing), request });
    expect(await come(first.signing)).toMatchObject({ id: "ada" });
    expect(await come(first.signing)).toMatchObject({ id: "ada" });
    expect(server.asked).toBe(1);
    await expect(come(second.signing)).rejects.toMatchObject({ code: "gateway.unauthorized" });
    server.keys = [first.jwk, second.jwk];
    expect(await come(second.signing)).toMatchObject({ id: "ada" });
    expect(await come(first.signing)).toMatchObject({ id: "ada" });
    expect(server.asked).toBe(3);
    server.keys = [second.jwk];
    await expect(come(pair("3").signing)).rejects.toMatchObject({ code: "gateway.unauthorized" });
    await expect(come(first.signing)).rejects.toMatchObject({ code: "gateway.unauthorized" });
  });

  it("a hundred tokens with made-up kids ask the server once", async () => {
    const server = await keyServer();
    const known = pair("1");
    server.keys = [known.jwk];
    const authenticate = jwt({ clock, jwksUrl: server.url });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, async () =>
        authenticate({ token: await sign({}, { ...known.signing, keyId: randomBytes(8).toString("hex") }), request }),
      ),
    );
    expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
    expect(server.asked).toBe(1);
    expect(await authenticate({ token: await sign({}, known.signing), request })).toMatchObject({ id: "ada" });
  });

  it("a server that fails is our failure, no word about the token, and is asked again", async () => {
    const server = await keyServer();
    const known = pair("1");
    server.keys = [known.jwk];
    server.broken = true;
    const authenticate = jwt({ clock, jwksUrl: server.url });
    const token = await sign({}, known.signing);
    const error: unknown = await Promise.resolve(authenticate({ token, request })).catch((cause: unknown) => cause);
    expect(error).not.toMatchObject({ name: "GatewayError" });
    expect(String(error)).not.toContain(token);
    server.broken = false;
    expect(await authenticate({ token, request })).toMatchObject({ id: "ada" });
  });

  it("two keys of a set and a token without a kid: nobody guesses", async () => {
    const [first, second] = [pair("1"), pair("2")];
    const jwks = { keys: [first.jwk, second.jwk] as JWK[] };
    expect(await ask({ jwks }, await sign({}, second.signing))).toMatchObject({ id: "ada" });
    expect(await refusal({ jwks }, await sign({}, { privateKey: second.signing.privateKey }))).toMatch(/"kid"/);
  });
});

describe("jwt: options", () => {
  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 });
  it.each<[string, JwtOptions, RegExp]>([
    ["nothing", {}, /expected one of secret, publicKey, jwks and jwksUrl, got none/],
    ["two ways", { secret, publicKey: pem(rsa.publicKey) }, /got secret and publicKey/],
    ["a short secret", { secret: "hunter2" }, /secret: expected at least 32 bytes.*openssl rand/],
    [
      "a private key",
      { publicKey: String(rsa.privateKey.export({ type: "pkcs8", format: "pem" })) },
      /publicKey: expected a public key, got a private one/,
    ],
    [
      "a private JWK",
      { publicKey: rsa.privateKey.export({ format: "jwk" }) },
      /publicKey: expected a public key, got a private one/,
    ],
    ["another text", { publicKey: "hunter2" }, /publicKey: expected a public key as PEM/],
    ["a weak key", { publicKey: weak.publicKey }, /RSA of 2048 bits/],
    ["a URL of another kind", { jwksUrl: "file:///etc/passwd" }, /jwksUrl: expected a URL with https/],
    ["no set", { jwks: {} as never }, /jwks: expected/],
    [
      "a misspelt option",
      { secret, audiance: "live" } as JwtOptions,
      /unknown option audiance; did you mean audience\?/,
    ],
    ["a bad account", { secret, account: "a/b" }, /account: expected/],
    ["a bad tolerance", { secret, clockToleranceSeconds: -1 }, /clockToleranceSeconds/],
  ])("%s", (_, options, problem) => {
    expect(() => jwt(options)).toThrow(problem);
    expect(() => jwt(options)).not.toThrow(/hunter2/);
  });

  it("signToken wants one key, and a time ahead", async () => {
    await expect(sign({}, {})).rejects.toThrow(/one of secret and privateKey/);
    await expect(sign({}, { secret, privateKey: rsa.privateKey })).rejects.toThrow(/one of secret and privateKey/);
    await expect(sign({}, { secret: "hunter2" })).rejects.toThrow(/at least 32 bytes/);
    await expect(sign({}, { privateKey: rsa.publicKey })).rejects.toThrow(/expected a private key, got a public one/);
    for (const expiresInSeconds of [0, -1, Number.NaN, Infinity])
      await expect(sign({}, { secret, expiresInSeconds })).rejects.toThrow(/expiresInSeconds/);
  });
});
