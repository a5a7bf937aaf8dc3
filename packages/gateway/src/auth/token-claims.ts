// What a token says of its holder.
import { type UserPrincipal, accountProblem, defaultAccount, principalProblem } from "./principal.ts";

/** The claims of a token that a gateway reads by itself; all others are for gateway code (`principal.claims`). */
export interface TokenClaims {
  /** Who it is, inside the account: 1–256 bytes. */
  readonly sub: string;
  /** @defaultValue the `account` of `jwt()`, else "default" */
  readonly account?: string;
  /** Channels it is on by itself. @defaultValue none */
  readonly channels?: readonly string[];
  /** Channels it may subscribe to; `*` at the end of one stands for any rest. @defaultValue none */
  readonly listen?: readonly string[];
  /** Channels it may publish to, in the same form. @defaultValue none */
  readonly publish?: readonly string[];
  /** Channels it may be a member of, in the same form. @defaultValue none */
  readonly attend?: readonly string[];
  /** What part of the account it belongs to, such as `organization.1234`. */
  readonly scope?: string;
  readonly [claim: string]: unknown;
}

export type ReadClaims =
  | { readonly ok: true; readonly principal: UserPrincipal }
  | { readonly ok: false; readonly problem: string };

/** @param account the one account whose tokens these are; undefined: each says its own */
export function readClaims(claims: Readonly<Record<string, unknown>>, account: string | undefined): ReadClaims {
  const {
    sub,
    account: said = account ?? defaultAccount,
    channels,
    listen,
    publish,
    attend,
    scope,
    ...others
  } = claims;
  const named = accountProblem(said);
  if (named !== null) return bad(`account: ${named}`);
  // Whoever signs for one account signs for no other.
  if (account !== undefined && said !== account)
    return bad(`account: expected ${JSON.stringify(account)}, got another`);
  if (typeof sub !== "string") return bad(`sub: expected 1–256 bytes of text, got ${kindOf(sub)}`);
  if (scope !== undefined && (typeof scope !== "string" || /\s/.test(scope)))
    return bad(
      "scope: expected one such as organization.1234, got something else; map other tokens with `toPrincipal`",
    );
  for (const [name, list] of Object.entries({ channels, listen, publish, attend }))
    if (list !== undefined && !isTexts(list)) return bad(`${name}: expected an array of channels, got ${kindOf(list)}`);
  const principal: UserPrincipal = {
    kind: "user",
    account: said as string,
    id: sub,
    ...(channels !== undefined && { channels: channels as string[] }),
    ...(listen !== undefined && { mayListen: listen as string[] }),
    ...(publish !== undefined && { mayPublish: publish as string[] }),
    ...(attend !== undefined && { mayAttend: attend as string[] }),
    ...(scope !== undefined && { scope }),
    claims: others,
  };
  const problem = principalProblem(principal);
  return problem === null ? { ok: true, principal } : bad(problem);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function kindOf(value: unknown): string {
  return value === undefined ? "none" : value === null ? "null" : Array.isArray(value) ? "another array" : typeof value;
}

function bad(problem: string): ReadClaims {
  return { ok: false, problem };
}
