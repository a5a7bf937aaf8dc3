// Calls handlers, each by itself: what one throws, rejects with or never returns is nothing to the others.
import { isolate } from "../emitter.ts";
import { UsageError } from "../errors.ts";
import type { ChannelListener, NamedHandler } from "./define-listener.ts";
import type { ListenerContext, ListenerGap } from "./listener-context.ts";

/** Hears of a handler that threw or rejected. Must not throw. */
export type HandlerFailed = (error: UsageError) => void;

/**
 * Calls every handler of the event's channel, in order; their promises are not waited for. Never throws.
 * @param handlers those of the channel, where they are known already
 */
export function dispatch(
  listener: ChannelListener,
  context: ListenerContext,
  failed: HandlerFailed,
  handlers: readonly NamedHandler[] = listener.handlersOf(context.channel),
): void {
  const fail = failureOf(listener, failed);
  for (const { pattern, handler } of handlers) {
    isolate(() => handler(context.meta.data, context), fail, `its handler for "${pattern}"`);
  }
}

/** Tells a listener that it missed something. Never throws. */
export function dispatchGap(listener: ChannelListener, gap: ListenerGap, failed: HandlerFailed): void {
  isolate(() => listener.onGap?.(gap), failureOf(listener, failed), "its onGap");
}

function failureOf({ name }: ChannelListener, failed: HandlerFailed): (cause: unknown, what: string) => void {
  return (cause, what) => {
    failed(new UsageError("usage.listener-failed", `listener "${name}": ${what} failed: ${saidBy(cause)}`, { cause }));
  };
}

/** What is thrown may throw, too, when it is looked at. */
function saidBy(cause: unknown): string {
  try {
    if (cause instanceof Error) return String(cause.message);
  } catch {}
  return "it threw something that is no Error";
}
