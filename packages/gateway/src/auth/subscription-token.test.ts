import { createHmac, generateKeyPairSync } from "node:crypto";
import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { ManualClock } from "@trunkline/core/testing";
import type { Connection } from "../connection.ts";
import type { SubscribeRequest } from "../options.ts";
import type { Principal } from "./principal.ts";
import { type Subscription, signSubscription, subscriptionTokens } from "./subscription-token.ts";

const secret = "0123456789abcdef0123456789abcdef";
const clock = new ManualClock({ wallTime: 1_700_000_000_000 });
const ada: Principal = { kind: "user", account: "acme", id: "ada" };
const good: Subscription = { channel: "orders.7", account: "acme", user: "ada", expiresInSeconds: 60 };
const sign = (changes: Partial<Subscription> = {}): Promise<string> =>
  signSubscription({ ...good, ...changes }, { secret, clock });
const authorize = subscriptionTokens({ secret, clock });
const ask = async (token: string | undefined, changes: Partial<SubscribeRequest> = {}): Promise<unknown> =>
  authorize({
    principal: ada,
    channel: "orders.7",
    connection: {} as Connection,
    ...(token !== undefined && { token }),
    ...changes,
  });
const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
/** A JWT as somebody else would write it. */
function forge(header: object, payload: object, key = secret): string {
  const signed = `${base64(header)}.${base64(payload)}`;
  return `${signed}.${createHmac("sha256", key).update(signed).digest("base64url")}`;
}
const header = { alg: "HS256", typ: "trunkline-subscription+jwt" };
const payload = { channel: "orders.7", account: "acme", exp: 1_700_000_060 };

describe("a signed permission", () => {
  it("lets its user subscribe to its channel, until it ends", async () => {
    expect(await ask(await sign())).toEqual({ expiresAt: 1_700_000_060_000 });
    expect(await ask(forge(header, payload))).toEqual({ expiresAt: 1_700_000_060_000 });
  });

  it("without a user is good for whoever of the account holds it, on any connection", async () => {
    const token = await signSubscription(
      { channel: "orders.7", account: "acme", expiresInSeconds: 60 },
      { secret, clock },
    );
    const key: Principal = { kind: "public", account: "acme", channel: "lobby", keyId: "0" };
    for (const principal of [ada, { ...ada, id: "bob" }, key]) expect(await ask(token, { principal })).toBeTruthy();
  });

  it("is no good for another channel, account or user, nor for a key that holds a user's", async () => {
    const token = await sign();
    const key: Principal = { kind: "secret", account: "acme", keyId: "ada" };
    expect(await ask(token, { channel: "orders.8" })).toBe(false);
    expect(await ask(token, { channel: "orders.*" })).toBe(false);
    expect(await ask(token, { principal: { ...ada, account: "globex" } })).toBe(false);
    expect(await ask(token, { principal: { ...ada, id: "bob" } })).toBe(false);
    expect(await ask(token, { principal: key })).toBe(false);
  });

  it("ends: to the second it was signed for", async () => {
    const late = new ManualClock({ wallTime: 1_700_000_000_000 });
    const other = subscriptionTokens({ secret, clock: late });
    const request = { principal: ada, channel: "orders.7", connection: {} as Connection, token: await sign() };
    late.advance(59_999);
    expect(await other(request)).toEqual({ expiresAt: 1_700_000_060_000 });
    late.advance(1);
    expect(await other(request)).toBe(false);
  });

  it.each<[string, string]>([
    ["alg none", `${base64({ ...header, alg: "none" })}.${base64(payload)}.`],
    ["alg none with a signature", forge({ ...header, alg: "none" }, payload)],
    ["another algorithm's name", forge({ ...header, alg: "HS512" }, payload)],
    ["another secret", forge(header, payload, "fedcba9876543210fedcba9876543210")],
    ["the empty secret", forge(header, payload, "")],
    ["a login token of the same secret", forge({ alg: "HS256", typ: "JWT" }, payload)],
    ["no type", forge({ alg: "HS256" }, payload)],
    ["a critical header", forge({ ...header, crit: ["b64"], b64: false }, payload)],
    ["no end", forge(header, { channel: "orders.7", account: "acme" })],
    ["an end that is text", forge(header, { ...payload, exp: "1700000060" })],
    ["an end long ago", forge(header, { ...payload, exp: 1 })],
    ["a start that has not come", forge(header, { ...payload, nbf: 1_700_000_030 })],
    ["no channel", forge(header, { account: "acme", exp: 1_700_000_060 })],
    ["a list of channels", forge(header, { ...payload, channel: ["orders.7"] })],
    ["no account", forge(header, { channel: "orders.7", exp: 1_700_000_060 })],
    ["a user that is null", forge(header, { ...payload, user: null })],
    [
      "a payload that was changed",
      `${base64(header)}.${base64({ ...payload, exp: 2e9 })}.${forge(header, payload).split(".")[2]}`,
    ],
    ["no JWT", "orders.7"],
    ["dots", ".."],
    ["nothing", ""],
    ["10 kB", "x".repeat(10_000)],
  ])("is forged in vain: %s", async (_, token) => {
    expect(await ask(token)).toBe(false);
  });

  it("signed with a key pair is no good, not even by the public key as a secret", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const rsa = await new SignJWT(payload).setProtectedHeader({ ...header, alg: "RS256" }).sign(privateKey);
    const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
    expect([await ask(rsa), await ask(forge(header, payload, pem))]).toEqual([false, false]);
  });
});

describe("subscriptionTokens", () => {
  it("asks the next authorizer where no permission was brought, and nobody about one that is no good", async () => {
    const asked: string[] = [];
    const chain = subscriptionTokens({ secret, clock, otherwise: ({ channel }) => asked.push(channel) > 0 });
    const request = { principal: ada, channel: "news", connection: {} as Connection };
    expect(await chain(request)).toBe(true);
    expect(await chain({ ...request, token: "bad" })).toBe(false);
    expect(asked).toEqual(["news"]);
    expect(await ask(undefined)).toBe(false);
  });

  it("demands a secret of 32 bytes, and does not repeat it", () => {
    for (const short of ["hunter2", new Uint8Array(31), undefined as never]) {
      expect(() => subscriptionTokens({ secret: short })).toThrow(
        expect.objectContaining({ code: "usage.bad-option", message: expect.not.stringContaining("hunter2") }),
      );
    }
  });
});

describe("signSubscription", () => {
  it("signs nothing that could not be meant, and names each problem", async () => {
    const wrong = sign({ channel: "a\u0000", account: "a/b", user: "", expiresInSeconds: 0.5 });
    await expect(wrong).rejects.toMatchObject({
      code: "usage.bad-argument",
      message: expect.stringMatching(/channel: .*account: .*user: .*expiresInSeconds: /),
    });
    await expect(signSubscription(good, { secret: "short" })).rejects.toMatchObject({ code: "usage.bad-option" });
  });
});
