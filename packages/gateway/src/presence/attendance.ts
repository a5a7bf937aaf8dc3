// Who may be a member of a channel, and who may watch its members (PROTOCOL §13).
import { type Principal, mayAttend } from "../auth/principal.ts";
import type { Connection } from "../connection.ts";

/** What an authorizer of presence decides on. */
export interface PresenceAttempt {
  readonly principal: Principal;
  /** The channel inside the principal's account. */
  readonly channel: string;
  /** To be a member, or to see who is one. */
  readonly action: "enter" | "watch";
  readonly connection: Connection;
}

export type AuthorizePresence = (attempt: PresenceAttempt) => boolean | Promise<boolean>;

export class Attendance {
  readonly #authorize: AuthorizePresence | undefined;
  readonly #onFailure: (cause: unknown) => void;

  /** @param onFailure the authorizer threw or rejected: that is a no */
  constructor(authorize: AuthorizePresence | undefined, onFailure: (cause: unknown) => void) {
    this.#authorize = authorize;
    this.#onFailure = onFailure;
  }

  /** Never throws or rejects. */
  async may(connection: Connection, channel: string, action: PresenceAttempt["action"]): Promise<boolean> {
    const { principal } = connection;
    if (mayAttend(principal, channel)) return true;
    try {
      return (await this.#authorize?.({ principal, channel, action, connection })) === true;
    } catch (cause) {
      this.#onFailure(cause);
      return false;
    }
  }
}
