// Who may enter: keys first, then what the app says, then anybody if that was said. One chain for every way in (ADR 7).
import { GatewayError, UsageError } from "@trunkline/core/errors";
import type { WireError } from "@trunkline/core/wire";
import { type KeyringOptions, keyring } from "./api-key.ts";
import type { Authenticator, Entry } from "./authenticator.ts";
import { type Principal, type PrincipalRights, anonymous, principalProblem, rightsProblem } from "./principal.ts";

export interface EntranceOptions extends KeyringOptions {
  /** Asked in this order; the first principal counts. */
  readonly authenticate?: Authenticator | readonly Authenticator[];
  /** Lets in who brings no credential, and says what they may. @defaultValue false */
  readonly anonymous?: boolean | PrincipalRights;
  /** Whether anybody is to come in at all. @defaultValue true */
  readonly enabled?: boolean;
}

/** What became of an entry; `status` is the HTTP status that says the same. */
export type Authenticated =
  | {
      readonly ok: true;
      readonly principal: Principal;
      /** Of a link: what part of the account it was given; absent while that is not decided. */
      readonly scope?: string | null;
      /** Of a link: when it was begun to find out (`ControlLine.mark`). */
      readonly mark?: number;
    }
  | { readonly ok: false; readonly status: 400 | 401 | 403 | 500 | 503; readonly error: WireError };

/** Promises only where an authenticator takes its time; none of them rejects. */
export type Answer<T> = T | Promise<T>;

export interface Entrance {
  /** Where nothing more will come: the whole chain. */
  enter(entry: Entry): Answer<Authenticated>;
  /** Before the upgrade of a link that will say `hello`; null: what `hello` brings will decide. */
  beforeHello(entry: Entry): Answer<Authenticated | null>;
  /** With what `hello` or `auth` brought, on a link that came in by `beforeHello`. */
  atHello(entry: Entry): Answer<Authenticated>;
}

/**
 * @param onFailure an authenticator failed
 * @throws {UsageError} `usage.bad-option` listing what is wrong with the keys; also when nobody could come in
 */
export function createEntrance(options: EntranceOptions, onFailure: (cause: unknown) => void): Entrance {
  const { authenticate = [] } = options;
  const anybody = anonymousOf(options.anonymous);
  const asked = typeof authenticate === "function" ? [authenticate] : [...authenticate];
  const bad = asked.findIndex((authenticator: unknown) => typeof authenticator !== "function");
  if (bad !== -1) {
    const problem = `authenticate[${bad}]: expected a function, got ${typeof asked[bad]}`;
    throw new UsageError("usage.bad-option", `createGateway: ${problem}`);
  }
  const whose = keyring(options);
  const hasKeys = (options.secretKeys?.length ?? 0) + (options.publicKeys?.length ?? 0) > 0;
  if (!hasKeys && asked.length === 0 && anybody === null && options.enabled !== false) {
    const problem = "nobody could come in: give secretKeys, publicKeys or authenticate, or say anonymous: true";
    throw new UsageError("usage.bad-option", `createGateway: ${problem}`);
  }
  const byKey: Authenticator = ({ token }) => (token === undefined ? null : whose(token));
  const all = [byKey, ...asked];
  const byRequest = asked.filter(({ needsToken }) => needsToken === false);
  const byToken = [byKey, ...asked.filter(({ needsToken }) => needsToken !== false)];
  const takesTokens = hasKeys || byToken.length > 1;

  const failed = (cause: unknown): Authenticated => {
    const { code, message } = cause instanceof GatewayError ? cause : { code: "", message: "" };
    if (code === "gateway.unauthorized") return refusal(401, code, message);
    if (code === "gateway.forbidden") return refusal(403, code, message);
    onFailure(cause);
    return gatewayFailed;
  };
  const accepted = (principal: Principal, { request }: Entry): Authenticated => {
    const problem = principalProblem(principal);
    if (problem !== null) return failed(new UsageError("usage.bad-argument", `authenticate: ${problem}`));
    return principal.kind === "secret" && request.origin !== undefined ? secretInPage : { ok: true, principal };
  };
  const nobody = ({ token }: Entry): Authenticated => {
    if (token !== undefined) return unknownToken;
    return anybody === null ? noToken : { ok: true, principal: anybody };
  };
  /** The first principal of the chain, without a promise as long as no authenticator returns one. */
  const first = <None>(
    chain: readonly Authenticator[],
    entry: Entry,
    none: (entry: Entry) => None,
    from = 0,
  ): Answer<Authenticated | None> => {
    for (let index = from; index < chain.length; index++) {
      try {
        const answer = chain[index]?.(entry) ?? null;
        if (isThenable(answer)) {
          return Promise.resolve(answer)
            .then((principal) => (principal ? accepted(principal, entry) : first(chain, entry, none, index + 1)))
            .catch(failed);
        }
        if (answer !== null) return accepted(answer, entry);
      } catch (cause) {
        return failed(cause);
      }
    }
    return none(entry);
  };
  const undecided = takesTokens ? () => null : nobody;

  return {
    enter: (entry) => first(all, entry, nobody),
    beforeHello(entry) {
      if (entry.token !== undefined) return first(all, entry, nobody);
      return byRequest.length === 0 ? null : first<Authenticated | null>(byRequest, entry, undecided);
    },
    atHello: (entry) => first(byToken, entry, nobody),
  };
}

/** Who comes in without a credential; null: nobody. */
function anonymousOf(option: EntranceOptions["anonymous"] = false): Principal | null {
  if (typeof option === "boolean") return option ? anonymous : null;
  const isObject = typeof option === "object" && option !== null;
  const problem = isObject ? rightsProblem(option) : `expected a boolean or what they may, got ${typeof option}`;
  if (problem !== null) throw new UsageError("usage.bad-option", `createGateway: anonymous: ${problem}`);
  const { mayListen = [], mayPublish = [], mayAttend = [] } = option;
  return { ...anonymous, mayListen, mayPublish, mayAttend };
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | null)?.then === "function";
}

function refusal(status: 401 | 403 | 500, code: string, message: string): Authenticated & { readonly ok: false } {
  return { ok: false, status, error: { code, message } };
}

const noToken = refusal(
  401,
  "gateway.unauthorized",
  "expected an API key or a token, got none; send it as Authorization: Bearer KEY",
);
const unknownToken = refusal(
  401,
  "gateway.unauthorized",
  "expected an API key or a token of this gateway, got one it does not know; check it",
);
const secretInPage = refusal(
  403,
  "gateway.forbidden",
  "got a secret key together with an Origin header: secret keys do not belong in pages, where everyone can read them; " +
    "use a public key there, and replace this one if the page was published",
);
const gatewayFailed = refusal(500, "gateway.internal", "the gateway failed to find out who this is; try again later");
