// Tokens: JWTs that the app's back end, or its identity provider, has signed. `jose` does the cryptography, and is loaded with the first token.
import { GatewayError, UsageError } from "@trunkline/core/errors";
import { systemClock } from "@trunkline/core/clock";
import type { Clock } from "@trunkline/core/ports";
import { maxTokenBytes } from "@trunkline/core/wire";
import type * as Jose from "jose";
import { unknownOptions } from "../option-names.ts";
import type { Authenticator } from "./authenticator.ts";
import { type UserPrincipal, accountProblem } from "./principal.ts";
import { readClaims } from "./token-claims.ts";
import { type KeyInput, type TokenKey, publicAlgorithms, publicKey, secretKey } from "./token-keys.ts";

/** Exactly one of `secret`, `publicKey`, `jwks` and `jwksUrl`. */
export interface JwtOptions {
  /** Shared with who signs: at least 32 bytes. HS256; with 48 and 64 bytes HS384 and HS512 too. */
  readonly secret?: string | Uint8Array;
  /** PEM text, a JWK or a `KeyObject`: RSA from 2048 bits, P-256, P-384, P-521 or Ed25519. */
  readonly publicKey?: KeyInput;
  /** Public keys, told apart by `kid`. */
  readonly jwks?: Jose.JSONWebKeySet;
  /** Where those are published, such as `https://id.example.com/.well-known/jwks.json`; asked again when a token names a `kid` that is not among them. */
  readonly jwksUrl?: string | URL;
  /** Least time between two requests of `jwksUrl` for a `kid` that is not known, in milliseconds. @defaultValue 30_000 */
  readonly jwksCooldownMs?: number;
  /** The `iss` that is taken; tokens of others are left to the next authenticator. @defaultValue any */
  readonly issuer?: string;
  /** One of these has to be in `aud`. @defaultValue any, or none */
  readonly audience?: string | readonly string[];
  /** The one account whose tokens these are. @defaultValue the claim `account`, else "default" */
  readonly account?: string;
  /** By how much the clocks of signer and gateway may differ. @defaultValue 0 */
  readonly clockToleranceSeconds?: number;
  /** Who it is, by claims whose signature and times are checked; null: nobody. @defaultValue as `TokenClaims` says */
  readonly toPrincipal?: (
    claims: Readonly<Record<string, unknown>>,
  ) => UserPrincipal | null | Promise<UserPrincipal | null>;
  /** Whether a token that is good by itself does not count any more. */
  readonly isRevoked?: (claims: Readonly<Record<string, unknown>>) => boolean | Promise<boolean>;
  /** @defaultValue the system's */
  readonly clock?: Pick<Clock, "wallTime">;
}

/**
 * An authenticator of JWTs. They must have `exp`. Tokens that are none, or of another `issuer`, are left to the next
 * authenticator; all others are taken or refused with the reason.
 * @throws {UsageError} `usage.bad-option` saying what is wrong, never with a key in it
 */
export function jwt(options: JwtOptions): Authenticator {
  const { issuer, audience, account, isRevoked, toPrincipal, clock = systemClock } = options;
  const tolerance = options.clockToleranceSeconds ?? 0;
  checkOptions(options);
  const key = keyOf(options);
  const verifying: Jose.JWTVerifyOptions = {
    algorithms: [...(key?.algorithms ?? publicAlgorithms)],
    requiredClaims: ["exp"],
    clockTolerance: tolerance,
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience: typeof audience === "string" ? audience : [...audience] }),
  };
  let keySet: Jose.JWTVerifyGetKey | null = null;

  return async ({ token }) => {
    if (token === undefined || !looksLikeJwt(token)) return null;
    if (token.length > maxTokenBytes) throw refused(`at most ${maxTokenBytes} bytes, got more`);
    const jose = await import("jose");
    if (issuer !== undefined && issuerOf(jose, token) !== issuer) return null;
    let verified;
    try {
      const now = { currentDate: new Date(clock.wallTime()) };
      verified =
        key === null
          ? await jose.jwtVerify(token, (keySet ??= keySetOf(jose, options)), { ...verifying, ...now })
          : await jose.jwtVerify(token, key.key, { ...verifying, ...now });
    } catch (cause) {
      throw refusalOf(jose, cause);
    }
    const { payload, protectedHeader } = verified;
    // Other kinds of token, such as permissions for one channel, may be signed with the same key.
    if (!/^(at\+)?jwt$/i.test(protectedHeader.typ ?? "JWT")) throw refused('the header "typ" to be JWT, got another');
    if ((await isRevoked?.(payload)) === true) throw refused("one that still counts, got a revoked one");
    const expiresAt = ((payload.exp ?? 0) + tolerance) * 1000;
    if (toPrincipal !== undefined) {
      const principal = await toPrincipal(payload);
      if (principal === null) return null;
      // Whoever signs for one account signs for no other, whatever its claims are made of.
      if (account !== undefined && principal.account !== account)
        throw refused("one for this account, got one for another");
      // It may end before its token, and never after it.
      return { claims: payload, ...principal, expiresAt: Math.min(principal.expiresAt ?? Infinity, expiresAt) };
    }
    const read = readClaims(payload, account);
    if (!read.ok) throw refused(`other claims: ${read.problem}`);
    return { ...read.principal, expiresAt };
  };
}

const optionNames: Readonly<Record<keyof JwtOptions, true>> = {
  secret: true,
  publicKey: true,
  jwks: true,
  jwksUrl: true,
  jwksCooldownMs: true,
  issuer: true,
  audience: true,
  account: true,
  clockToleranceSeconds: true,
  toPrincipal: true,
  isRevoked: true,
  clock: true,
};

function checkOptions(options: JwtOptions): void {
  const [unknown] = unknownOptions(options, Object.keys(optionNames));
  if (unknown !== undefined) throw bad(unknown);
  const { jwksUrl, jwks, account, clockToleranceSeconds = 0, jwksCooldownMs = 0 } = options;
  const given = (["secret", "publicKey", "jwks", "jwksUrl"] as const).filter((name) => options[name] !== undefined);
  if (given.length !== 1)
    throw bad(
      `expected one of secret, publicKey, jwks and jwksUrl, got ${given.length === 0 ? "none" : given.join(" and ")}`,
    );
  if (jwksUrl !== undefined && !/^https?:\/\//i.test(String(jwksUrl)))
    throw bad("jwksUrl: expected a URL with https:// or http://, got another");
  if (jwks !== undefined && !Array.isArray(jwks.keys)) throw bad("jwks: expected {keys: […]}, got something else");
  const problem = account === undefined ? null : accountProblem(account);
  if (problem !== null) throw bad(`account: ${problem}`);
  for (const [name, value] of Object.entries({ clockToleranceSeconds, jwksCooldownMs }))
    if (!Number.isFinite(value) || value < 0) throw bad(`${name}: expected a number ≥ 0, got ${value}`);
}

/** The one key; null when it is a set. */
function keyOf(options: JwtOptions): TokenKey | null {
  try {
    if (options.secret !== undefined) return secretKey(options.secret);
    return options.publicKey === undefined ? null : publicKey(options.publicKey);
  } catch (cause) {
    throw bad(cause instanceof Error ? cause.message : "expected another key");
  }
}

function keySetOf(jose: typeof Jose, { jwks, jwksUrl = "", jwksCooldownMs }: JwtOptions): Jose.JWTVerifyGetKey {
  if (jwks !== undefined) return jose.createLocalJWKSet(jwks);
  return jose.createRemoteJWKSet(new URL(jwksUrl), {
    ...(jwksCooldownMs !== undefined && { cooldownDuration: jwksCooldownMs }),
  });
}

/** Three parts of base64url; a key of the app's own is none of ours to judge. */
function looksLikeJwt(token: string): boolean {
  return /^ey[\w-]+\.[\w-]+\.[\w-]*$/.test(token);
}

/** As the token says: enough to leave it to others. */
function issuerOf(jose: typeof Jose, token: string): unknown {
  try {
    return jose.decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

/** What `jose` found, in words that repeat nothing of the token; what is no finding about the token is thrown on. */
function refusalOf(jose: typeof Jose, cause: unknown): unknown {
  const { errors } = jose;
  if (cause instanceof errors.JWTExpired)
    return refused("one that is still good, got one that has ended; fetch another");
  if (cause instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason } = cause;
    if (claim === "nbf" && reason === "check_failed") return refused("one that is good already, got one for later");
    return refused(`the claim "${claim}" ${reason === "missing" ? "in it, got none" : "to be another"}`);
  }
  if (cause instanceof errors.JWTInvalid || cause instanceof errors.JWSInvalid)
    return refused("a well-formed JWT, got another text");
  if (cause instanceof errors.JOSEAlgNotAllowed)
    return refused("an algorithm that fits the gateway's key, got another");
  if (cause instanceof errors.JOSENotSupported) return refused("no critical extensions, got some");
  if (cause instanceof errors.JWSSignatureVerificationFailed)
    return refused("one signed with the gateway's key, got another");
  if (cause instanceof errors.JWKSNoMatchingKey)
    return refused('one signed with a known key, got another "kid" or algorithm');
  if (cause instanceof errors.JWKSMultipleMatchingKeys) return refused('a "kid" that says which key it is, got none');
  return cause;
}

function refused(expected: string): GatewayError {
  return new GatewayError("gateway.unauthorized", `token: expected ${expected}`);
}

function bad(problem: string): UsageError {
  return new UsageError("usage.bad-option", `jwt: ${problem}`);
}
