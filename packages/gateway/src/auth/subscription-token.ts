// Permissions to listen that an app signs and its pages bring along: no question to the app when they subscribe. `jose` is loaded with the first.
import type { KeyObject } from "node:crypto";
import { systemClock } from "@trunkline/core/clock";
import { UsageError } from "@trunkline/core/errors";
import type { Clock } from "@trunkline/core/ports";
import { channelProblem, maxTokenBytes } from "@trunkline/core/wire";
import type { Authorize } from "../options.ts";
import { type Principal, accountProblem, defaultAccount } from "./principal.ts";
import { secretKey } from "./token-keys.ts";

/** What a permission says. */
export interface Subscription {
  /** The one channel it is for. */
  readonly channel: string;
  /** @defaultValue "default" */
  readonly account?: string;
  /** The one user it is for. @defaultValue whoever of the account holds it: it may be passed on */
  readonly user?: string;
  /** How long it is good for, in whole seconds from now. Where it ends, so does the subscription. */
  readonly expiresInSeconds: number;
}

export interface SubscriptionSecret {
  /** At least 32 bytes, the same wherever permissions are signed and checked: random ones, such as of `openssl rand -base64 48`. */
  readonly secret: string | Uint8Array;
  /** @defaultValue the system's */
  readonly clock?: Pick<Clock, "wallTime">;
}

export interface SubscriptionTokensOptions extends SubscriptionSecret {
  /** Decides where no permission was brought. One that is no good is a no without asking. @defaultValue a no */
  readonly otherwise?: Authorize;
}

/** Of the header: no other token that the same secret signed is taken for a permission. */
const type = "trunkline-subscription+jwt";
const algorithm = "HS256";

/**
 * A permission for `client.subscribe(channel, { token })`, as a JWT.
 * `await signSubscription({ channel: "orders.7", account: "acme", user: "ada", expiresInSeconds: 3600 }, { secret })`
 * @throws {UsageError} `usage.bad-argument` naming what is wrong, `usage.bad-option` for a secret that is too short
 */
export async function signSubscription(
  { channel, account = defaultAccount, user, expiresInSeconds }: Subscription,
  { secret, clock = systemClock }: SubscriptionSecret,
): Promise<string> {
  const key = keyOf(secret, "signSubscription");
  const problems: string[] = [];
  const check = (name: string, problem: string | null): unknown => problem && problems.push(`${name}: ${problem}`);
  check("channel", channelProblem(channel));
  check("account", accountProblem(account));
  if (user !== undefined && (typeof user !== "string" || user === "")) check("user", "expected a non-empty string");
  if (!Number.isSafeInteger(expiresInSeconds) || expiresInSeconds < 1)
    check("expiresInSeconds", `expected an integer ≥ 1, got ${expiresInSeconds}`);
  if (problems.length > 0) throw new UsageError("usage.bad-argument", `signSubscription: ${problems.join("; ")}`);
  const now = Math.floor(clock.wallTime() / 1000);
  const { SignJWT } = await import("jose");
  // Not `sub`: a permission must not pass for a token that says who somebody is.
  return new SignJWT({ channel, account, ...(user !== undefined && { user }) })
    .setProtectedHeader({ alg: algorithm, typ: type })
    .setIssuedAt(now)
    .setExpirationTime(now + expiresInSeconds)
    .sign(key);
}

/**
 * Lets clients subscribe with what `signSubscription` signed: `createGateway({ authorize: subscriptionTokens({ secret }) })`.
 * Channel, account and, where the permission names one, user must be the connection's. The subscription ends with it.
 * @throws {UsageError} `usage.bad-option` for a secret that is too short
 */
export function subscriptionTokens({ secret, clock = systemClock, otherwise }: SubscriptionTokensOptions): Authorize {
  const key = keyOf(secret, "subscriptionTokens");
  return async (request) => {
    const { token, channel, principal } = request;
    if (token === undefined) return otherwise?.(request) ?? false;
    if (token.length > maxTokenBytes) return false;
    try {
      const { jwtVerify } = await import("jose");
      const { payload } = await jwtVerify(token, key, {
        algorithms: [algorithm],
        typ: type,
        requiredClaims: ["exp"],
        currentDate: new Date(clock.wallTime()),
      });
      const { exp = 0, account, user } = payload;
      const fits = payload["channel"] === channel && account === principal.account && isFor(principal, user);
      return fits && { expiresAt: exp * 1000 };
    } catch {
      // Whatever is wrong with it, the answer is the same.
      return false;
    }
  };
}

function isFor(principal: Principal, user: unknown): boolean {
  return user === undefined || (principal.kind === "user" && principal.id === user);
}

function keyOf(secret: string | Uint8Array, what: string): KeyObject {
  try {
    return secretKey(secret).key;
  } catch (cause) {
    throw new UsageError("usage.bad-option", `${what}: ${(cause as Error).message}`);
  }
}
