// What a connection may hear: its scope, the channels of its sources, what the authorizer allows. Asks the app, and takes a throw or
// an answer that does not come for a no.
import { GatewayError } from "@trunkline/core/errors";
import type { Clock } from "@trunkline/core/ports";
import { type WireError, companionOf } from "@trunkline/core/wire";
import { type Principal, mayListen } from "./auth/principal.ts";
import type { RequestInfo } from "./auth/request-info.ts";
import type { Connection } from "./connection.ts";
import type { Authorize, Permission } from "./options.ts";
import type { Attendance } from "./presence/attendance.ts";
import { type DecideScope, scopeOf } from "./scope.ts";
import type { RefusalStatus } from "./session-state.ts";
import { type SourceChannels, type SubscriptionSource, united } from "./subscription-source.ts";

export interface GrantsOptions {
  readonly scope: DecideScope | undefined;
  readonly sources: readonly SubscriptionSource[];
  readonly authorize: Authorize | undefined;
  readonly clock: Clock;
  /** How long an answer may take, in milliseconds. */
  readonly withinMs: number;
  /** Says who may see the members of a channel; null where nobody is told. */
  readonly attendance: Attendance | null;
  /** A callback of the app's failed. */
  readonly onFailure: (what: string, cause: unknown) => void;
}

interface Listening {
  readonly allowed: boolean;
  /** When the permission ends, by the gateway's clock; absent: not by itself. */
  readonly endsAt?: number;
  /** A channel that it has to be on still when this is done: else it is asked again. */
  readonly beside?: string;
}

/** `status` is the HTTP status that says the same. */
interface NotGranted {
  readonly ok: false;
  readonly status: RefusalStatus;
  readonly error: WireError;
}

/** What part of the account it is. */
type ScopeGranted = { readonly ok: true; readonly scope: string | null } | NotGranted;

/** What the sources say. */
type ChannelsGranted = { readonly ok: true; readonly channels: SourceChannels } | NotGranted;

export class Grants {
  readonly #options: GrantsOptions;

  constructor(options: GrantsOptions) {
    this.#options = options;
  }

  /** Whether there is anything to decide about a scope. */
  decides(hint: string | null): boolean {
    return this.#options.scope !== undefined || hint !== null;
  }

  /** What part of the account a visitor gets; a promise where somebody has to be waited for. Never throws or rejects. */
  scope(principal: Principal, request: RequestInfo, hint: string | null): ScopeGranted | Promise<ScopeGranted> {
    try {
      const scope = scopeOf(this.#options.scope, { principal, hint, request });
      if (!(scope instanceof Promise)) return { ok: true, scope };
      return this.#inTime(scope).then(
        (said) => ({ ok: true, scope: said }),
        (cause: unknown) => this.#failed("scope", cause),
      );
    } catch (cause) {
      return this.#failed("scope", cause);
    }
  }

  /** The channels that a connection is on by itself; a promise where somebody has to be waited for. Never throws or rejects. */
  channels(connection: Connection): ChannelsGranted | Promise<ChannelsGranted> {
    const { principal, scope, request } = connection;
    const visitor = {
      principal,
      scope,
      request,
      connection,
      mayListen: async (channel: string) => {
        const { allowed, endsAt } = await this.mayListen(connection, channel, { inTime: true });
        // What a source names does not end by itself.
        return allowed && endsAt === undefined;
      },
    };
    try {
      const channels = united(this.#options.sources, visitor);
      if (!(channels instanceof Promise)) return { ok: true, channels };
      return this.#inTime(channels).then(
        (said) => ({ ok: true, channels: said }),
        (cause: unknown) => this.#failed("subscriptions", cause),
      );
    } catch (cause) {
      return this.#failed("subscriptions", cause);
    }
  }

  /**
   * Whether a connection may be on a channel that its client asks for: one answer for path, query, `hello` and `subscribe`. Never rejects.
   * @param token the permission that the client brought
   * @param inTime an answer that takes too long is a no
   */
  async mayListen(
    connection: Connection,
    channel: string,
    { token, inTime }: { readonly token?: string | undefined; readonly inTime: boolean },
  ): Promise<Listening> {
    const watched = companionOf(channel);
    if (watched !== null) return this.#mayWatch(connection, watched, { token, inTime });
    const { principal } = connection;
    const { authorize, clock, onFailure } = this.#options;
    try {
      if (mayListen(principal, channel)) return { allowed: true };
      const answer = authorize?.({ principal, channel, connection, ...(token !== undefined && { token }) });
      return permissionOf(await (inTime ? this.#inTime(Promise.resolve(answer)) : answer), clock);
    } catch (cause) {
      onFailure("authorize", cause);
      return { allowed: false };
    }
  }

  /** What goes along with a channel is for those who may listen to it, and while they may (PROTOCOL §13.3). */
  async #mayWatch(
    connection: Connection,
    { kind, name }: NonNullable<ReturnType<typeof companionOf>>,
    how: { readonly token?: string | undefined; readonly inTime: boolean },
  ): Promise<Listening> {
    const { attendance, onFailure } = this.#options;
    // Other dialects have no keys and no deletions.
    if (kind === "page" || attendance === null || connection.dialect !== "v1") return { allowed: false };
    // Who is taken off it is taken off this too.
    const listening: Listening = connection.channels.includes(name)
      ? { allowed: true, beside: name }
      : await this.mayListen(connection, name, how);
    if (!listening.allowed) return listening;
    try {
      const may = attendance.may(connection, name, "watch");
      return (await (how.inTime ? this.#inTime(may) : may)) ? listening : { allowed: false };
    } catch (cause) {
      onFailure("authorizePresence", cause);
      return { allowed: false };
    }
  }

  async #inTime<T>(answer: Promise<T>): Promise<T> {
    const { clock, withinMs } = this.#options;
    return new Promise<T>((resolve, reject) => {
      const timer = clock.setTimer(() => reject(new Error(`no answer within ${withinMs} ms`)), withinMs);
      const settle = (): void => clock.clearTimer(timer);
      answer.then(resolve, reject).finally(settle);
    });
  }

  #failed(what: string, cause: unknown): NotGranted {
    const { code, message } = cause instanceof GatewayError ? cause : { code: "", message: "" };
    const status = statuses[code];
    if (status !== undefined) return { ok: false, status, error: { code, message } };
    this.#options.onFailure(what, cause);
    // It comes back either way; here it is known why. The words stay here: they are not meant for the peer.
    if (code === "gateway.unavailable") return { ok: false, status: 503, error: { ...failure, code } };
    return { ok: false, status: 500, error: failure };
  }
}

/** A time on the wall by the clock that never jumps: to be looked up once, when it is learnt. */
export function onClock(clock: Pick<Clock, "now" | "wallTime">, wallTime: number): number {
  return clock.now() + (wallTime - clock.wallTime());
}

function permissionOf(answer: unknown, clock: Clock): { readonly allowed: boolean; readonly endsAt?: number } {
  const { expiresAt } = typeof answer === "object" && answer !== null ? (answer as Partial<Permission>) : {};
  if (expiresAt === undefined || !Number.isFinite(expiresAt)) return { allowed: answer === true };
  const endsAt = onClock(clock, expiresAt);
  return { allowed: endsAt > clock.now(), endsAt };
}

const statuses: Readonly<Record<string, RefusalStatus>> = {
  "gateway.bad-request": 400,
  "gateway.unauthorized": 401,
  "gateway.forbidden": 403,
};

const failure: WireError = {
  code: "gateway.internal",
  message: "the gateway failed to find out what this connection may hear; try again later",
};
