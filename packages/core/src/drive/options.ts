import { type Backoff, schedule } from "../client/backoff.ts";
import type { ScopeHint } from "../client/greet.ts";
import { systemClock } from "../clock/system-clock.ts";
import { UsageError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import type { ClientMetrics } from "../ports/metrics.ts";
import type { Transport } from "../ports/transport.ts";
import { type Shape, shapeProblem } from "../wire/check-frame.ts";
import type { Contract } from "../wire/contract.ts";
import { type Dialect, envelopes } from "../wire/dialect.ts";
import { maxChannelBytes } from "../wire/limits.ts";

/** Asked for the token of each attempt. `fresh`: the gateway refused the last one, so one from a cache won't do. */
export type GetToken = (request: { readonly fresh: boolean }) => string | PromiseLike<string>;

export interface ClientOptions<C extends Contract = Contract> {
  /** Base URL of the gateway, e.g. `https://app.example.com`. Without a scheme: `wss`. A query goes along with every request. */
  readonly url: string;
  readonly transport: Transport;
  /** Secret key, for servers only. At most one of `apiKey`, `publicKey` and `getToken`. */
  readonly apiKey?: string;
  /** Key that may only listen, for pages. */
  readonly publicKey?: string;
  readonly getToken?: GetToken;
  /** Types the events; see `defineContract`. */
  readonly contract?: C;
  /** @defaultValue `trunkline.v1`; `plain()` for servers that speak only the plain dialect */
  readonly dialect?: Dialect;
  /** Ceilings of the waits between attempts. @defaultValue 1, 2, 4, 8, 16, 32, 60, 60, … s */
  readonly backoff?: Backoff;
  /** Which part of each wait is drawn at random: 1 all of it, 0 none. @defaultValue 1 */
  readonly jitter?: number;
  /** Connect without being asked. @defaultValue true */
  readonly autoConnect?: boolean;
  /** For the token, and again for the handshake, in milliseconds; 0: no limit. @defaultValue 10_000 */
  readonly connectTimeoutMs?: number;
  /** From the open link to `connected`, in milliseconds; 0: no limit. @defaultValue 10_000 */
  readonly greetTimeoutMs?: number;
  /** Silence allowed beyond the gateway's heartbeat interval, in milliseconds. @defaultValue 10_000 */
  readonly heartbeatGraceMs?: number;
  /** Channels to subscribe from the start, where the gateway allows it. @defaultValue none */
  readonly channels?: readonly string[];
  /**
   * What part of the account to listen to, such as `{ organization: 5 }`: a hint, which the gateway's `scope` option grants or refuses.
   * Said in `trunkline.v1` only.
   */
  readonly scope?: ScopeHint;
  /** @defaultValue silent */
  readonly logger?: Logger;
  readonly metrics?: ClientMetrics;
  readonly clock?: Clock;
}

/** What is taken for options that are absent or undefined. */
export const clientDefaults = {
  dialect: envelopes,
  backoff: schedule([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]),
  jitter: 1,
  autoConnect: true,
  connectTimeoutMs: 10_000,
  greetTimeoutMs: 10_000,
  heartbeatGraceMs: 10_000,
  channels: [] as readonly string[],
  clock: systemClock,
} satisfies Partial<ClientOptions>;

export type ResolvedOptions = ClientOptions & Required<Pick<ClientOptions, keyof typeof clientDefaults>>;

const shapes: Readonly<Record<keyof ClientOptions, Shape>> = {
  url: "string",
  transport: { open: "function" },
  apiKey: "string?",
  publicKey: "string?",
  getToken: "function?",
  contract: "object?",
  dialect: "object?",
  backoff: "function?",
  jitter: "number?",
  autoConnect: "boolean?",
  connectTimeoutMs: "count?",
  greetTimeoutMs: "count?",
  heartbeatGraceMs: "count?",
  channels: { optional: ["string"] },
  scope: "any",
  logger: "object?",
  metrics: "object?",
  clock: "object?",
};

/** @throws {UsageError} `usage.bad-option`, listing every problem; no value is repeated that could be a secret */
export function resolveOptions(given: ClientOptions): ResolvedOptions {
  const options: Record<string, unknown> = { ...clientDefaults };
  const problems: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    if (!(name in shapes)) problems.push(`${name}: no such option`);
    if (value !== undefined) options[name] = value;
  }
  for (const [name, shape] of Object.entries(shapes)) {
    const problem = shapeProblem(options[name], shape, name);
    if (problem) problems.push(problem);
  }
  const jitter = options["jitter"] as number;
  if (!(jitter >= 0 && jitter <= 1)) problems.push("jitter: expected 0 to 1");
  // As in `subscribe`: what might not fit in a frame would end every link.
  if (given.channels?.some?.((channel) => channel?.length > maxChannelBytes))
    problems.push(`channels: expected names of at most ${maxChannelBytes} bytes`);
  if (problems.length > 0) throw new UsageError("usage.bad-option", problems.join("; "));
  return options as unknown as ResolvedOptions;
}
