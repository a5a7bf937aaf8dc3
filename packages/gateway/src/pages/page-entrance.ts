// Which page a link is opened by: the signed id in its URL, and the visitor's key in its cookie. Neither is of use without the other.
import { hash } from "node:crypto";
import { connectionParam } from "@trunkline/core/wire";
import type { Authenticator, Entry } from "../auth/authenticator.ts";
import type { Answer, Authenticated, Entrance } from "../auth/entrance.ts";
import type { RequestInfo } from "../auth/request-info.ts";
import { verifyConnectionId } from "./connection-id.ts";
import { connectionKey } from "./connection-key.ts";
import type { PageKeys } from "./page-keys.ts";
import type { PageSessions } from "./page-sessions.ts";

export interface PageEntranceOptions {
  readonly keys: PageKeys;
  readonly sessions: PageSessions;
  /** Whose visitors they are. */
  readonly account: string;
  /** Whether a page may come in: false once it is sure that it is not known. */
  readonly mayEnter: (key: string) => Promise<boolean>;
  /** The app's session store failed. */
  readonly onFailure: (cause: unknown) => void;
}

type Refused = Authenticated & { readonly ok: false };

export class PageEntrance {
  readonly #options: PageEntranceOptions;
  readonly #keys = new WeakMap<RequestInfo, string>();

  constructor(options: PageEntranceOptions) {
    this.#options = options;
  }

  /** The connection key of the page that a link was opened by; null: by none. */
  keyOf(request: RequestInfo): string | null {
    return this.#keys.get(request) ?? null;
  }

  /** `links` for those whose page, if they name one, is in order. */
  before(links: Entrance): Entrance {
    const checked = <Who>({ request }: Entry, go: () => Answer<Who>): Answer<Authenticated | Who> => {
      const signedId = request.params.get(connectionParam);
      if (signedId === null) return go();
      return this.#check(request, signedId).then((refused) => refused ?? go());
    };
    return {
      enter: (entry) => checked(entry, () => links.enter(entry)),
      beforeHello: (entry) => checked<Authenticated | null>(entry, () => links.beforeHello(entry)),
      atHello: (entry) => links.atHello(entry),
    };
  }

  /** Visitors of pages that bring nothing else. */
  readonly authenticate: Authenticator = ({ token, request }) => {
    const key = this.keyOf(request);
    if (key === null || token !== undefined) return null;
    return {
      kind: "user",
      account: this.#options.account,
      id: `page-${hash("sha256", key, "base64url").slice(0, 22)}`,
    };
  };

  async #check(request: RequestInfo, signedId: string): Promise<Refused | null> {
    const { keys, sessions, mayEnter, onFailure } = this.#options;
    const id = verifyConnectionId(signedId, keys.connectionId);
    if (id === null) return notOurs;
    try {
      const session = await sessions.read(request);
      const key = session === null ? null : connectionKey(keys.connection, session, id);
      // A visitor without a key is known as little as one with another's page.
      if (!(await mayEnter(key ?? ""))) return unknownPage;
      if (key !== null) this.#keys.set(request, key);
      return null;
    } catch (cause) {
      onFailure(cause);
      return failed;
    }
  }
}

const notOurs: Refused = {
  ok: false,
  status: 403,
  error: { code: "gateway.forbidden", message: "connection: expected an id that this gateway has signed, got another" },
};
const unknownPage: Refused = {
  ok: false,
  status: 403,
  error: {
    code: "gateway.forbidden",
    message: "connection: expected a page of this visitor, got another; load it anew",
  },
};
const failed: Refused = {
  ok: false,
  status: 500,
  error: { code: "gateway.internal", message: "the gateway failed to find out which page this is; try again later" },
};
