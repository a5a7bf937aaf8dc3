// Which part of its account a connection is given (PROTOCOL §2.6). The client's word is a hint; the app decides.
import { GatewayError } from "@trunkline/core/errors";
import { scopeKey } from "@trunkline/core/publish";
import type { Principal } from "./auth/principal.ts";
import type { RequestInfo } from "./auth/request-info.ts";
import { channelGrantProblem } from "./channel-grant.ts";
import { isThenable } from "./thenable.ts";

/** What a scope is decided on. */
export interface ScopeVisitor {
  readonly principal: Principal;
  /** What the client asks for, as it said it: `hello.scope`, else `?scope=`; null when it asks for nothing. */
  readonly hint: string | null;
  readonly request: RequestInfo;
}

/**
 * Names the scope of a connection, such as `organization.1234`, or null for none. A hint that is answered with null is refused (403, 4403), as is
 * one for which a `GatewayError` `gateway.forbidden` is thrown; anything else that is thrown is a failure of the gateway.
 */
export type DecideScope = (visitor: ScopeVisitor) => string | null | Promise<string | null>;

export interface PathScopeOptions {
  /** Names that a scope may have. @example ["organization"] */
  readonly allowed: readonly string[];
  /**
   * Whether the visitor may have this scope.
   * @defaultValue every one of the account, but for users whose principal has a `scope`: that one
   */
  readonly permits?: (scope: Readonly<Record<string, string>>, visitor: ScopeVisitor) => boolean | Promise<boolean>;
}

/**
 * Scopes as pairs of names and values: `organization/5` becomes `organization.5`, named as a publisher names it (`scopeKey`). Without a
 * hint: the principal's own scope.
 * @throws {ScopeValueError} when `allowed` holds what can't be a name
 * @example createGateway({ scope: pathScope({ allowed: ["organization"], permits: ({ organization }, { principal }) => isMember(principal, organization) }) })
 */
export function pathScope({ allowed, permits }: PathScopeOptions): DecideScope {
  // A name that no publisher can use is the app's mistake, told at its start.
  for (const name of allowed) scopeKey({ [name]: 1 });
  return async (visitor) => {
    const own = visitor.principal.kind === "user" ? visitor.principal.scope : undefined;
    if (visitor.hint === null) return own ?? null;
    const pairs = pairsOf(visitor.hint, allowed);
    if (pairs === null) return null;
    const wanted = Object.fromEntries(pairs);
    const scope = scopeKey(wanted);
    const granted = permits === undefined ? own === undefined || own === scope : await permits(wanted, visitor);
    return granted === true ? scope : null;
  };
}

/** What `requestScope` makes of each visitor. */
export interface RequestScope {
  /** Whether it may have this scope; false refuses it. */
  valid(): boolean | Promise<boolean>;
  /** The scope, such as `organization.1234`. */
  routingKey(): string | null;
}

/** A scope by a class that is made with each visitor. */
export function requestScope(Class: new (visitor: ScopeVisitor) => RequestScope): DecideScope {
  return async (visitor) => {
    const asked = new Class(visitor);
    if ((await asked.valid()) !== true) throw new GatewayError("gateway.forbidden", forbidden);
    return asked.routingKey();
  };
}

/**
 * The scope of a visitor; a promise where the app has to be waited for. Without `decide` a hint is refused, and users have the scope that their
 * principal names.
 * @throws what `decide` throws; {GatewayError} `gateway.forbidden`
 */
export function scopeOf(
  decide: DecideScope | undefined,
  visitor: ScopeVisitor,
): string | null | Promise<string | null> {
  const { principal, hint } = visitor;
  // Nothing that can be a scope is longer, encoded or not.
  if (hint !== null && hint.length > 2048) throw new GatewayError("gateway.forbidden", forbidden);
  const own = principal.kind === "user" ? (principal.scope ?? null) : null;
  const scope = decide === undefined ? (hint === null ? own : null) : decide(visitor);
  return isThenable(scope) ? Promise.resolve(scope).then((said) => given(said, hint)) : given(scope, hint);
}

/** What was decided, if it can be a scope. */
function given(scope: string | null, hint: string | null): string | null {
  if (scope === null && hint !== null) throw new GatewayError("gateway.forbidden", forbidden);
  const problem = scope === null ? null : channelGrantProblem(scope);
  if (problem !== null) throw new GatewayError("gateway.forbidden", `scope: ${problem}`);
  return scope;
}

/** The same words whatever is wrong with it. */
const forbidden = "this scope is not for this connection";

/** A hint as pairs, or null when it is none that is allowed. */
function pairsOf(hint: string, allowed: readonly string[]): readonly (readonly [string, string])[] | null {
  let parts: readonly string[];
  try {
    parts = hint.split("/").map(decodeURIComponent);
  } catch {
    return null;
  }
  const pairs: [string, string][] = [];
  for (let index = 0; index < parts.length; index += 2) {
    const [name = "", value = ""] = parts.slice(index, index + 2);
    // Half a character can't be part of a channel's name.
    if (!allowed.includes(name) || value === "" || /\p{Surrogate}/u.test(value)) return null;
    if (pairs.some(([other]) => other === name)) return null;
    pairs.push([name, value]);
  }
  return pairs;
}
