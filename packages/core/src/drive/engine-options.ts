// What an engine can be told, and what is wrong with it.
import { type Backoff, exponential, type ExponentialOptions } from "../client/backoff.ts";
import { InvalidOptionsError, type OptionsIssue, OptionsValidationError } from "./engine-errors.ts";

export interface EngineOptions {
  /** `onMessage` hooks in flight at once, per connection. At least 1. @defaultValue 4 */
  readonly messageConcurrency?: number;
  /** Open a new connection when one is lost. @defaultValue true */
  readonly autoReconnect?: boolean;
  /**
   * Waits before the attempts to come back, counted from 0 since the last connection: numbers for `exponential`, or a
   * function from attempt to milliseconds. @defaultValue `{ baseSeconds: 5, maxExponent: 1 }`: 1, 5, 5, … s
   */
  readonly backoff?: ExponentialOptions | Backoff;
  /** Which part of each wait is drawn at random: 1 all of it, 0 none. @defaultValue 0 */
  readonly jitter?: number;
  /** For the handshake and `onOpen` together, per attempt, in milliseconds; 0: no limit. @defaultValue 300_000 */
  readonly onOpenTimeoutMs?: number;
  /** For `stop`, in milliseconds; 0: no limit. @defaultValue 300_000 */
  readonly stopTimeoutMs?: number;
}

/** Every default, in an object of one's own. */
export function defaultEngineOptions() {
  return {
    messageConcurrency: 4,
    autoReconnect: true,
    backoff: { baseSeconds: 5, maxExponent: 1 },
    onOpenTimeoutMs: 300_000,
    stopTimeoutMs: 300_000,
  } satisfies EngineOptions;
}

export interface ResolvedEngineOptions extends Required<EngineOptions> {
  readonly backoff: Backoff;
}

/** The defaults, to be changed in a chain: `engineOptions().withAutoReconnect(false)`. Checks nothing. */
export function engineOptions(): EngineOptionsBuilder {
  return new EngineOptionsBuilder();
}

/** Engine options whose setters return the same object. */
export class EngineOptionsBuilder implements EngineOptions {
  messageConcurrency: number;
  autoReconnect: boolean;
  backoff: ExponentialOptions;
  onOpenTimeoutMs: number;
  stopTimeoutMs: number;

  constructor() {
    const { messageConcurrency, autoReconnect, backoff, onOpenTimeoutMs, stopTimeoutMs } = defaultEngineOptions();
    this.messageConcurrency = messageConcurrency;
    this.autoReconnect = autoReconnect;
    this.backoff = backoff;
    this.onOpenTimeoutMs = onOpenTimeoutMs;
    this.stopTimeoutMs = stopTimeoutMs;
  }

  withMessageConcurrency(value: number): this {
    this.messageConcurrency = value;
    return this;
  }

  withAutoReconnect(value: boolean): this {
    this.autoReconnect = value;
    return this;
  }

  withBackoffBaseSeconds(value: number): this {
    this.backoff = { ...this.backoff, baseSeconds: value };
    return this;
  }

  withBackoffMaxExponent(value: number): this {
    this.backoff = { ...this.backoff, maxExponent: value };
    return this;
  }

  withOnOpenTimeoutMs(value: number): this {
    this.onOpenTimeoutMs = value;
    return this;
  }

  withStopTimeoutMs(value: number): this {
    this.stopTimeoutMs = value;
    return this;
  }
}

interface Check {
  readonly rule: string;
  readonly holds: (value: unknown) => boolean;
}

const count = (least: number): Check => ({
  rule: `an integer >= ${least}`,
  holds: (value) => Number.isSafeInteger(value) && (value as number) >= least,
});
const boolean: Check = { rule: "a boolean", holds: (value) => typeof value === "boolean" };
const share: Check = {
  rule: "a number from 0 to 1",
  holds: (value) => typeof value === "number" && value >= 0 && value <= 1,
};
const positive: Check = { rule: "a number > 0", holds: (value) => typeof value === "number" && value > 0 };
const backoffRule = "a function, or { baseSeconds, maxExponent, capSeconds? }";

const checks: Readonly<Record<keyof Omit<EngineOptions, "backoff">, Check>> = {
  messageConcurrency: count(1),
  autoReconnect: boolean,
  jitter: share,
  onOpenTimeoutMs: count(0),
  stopTimeoutMs: count(0),
};
const backoffChecks: Readonly<Record<keyof ExponentialOptions, Check>> = {
  baseSeconds: count(1),
  maxExponent: count(1),
  capSeconds: positive,
};

/**
 * Options that are absent or undefined are what `defaultEngineOptions` says.
 * @throws {InvalidOptionsError} for anything but an object
 * @throws {OptionsValidationError} naming every wrong field
 */
export function validateEngineOptions(options: unknown): asserts options is EngineOptions {
  if (!isObject(options)) throw new InvalidOptionsError(`expected engine options, got ${kindOf(options)}`);
  const { backoff, ...rest } = options;
  const issues = problems(rest, checks, "");
  if (isObject(backoff)) {
    // Two numbers make a back-off: half of them is not completed from the defaults.
    const { baseSeconds = null, maxExponent = null } = backoff;
    issues.push(...problems({ ...backoff, baseSeconds, maxExponent }, backoffChecks, "backoff."));
  } else if (backoff !== undefined && typeof backoff !== "function") {
    issues.push({ field: "backoff", rule: backoffRule, value: backoff });
  }
  if (issues.length > 0) throw new OptionsValidationError(issues);
}

/** @throws like {@link validateEngineOptions} */
export function resolveEngineOptions(given: EngineOptions): ResolvedEngineOptions {
  validateEngineOptions(given);
  const named = Object.entries(given).filter(([, value]) => value !== undefined);
  const options = { ...defaultEngineOptions(), jitter: 0, ...(Object.fromEntries(named) as EngineOptions) };
  const { backoff } = options;
  return { ...options, backoff: typeof backoff === "function" ? backoff : exponential(backoff) };
}

function problems(
  values: Readonly<Record<string, unknown>>,
  rules: Readonly<Record<string, Check>>,
  path: string,
): OptionsIssue[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const check = rules[name];
    if (check === undefined) return { field: path + name, rule: "no such option", value };
    return value === undefined || check.holds(value) ? [] : { field: path + name, rule: check.rule, value };
  });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What `value` is, without repeating it. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : typeof value;
}
