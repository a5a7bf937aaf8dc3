// Makes the tokens that `jwt()` takes.
import { systemClock } from "@trunkline/core/clock";
import { UsageError } from "@trunkline/core/errors";
import type { Clock } from "@trunkline/core/ports";
import { type TokenClaims, readClaims } from "./token-claims.ts";
import { type KeyInput, type TokenKey, privateKey, secretKey } from "./token-keys.ts";

/** `secret` or `privateKey`. */
export interface SignTokenOptions {
  /** The same as the gateway's: at least 32 bytes. */
  readonly secret?: string | Uint8Array;
  /** PEM text, a JWK or a `KeyObject`; the gateway has its public half. */
  readonly privateKey?: KeyInput;
  /** @defaultValue 900 */
  readonly expiresInSeconds?: number;
  readonly issuer?: string;
  readonly audience?: string | readonly string[];
  /** `kid`: which key of a set it is. */
  readonly keyId?: string;
  /** @defaultValue the system's */
  readonly clock?: Pick<Clock, "wallTime">;
}

/**
 * A token for a browser or a device, good for a while.
 * @example await signToken({ sub: user.id, account: "acme", channels: [`user.${user.id}`] }, { secret })
 * @throws {UsageError} `usage.bad-argument` saying what is wrong, never with a key in it
 */
export async function signToken(claims: TokenClaims, options: SignTokenOptions): Promise<string> {
  const { expiresInSeconds = 900, issuer, audience, keyId, clock = systemClock } = options;
  const read = readClaims(claims, undefined);
  if (!read.ok) throw bad(read.problem);
  if (!Number.isFinite(expiresInSeconds) || expiresInSeconds <= 0)
    throw bad(`expiresInSeconds: expected a number > 0, got ${expiresInSeconds}`);
  const { key, algorithms } = keyOf(options);
  const { SignJWT } = await import("jose");
  const now = Math.floor(clock.wallTime() / 1000);
  const token = new SignJWT({ ...claims })
    .setProtectedHeader({
      alg: algorithms[0] ?? "",
      typ: "JWT",
      ...(keyId !== undefined && { kid: keyId }),
    })
    .setIssuedAt(now)
    .setExpirationTime(now + expiresInSeconds);
  if (issuer !== undefined) token.setIssuer(issuer);
  if (audience !== undefined) token.setAudience(typeof audience === "string" ? audience : [...audience]);
  return token.sign(key);
}

function keyOf(options: SignTokenOptions): TokenKey {
  if ((options.secret === undefined) === (options.privateKey === undefined))
    throw bad("expected one of secret and privateKey, got both or none");
  try {
    return options.secret === undefined ? privateKey(options.privateKey ?? "") : secretKey(options.secret);
  } catch (cause) {
    throw bad(cause instanceof Error ? cause.message : "expected another key");
  }
}

function bad(problem: string): UsageError {
  return new UsageError("usage.bad-argument", `signToken: ${problem}`);
}
