// What a gateway can be told, checked once at the door.
import { UsageError } from "@trunkline/core/errors";
import type { ChannelListener } from "@trunkline/core/listener";
import type { Broker, Clock, Logger } from "@trunkline/core/ports";
import type { Contract } from "@trunkline/core/wire";
import type { PublicKey, SecretKey } from "./auth/api-key.ts";
import type { Authenticator } from "./auth/authenticator.ts";
import type { Principal, PrincipalRights } from "./auth/principal.ts";
import { type ProxyHeader, proxiesProblem } from "./auth/trusted-proxies.ts";
import type { Connection } from "./connection.ts";
import { listenerProblem } from "./listener-problem.ts";
import { unknownOptions } from "./option-names.ts";
import type { AuthorizePresence } from "./presence/attendance.ts";
import type { LogPayload } from "./publish-log.ts";
import { rawPrefixOf } from "./raw-path.ts";
import type { DecideScope } from "./scope.ts";
import { type PagesOptions, pagesProblems } from "./pages/page-options.ts";
import type { SessionConfig } from "./session-state.ts";
import { type SubscriptionSource, byAccount } from "./subscription-source.ts";
import type { Serialize } from "./hub/serializer.ts";
import type { MemoryBrokerOptions } from "./memory-broker.ts";

/** What an authorizer decides on. */
export interface SubscribeRequest {
  readonly principal: Principal;
  /** The channel inside the principal's account. */
  readonly channel: string;
  /** What the client brought to be let in: see `subscriptionTokens`. */
  readonly token?: string;
  readonly connection: Connection;
}

/** A yes until `expiresAt`, in ms since 1970: then the gateway takes the connection off, and the client is told `ended`. */
export interface Permission {
  readonly expiresAt: number;
}

/** Whether a client may subscribe. A throw, a rejection or any other word is a no. */
export type Authorize = (request: SubscribeRequest) => boolean | Permission | Promise<boolean | Permission>;

/** What an authorizer of publishes decides on. */
export interface PublishAttempt {
  readonly principal: Principal;
  /** The channel inside the principal's account. */
  readonly channel: string;
  /** The event's name. */
  readonly event: string;
  readonly connection: Connection;
}

/** PROTOCOL §9. */
export interface GatewayLimits {
  /** Longest array frame the gateway sends, in bytes. @defaultValue 65_536 */
  readonly frameBytes?: number;
  /** Longest frame it takes, in bytes; a longer one closes the link with 1009. @defaultValue 65_536 */
  readonly incomingBytes?: number;
  /** Channels per connection that its client asked for. @defaultValue 1000 */
  readonly subscriptions?: number;
  /** Messages per second and connection, sustained. @defaultValue 100 */
  readonly messagesPerSecond?: number;
  /** Messages at once. @defaultValue 1000 */
  readonly messageBurst?: number;
  /** Publishes of one connection that may be unanswered. @defaultValue 100 */
  readonly pendingPublishes?: number;
  /** Bytes a connection may leave unread before it is fed from history; at least 65,536. @defaultValue 1_048_576 */
  readonly unreadBytes?: number;
  /** Links that have not said hello. @defaultValue 1000 */
  readonly greetings?: number;
  /** Largest event, as JSON text in bytes. @defaultValue 262_144 */
  readonly eventBytes?: number;
  /** Largest body of an HTTP publish, in bytes. @defaultValue 1_048_576 */
  readonly bodyBytes?: number;
}

/** PROTOCOL §13. */
export interface PresenceLimits {
  /** How long a member stays whose connection is lost, in milliseconds. @defaultValue 10_000 */
  readonly graceMs?: number;
  /** How long a gateway is silent before the others remove its members, in milliseconds; at least 1000. @defaultValue 15_000 */
  readonly leaseMs?: number;
  /** Members of one channel and gateway that are listed; those beyond it are only counted. @defaultValue 10_000 */
  readonly maxMembers?: number;
}

export interface GatewayOptions {
  /**
   * Whether connections are taken. With false, upgrades and event streams are answered 404, as if nothing were there, and nobody has to be
   * let in; all else goes on, `publish` too. @defaultValue true
   */
  readonly enabled?: boolean;
  /** Keys of servers: publish and listen inside their account. */
  readonly secretKeys?: readonly SecretKey[];
  /** Keys fit for pages: listen to one channel. */
  readonly publicKeys?: readonly PublicKey[];
  /**
   * Says whose a credential is that is none of these keys, or who a request without one is from; of a list, in its order, the
   * first that knows. See `Authenticator`.
   */
  readonly authenticate?: Authenticator | readonly Authenticator[];
  /**
   * Lets anybody without a credential in: `true` to listen to `account.default`, or with what they may besides, such as
   * `{ mayListen: ["chat.*"], mayPublish: ["chat.*"] }`. Everybody in the world may then. @defaultValue false
   */
  readonly anonymous?: boolean | PrincipalRights;
  /**
   * What part of its account a connection is given: `connection.scope`. See `pathScope`, `requestScope`.
   * @defaultValue absent: users get the `scope` of their principal, and whoever asks for one is refused
   */
  readonly scope?: DecideScope;
  /** Which channels a connection is on by itself: all that these name. @defaultValue byAccount() */
  readonly subscriptions?: SubscriptionSource | readonly SubscriptionSource[];
  /**
   * Whether a client may subscribe to a channel it asks for, and until when. It is not asked about what users `mayListen` to.
   * @defaultValue absent: clients get the channels that the gateway puts them on, and no others
   */
  readonly authorize?: Authorize;
  /**
   * Whether a connection may publish over its link what its principal alone does not allow: secret keys always may, inside their
   * account, users where they `mayPublish`. A throw or rejection is a no. Events go out in the order of its answers.
   * @defaultValue absent: no
   */
  readonly authorizePublish?: (attempt: PublishAttempt) => boolean | Promise<boolean>;
  /**
   * Who is on which channel (PROTOCOL §13); false: nobody is told. @defaultValue on
   */
  readonly presence?: false | PresenceLimits;
  /**
   * Whether a connection may be a member of a channel that it is on, or see its members, where its principal alone does not allow it: secret keys
   * always may, inside their account, users where they `mayAttend`. A throw or rejection is a no. @defaultValue absent: no
   */
  readonly authorizePresence?: AuthorizePresence;
  /**
   * Lets routes subscribe the pages that they answer with: `gateway.page(request, response)`. Visitors come in by their page, where nothing else
   * lets them in. @defaultValue absent: no page sessions
   */
  readonly pages?: PagesOptions;
  /** Where streams live. Closed by whoever made it. @defaultValue a `memoryBroker()` of its own, closed with the gateway */
  readonly broker?: Broker;
  /** How much the default broker keeps. */
  readonly history?: MemoryBrokerOptions["history"];
  /**
   * What clients get as the data of an event, by dialect, made once for all of them. Where it fails they are told a `gap` (PROTOCOL §5.9).
   * @defaultValue what was published
   */
  readonly serialize?: Serialize;
  /** Says which events are `volatile`. */
  readonly contract?: Contract;
  /** What server code does about what is said on channels: see `defineListener`. @defaultValue none */
  readonly listeners?: ChannelListener | readonly ChannelListener[];
  /**
   * The raw door (PROTOCOL §16): an upgrade without a subprotocol whose path begins with `prefix` is on the channel that the rest of its path
   * names, where `authorize` or its principal allows it, and gets the data of events as bare text. `true` is the prefix "/": all paths but the
   * gateway's own; attached to a server, only as long as nobody else listens for its upgrades. @defaultValue false
   */
  readonly raw?: boolean | { readonly prefix?: string };
  /** Origins besides the gateway's own whose pages may connect, such as `https://app.example.com`; "*" is any. */
  readonly origins?: readonly string[];
  /**
   * Addresses and ranges (`10.0.0.0/8`, `::1`) of proxies whose word counts on who is at their far end: `request.remoteAddress`, `secure`
   * and `host`. @defaultValue none
   */
  readonly trustedProxies?: readonly string[];
  /**
   * What they set: `X-Forwarded-For` with `-Proto` and `-Host`, or `Forwarded`. The other one is left alone: a proxy passes it on as it came.
   * @defaultValue "x-forwarded-for"
   */
  readonly proxyHeader?: ProxyHeader;
  /** Milliseconds between two pings to a connection; two unanswered end it. @defaultValue 25_000 */
  readonly heartbeatMs?: number;
  /** Milliseconds a link may take to say hello. @defaultValue 10_000 */
  readonly greetTimeoutMs?: number;
  /** Milliseconds that the body of an HTTP request may take to arrive; then 408. @defaultValue 30_000 */
  readonly bodyTimeoutMs?: number;
  readonly limits?: GatewayLimits;
  /** Milliseconds that `close` gives connections to leave. @defaultValue 5000 */
  readonly drainMs?: number;
  /** @defaultValue silent */
  readonly logger?: Logger;
  /**
   * What of an event's payload may stand in the log: with it, the line that is written at level debug of each event that is accepted holds what this
   * returns. A throw is told to `error`. @defaultValue absent: no line holds a payload
   */
  readonly logPayload?: LogPayload;
  /** @defaultValue the system's */
  readonly clock?: Clock;
}

export const gatewayDefaults = {
  heartbeatMs: 25_000,
  greetTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  drainMs: 5000,
  presence: { graceMs: 10_000, leaseMs: 15_000, maxMembers: 10_000 },
  limits: {
    frameBytes: 65_536,
    incomingBytes: 65_536,
    subscriptions: 1000,
    messagesPerSecond: 100,
    messageBurst: 1000,
    pendingPublishes: 100,
    unreadBytes: 1_048_576,
    greetings: 1000,
    eventBytes: 262_144,
    bodyBytes: 1_048_576,
  },
} as const;

const optionNames: Readonly<Record<keyof GatewayOptions, true>> = {
  secretKeys: true,
  publicKeys: true,
  authenticate: true,
  anonymous: true,
  scope: true,
  subscriptions: true,
  authorize: true,
  authorizePublish: true,
  presence: true,
  authorizePresence: true,
  pages: true,
  broker: true,
  history: true,
  serialize: true,
  contract: true,
  listeners: true,
  raw: true,
  origins: true,
  trustedProxies: true,
  proxyHeader: true,
  heartbeatMs: true,
  greetTimeoutMs: true,
  bodyTimeoutMs: true,
  limits: true,
  drainMs: true,
  logger: true,
  logPayload: true,
  clock: true,
  enabled: true,
};

/** What to do instead of options that older systems have. */
const hints: Readonly<Record<string, string>> = {
  mode: "a gateway has no modes: every client says by itself which dialect it speaks",
};

const rights: readonly (keyof PrincipalRights)[] = ["mayListen", "mayPublish", "mayAttend"];

/** Smallest of each limit; 1 where nothing is said. Below 64 KiB of unread bytes a socket's own buffer never tells of its end. */
const least: Readonly<Record<string, number>> = { unreadBytes: 65_536, frameBytes: 128, incomingBytes: 128 };

export interface ResolvedOptions {
  readonly enabled: boolean;
  readonly heartbeatMs: number;
  readonly greetTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly drainMs: number;
  readonly limits: Required<GatewayLimits>;
  readonly origins: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly proxyHeader: ProxyHeader;
  readonly sources: readonly SubscriptionSource[];
  /** null: nobody is told who is there. */
  readonly presence: Required<PresenceLimits> | null;
  readonly listeners: readonly ChannelListener[];
  /** What the paths of raw links begin with; null: there are none. */
  readonly rawPrefix: string | null;
}

/** @throws {UsageError} `usage.bad-option` naming each wrong option */
export function resolveOptions(options: GatewayOptions): ResolvedOptions {
  const problems: string[] = [
    ...unknownOptions(options, Object.keys(optionNames), "", hints),
    ...unknownOptions(options.limits ?? {}, Object.keys(gatewayDefaults.limits), "limits."),
    ...unknownOptions(typeof options.anonymous === "object" ? (options.anonymous ?? {}) : {}, rights, "anonymous."),
    ...unknownOptions(options.presence || {}, Object.keys(gatewayDefaults.presence), "presence."),
  ];
  const whole = (name: string, value: number, min: number): void => {
    if (Number.isSafeInteger(value) && value >= min) return;
    problems.push(`${name}: expected an integer ≥ ${min}, got ${value}`);
  };
  const { heartbeatMs, greetTimeoutMs, bodyTimeoutMs, drainMs } = gatewayDefaults;
  const times = {
    heartbeatMs: options.heartbeatMs ?? heartbeatMs,
    greetTimeoutMs: options.greetTimeoutMs ?? greetTimeoutMs,
    bodyTimeoutMs: options.bodyTimeoutMs ?? bodyTimeoutMs,
    drainMs: options.drainMs ?? drainMs,
  };
  whole("heartbeatMs", times.heartbeatMs, 1);
  whole("greetTimeoutMs", times.greetTimeoutMs, 1);
  whole("bodyTimeoutMs", times.bodyTimeoutMs, 1);
  whole("drainMs", times.drainMs, 0);
  const limits: Record<keyof GatewayLimits, number> = { ...gatewayDefaults.limits };
  for (const name of Object.keys(limits) as (keyof GatewayLimits)[]) {
    limits[name] = options.limits?.[name] ?? limits[name];
    whole(`limits.${name}`, limits[name], least[name] ?? 1);
  }
  const presence: Record<keyof PresenceLimits, number> = { ...gatewayDefaults.presence };
  const leastOfPresence = { graceMs: 0, leaseMs: 1000, maxMembers: 0 };
  for (const name of Object.keys(presence) as (keyof PresenceLimits)[]) {
    if (options.presence !== false) presence[name] = options.presence?.[name] ?? presence[name];
    whole(`presence.${name}`, presence[name], leastOfPresence[name]);
  }
  for (const [index, origin] of (options.origins ?? []).entries()) {
    if (origin === "*" || /^[a-z][a-z0-9+.-]*:\/\/[^/]+$/i.test(origin)) continue;
    problems.push(`origins[${index}]: expected one such as "https://app.example.com", got ${JSON.stringify(origin)}`);
  }
  const { enabled = true } = options;
  // A text of the environment, "false", would switch it on.
  if (typeof enabled !== "boolean") problems.push(`enabled: expected true or false, got ${typeof enabled}`);
  const { trustedProxies = [], proxyHeader = "x-forwarded-for" } = options;
  const proxies = proxiesProblem(trustedProxies);
  if (proxies !== null) problems.push(proxies);
  if (proxyHeader !== "x-forwarded-for" && proxyHeader !== "forwarded")
    problems.push('proxyHeader: expected "x-forwarded-for" or "forwarded", got another');
  const { scope, subscriptions = byAccount() } = options;
  const sources = typeof subscriptions === "function" ? [subscriptions] : [...subscriptions];
  const callback = (name: string, value: unknown): void => {
    if (typeof value !== "function") problems.push(`${name}: expected a function, got ${typeof value}`);
  };
  if (scope !== undefined) callback("scope", scope);
  if (options.authorizePresence !== undefined) callback("authorizePresence", options.authorizePresence);
  if (options.logPayload !== undefined) callback("logPayload", options.logPayload);
  const rawPrefix = rawPrefixOf(options.raw, problems);
  for (const [index, source] of sources.entries()) callback(`subscriptions[${index}]`, source);
  const { listeners: given = [] } = options;
  // Of what is no list either it is said as of one in a list.
  const listeners = Array.isArray(given) ? (given as readonly ChannelListener[]) : [given as ChannelListener];
  for (const [index, listener] of listeners.entries()) {
    const problem = listenerProblem(listener);
    if (problem !== null) problems.push(`listeners[${index}]: ${problem}`);
  }
  if (options.pages !== undefined) problems.push(...pagesProblems(options.pages));
  if (problems.length > 0) throw new UsageError("usage.bad-option", `createGateway: ${problems.join("; ")}`);
  return Object.freeze({
    enabled,
    ...times,
    limits: Object.freeze(limits),
    origins: Object.freeze([...(options.origins ?? [])]),
    trustedProxies: Object.freeze([...trustedProxies]),
    proxyHeader,
    sources,
    rawPrefix,
    presence: options.presence === false ? null : Object.freeze(presence),
    listeners: [...listeners],
  });
}

/** What all sessions of a gateway share. */
export function sessionConfig(
  { greetTimeoutMs, heartbeatMs, limits, presence }: ResolvedOptions,
  { authorize, authenticate, anonymous }: GatewayOptions,
): SessionConfig {
  const { frameBytes, subscriptions, messagesPerSecond: rate, messageBurst: burst, pendingPublishes } = limits;
  // Somebody decides on what clients ask for; on who sees the members of a channel, presence does.
  const asked = authorize !== undefined || authenticate !== undefined || typeof anonymous === "object";
  const canSubscribe = asked || presence !== null;
  return { greetTimeoutMs, heartbeatMs, frameBytes, subscriptions, rate, burst, canSubscribe, pendingPublishes };
}
