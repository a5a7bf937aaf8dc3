// Who is it? What every authenticator answers, and the kind that is a class.
import { type Principal, anonymous } from "./principal.ts";
import type { RequestInfo } from "./request-info.ts";

/** What an authenticator decides on. */
export interface Entry {
  /** The credential: of a Bearer header, of `hello`, or in the plain dialect of `?api_key=`; undefined when there is none. */
  readonly token: string | undefined;
  readonly request: RequestInfo;
}

/**
 * Says whose an entry is; null: "not mine", and the next one is asked. To refuse it for good, throw a `GatewayError` with
 * `gateway.unauthorized` or `gateway.forbidden`: its message is for the peer. Anything else that is thrown counts as a failure of the gateway (500,
 * or 1011 after the upgrade): it is logged, and the peer is told nothing of it. One that takes longer than `greetTimeoutMs` is given up.
 */
export interface Authenticator {
  (entry: Entry): Principal | null | Promise<Principal | null>;
  /** False: decides by the request alone, so it is asked before the upgrade, whatever `hello` will bring. @defaultValue true */
  readonly needsToken?: boolean;
}

/**
 * Decides by the request alone: its cookies, headers, address. Made anew for each request; lets nobody in until `matches` is overridden.
 * @example class Session extends RequestAuthenticator { override matches() { return this.request.cookies.has("sid"); } }
 */
export class RequestAuthenticator {
  protected readonly request: RequestInfo;

  constructor(request: RequestInfo) {
    this.request = request;
  }

  /** Whether it may come in. */
  matches(): boolean | Promise<boolean> {
    return false;
  }

  /** Who it is, once it matches; null: nobody after all. @defaultValue an anonymous one of the account "default" */
  principal(): Principal | null | Promise<Principal | null> {
    return anonymous;
  }
}

/** What `requestAuthenticator` makes of each request. */
interface Asked {
  matches(): boolean | Promise<boolean>;
  principal?(): Principal | null | Promise<Principal | null>;
}

/** An authenticator of a class that is made with each request, such as one that extends `RequestAuthenticator`. */
export function requestAuthenticator(Class: new (request: RequestInfo) => Asked): Authenticator {
  const authenticate = async ({ request }: Entry): Promise<Principal | null> => {
    const asked = new Class(request);
    if ((await asked.matches()) !== true) return null;
    return asked.principal === undefined ? anonymous : asked.principal();
  };
  return Object.assign(authenticate, { needsToken: false });
}
