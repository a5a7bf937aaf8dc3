import type { ChannelListener } from "@trunkline/core/listener";

/** Whether `value` is what `defineListener` makes. */
function isListener(value: unknown): value is ChannelListener {
  const { routes, handlersOf } = (value ?? {}) as Partial<Record<keyof ChannelListener, unknown>>;
  return Array.isArray(routes) && typeof handlersOf === "function";
}

/** Why `value` can't be run as a listener, or null. */
export function listenerProblem(value: unknown): string | null {
  return isListener(value) ? null : `expected what defineListener makes, got ${value === null ? "null" : typeof value}`;
}
