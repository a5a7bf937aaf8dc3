// Sources of subscription: which channels a connection is on by itself. What all sources of a gateway say is united (ADR 7).
import { GatewayError, UsageError } from "@trunkline/core/errors";
import type { Registered } from "@trunkline/core/ports";
import { allChannel } from "@trunkline/core/publish";
import { type Position, companionOf } from "@trunkline/core/wire";
import { type Principal, ownChannels } from "./auth/principal.ts";
import type { RequestInfo } from "./auth/request-info.ts";
import { channelGrantProblem, grantProblem } from "./channel-grant.ts";
import type { Connection } from "./connection.ts";
import { isThenable } from "./thenable.ts";

/** Who came in, as a source sees it. */
export interface Visitor {
  readonly principal: Principal;
  /** What part of the account it was given, such as `organization.1234`, or null. */
  readonly scope: string | null;
  readonly request: RequestInfo;
  readonly connection: Connection;
  /** Whether its client might subscribe to a channel, and for good: what `authorize` says of it, without a throw. */
  readonly mayListen: (channel: string) => Promise<boolean>;
}

/** A channel, or one with the position that a connection begins from which names none itself; null: from now on. */
type SourceChannel = string | Registered;

/** The channels of a connection, with where it begins on them unless it knows better. */
export type SourceChannels = ReadonlyMap<string, Position | undefined>;

/**
 * Names the channels of a connection, inside its account: when it comes in, and again at `gateway.reauthorize`. To refuse the connection, throw a
 * `GatewayError` with `gateway.unauthorized` or `gateway.forbidden`: its message is for the peer. Anything else that is thrown is a failure
 * of the gateway, and that connection's alone: 1011, or 500 over HTTP; 1013, or 503, for a `GatewayError` with `gateway.unavailable`.
 */
export type SubscriptionSource = (visitor: Visitor) => Iterable<SourceChannel> | Promise<Iterable<SourceChannel>>;

/** The default: `account.<id>` for secret keys, its one channel for a public key, its `channels` for a user. */
export function byAccount(): SubscriptionSource {
  return ({ principal }) => ownChannels(principal);
}

/** The connection's scope, such as `organization.1234`, and nothing within or beside it; `all` without one. */
export function byScope(): SubscriptionSource {
  return ({ scope }) => [scope ?? allChannel];
}

/**
 * `all`, and the channel that the client names as `?path=` when it connects, where `authorize` allows it one; else it is refused
 * (403, 4403).
 */
export function byPath(): SubscriptionSource {
  return async ({ request, mayListen }) => {
    const path = request.params.get("path");
    if (path === null) return [allChannel];
    const problem = channelGrantProblem(path);
    if (problem !== null) throw new GatewayError("gateway.bad-request", `path: ${problem}`);
    if (!(await mayListen(path))) throw new GatewayError("gateway.forbidden", pathForbidden);
    return [allChannel, path];
  };
}

const pathForbidden = "this connection may not listen to the channel that its path names";

/** What is pushed to one page alone is that page's, whatever a source was told to name (PROTOCOL §15.4). */
function pageProblem(name: string): string | null {
  return companionOf(name)?.kind === "page" ? 'expected none that begins with "~page/"' : null;
}

/**
 * What all `sources` say, each channel once.
 * @throws what a source throws; {GatewayError} `gateway.bad-request` when a name can't be one
 */
export function united(
  sources: readonly SubscriptionSource[],
  visitor: Visitor,
): SourceChannels | Promise<SourceChannels> {
  // All at once: one that is slow does not wait for another. A connection for which nobody has to be waited for costs no promise.
  const answers = sources.map((source) => {
    try {
      return source(visitor);
    } catch (cause) {
      // What another one is still about to say has to be heard all the same, should it fail.
      return Promise.reject(cause as Error);
    }
  });
  return answers.some((answer) => isThenable(answer))
    ? Promise.all(answers.map(async (answer) => answer)).then(union)
    : union(answers as Iterable<SourceChannel>[]);
}

function union(answers: readonly Iterable<SourceChannel>[]): SourceChannels {
  const channels = new Map<string, Position | undefined>();
  for (const answer of answers) {
    // It would be taken for a list of letters.
    if (typeof answer === "string")
      throw new UsageError("usage.bad-argument", "subscriptions: expected a list of channels, got a string");
    for (const each of answer) {
      const { channel, position } = typeof each === "string" ? { channel: each, position: null } : each;
      const problem = grantProblem(channel) ?? pageProblem(channel);
      if (problem !== null) throw new GatewayError("gateway.bad-request", `channel: ${problem}`);
      // Whoever names a position names a channel for good; others only say that it is one of them.
      channels.set(channel, position ?? channels.get(channel));
    }
  }
  return channels;
}
