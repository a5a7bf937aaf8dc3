import { UsageError } from "../errors.ts";
import type { Lease } from "./engine-hooks.ts";
import type { EngineSession } from "./engine-session.ts";

/**
 * @param session the session of the moment; throws {@link AlreadyClosedError} without one
 * @param letGo called once, with whose reads are to be dismissed
 */
export function createLease<Value>(session: () => EngineSession<Value>, letGo: (reader: object) => void): Lease<Value> {
  let released = false;
  const reader = {};
  const used = (): EngineSession<Value> => {
    if (released) throw new UsageError("usage.closed", "expected a lease that is held, got one that was released");
    return session();
  };
  const release = (): void => {
    if (released) return;
    released = true;
    letGo(reader);
  };
  // Async, so that what `used` throws rejects.
  const read: Lease<Value>["read"] = async ({ signal } = {}) => used().read(reader, signal);
  return {
    read,
    send: (data) => used().send(data),
    release,
    [Symbol.dispose]: release,
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        try {
          if (!released) return { done: false, value: await read() };
        } catch (error) {
          if (!released) throw error;
        }
        return { done: true, value: undefined };
      },
    }),
  };
}
