// A listener: what server code does about what is said on channels. A value, made before there is anything that runs it.
import { UsageError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { accountProblem, defaultAccount } from "../publish/account.ts";
import { channelMatcher, channelPatternProblem, isChannelPattern } from "../publish/channel-pattern.ts";
import { channelProblem } from "../wire/limits.ts";
import { type ChannelHandler, type ListenerContext, type ListenerGap, bareContext } from "./listener-context.ts";

/** By channel or pattern: one handler, or several that run in their order. */
export type ListenerChannels<Messages> = {
  readonly [Channel in keyof Messages]:
    | ChannelHandler<Messages[Channel]>
    | readonly ChannelHandler<Messages[Channel]>[];
};

export interface ListenerOptions {
  /** What it is called in logs and errors. @defaultValue "listener" */
  readonly name?: string;
  /** Whose channels these are, in a gateway. @defaultValue "default" */
  readonly account?: string;
  /** Hears of events that this listener will not hear; they are logged as well. */
  readonly onGap?: (gap: ListenerGap) => unknown;
}

/** One entry of a listener, as it was given. */
export interface ListenerRoute {
  /** Channel or pattern. */
  readonly pattern: string;
  readonly isPattern: boolean;
  readonly handlers: readonly ChannelHandler[];
}

/** A handler and the channel or pattern that it was given for. */
export interface NamedHandler {
  readonly pattern: string;
  readonly handler: ChannelHandler;
}

export interface ChannelListener {
  readonly name: string;
  readonly account: string;
  readonly onGap: ((gap: ListenerGap) => unknown) | undefined;
  /**
   * Each channel or pattern with all that is done about it, to be called without a server:
   * `listener.channels.get("echo")?.("x")` returns what the handler returns, an array of that for several, and throws what it throws.
   */
  readonly channels: ReadonlyMap<string, (message: unknown, context?: ListenerContext) => unknown>;
  readonly routes: readonly ListenerRoute[];
  /** Handlers of `channel`, by name and by pattern, in the order of the definition. */
  handlersOf(channel: string): readonly NamedHandler[];
}

const optionNames = ["name", "account", "onGap"];

/**
 * `defineListener({ orders: (order, { reply }) => …, "chat.*": [log, moderate] })`. In a pattern `*` stands for any number of characters, none
 * too, but never for ";"; the whole name has to match. A pattern never means a companion stream, whose name begins with "~".
 * @throws {UsageError} `usage.bad-argument` naming each channel, handler and option that is wrong
 */
export function defineListener<Messages extends Record<string, unknown>>(
  channels: ListenerChannels<Messages>,
  options: ListenerOptions = {},
): ChannelListener {
  const problems = [...channelProblems(channels), ...optionProblems(options)];
  if (problems.length > 0) throw new UsageError("usage.bad-argument", `defineListener: ${problems.join("; ")}`);
  const { name = "listener", account = defaultAccount, onGap } = options;
  const routes = Object.entries<ChannelHandler | readonly ChannelHandler[]>(
    channels as Record<string, ChannelHandler | readonly ChannelHandler[]>,
  ).map(([pattern, given]) =>
    Object.freeze({
      pattern,
      isPattern: isChannelPattern(pattern),
      handlers: Object.freeze(typeof given === "function" ? [given] : [...given]),
    }),
  );
  const matchers = routes.map((route) => ({ route, matches: matcherOf(route) }));
  return Object.freeze({
    name,
    account,
    onGap,
    channels: new Map(routes.map((route) => [route.pattern, callable(route)])),
    routes: Object.freeze(routes),
    handlersOf: (channel: string) =>
      matchers
        .filter(({ matches }) => matches(channel))
        .flatMap(({ route }) => route.handlers.map((handler) => ({ pattern: route.pattern, handler }))),
  });
}

function matcherOf({ pattern, isPattern }: ListenerRoute): (channel: string) => boolean {
  if (!isPattern) return (channel) => channel === pattern;
  const matches = channelMatcher(pattern);
  return (channel) => matches(channel) && channelProblem(channel) === null;
}

function callable({ pattern, handlers }: ListenerRoute): (message: unknown, context?: ListenerContext) => unknown {
  return (message, context = bareContext(pattern, message)) => {
    const results = handlers.map((handler) => handler(message, context));
    return results.length === 1 ? results[0] : results;
  };
}

function channelProblems(channels: unknown): readonly string[] {
  if (typeof channels !== "object" || channels === null || Array.isArray(channels))
    return ["expected an object of channels and their handlers"];
  const entries = Object.entries(channels as Record<string, unknown>);
  if (entries.length === 0) return ["expected at least one channel, got none"];
  return entries.flatMap(([name, given]) => {
    const problem = channelPatternProblem(name);
    if (problem !== null) return [`channel ${JSON.stringify(name)}: ${problem}`];
    const handlers: readonly unknown[] = Array.isArray(given) ? given : [given];
    const ok = handlers.length > 0 && handlers.every((handler) => typeof handler === "function");
    return ok ? [] : [`channel ${JSON.stringify(name)}: expected a function or a list of them`];
  });
}

function optionProblems(options: ListenerOptions): readonly string[] {
  const problems = Object.keys(options)
    .filter((name) => !optionNames.includes(name))
    .map((name) => {
      const near = nearest(name, optionNames);
      return `unknown option ${name}; ${near === null ? `expected one of ${optionNames.join(", ")}` : `did you mean ${near}?`}`;
    });
  const { name, account, onGap } = options;
  if (name !== undefined && (typeof name !== "string" || name === ""))
    problems.push("name: expected a non-empty string");
  const problem = account === undefined ? null : accountProblem(account);
  if (problem !== null) problems.push(`account: ${problem}`);
  if (onGap !== undefined && typeof onGap !== "function")
    problems.push(`onGap: expected a function, got ${typeof onGap}`);
  return problems;
}
