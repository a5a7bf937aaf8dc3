// A typed emitter on mitt. mitt keeps the registrations (its public `all` map); the lists in it are copied on write and
// walked here, because mitt's own `emit` stops at the first listener that throws.
import mitt from "mitt";
import type { AbortSignalLike } from "./ports/abort-signal.ts";

/** What each event carries, as a labelled tuple of at most two values: `{ status: [next: Status, previous: Status] }`. */
export type EventMap = { readonly [Name in string]: readonly [first?: unknown, second?: unknown] };

/** What a listener may return: a promise is watched, and its rejection reported like a throw. */
export type Listener<Args extends readonly unknown[]> = (...args: Args) => unknown;

export interface ListenOptions {
  /** Undoes the registration when it aborts. */
  readonly signal?: AbortSignalLike;
}

export interface Emitter<Events extends EventMap> {
  /** Calls `listener` at every event, in order of registration. Returns its undo, which may be called twice. */
  readonly on: Listen<Events>;
  /** Calls `listener` at the next event only. */
  readonly once: Listen<Events>;
  /** Removes one registration of this very function, if there is one. */
  readonly off: <Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>) => void;
  /**
   * Calls the listeners synchronously; those added meanwhile wait for the next event, those removed meanwhile are not
   * called. Allocates nothing. Never throws.
   */
  readonly emit: <Name extends keyof Events>(name: Name, ...args: Events[Name]) => void;
}
type Listen<Events extends EventMap> = <Name extends keyof Events>(
  name: Name,
  listener: Listener<Events[Name]>,
  options?: ListenOptions,
) => () => void;

/** Gets what a listener threw or rejected with, and the event's name. Must not throw. */
export type Failed = (cause: unknown, name: string) => void;

interface Registration {
  readonly listener: Listener<never>;
  readonly once: boolean;
  readonly undo: () => void;
  live: boolean;
}

export function createEmitter<Events extends EventMap>(failed: Failed): Emitter<Events> {
  // The casts: mitt's types are those of its CommonJS build, and its lists may hold only bare functions.
  const { all } = (mitt as unknown as typeof mitt.default)();
  const lists = all as unknown as Map<string, readonly Registration[]>;

  const add = (name: string, listener: Listener<never>, options: ListenOptions | undefined, once: boolean) => {
    const signal = options?.signal;
    const undo = (): void => {
      if (!registration.live) return;
      registration.live = false;
      signal?.removeEventListener("abort", undo);
      const rest = (lists.get(name) ?? []).filter((other) => other !== registration);
      // A name nobody listens to any more leaves nothing behind.
      if (rest.length > 0) lists.set(name, rest);
      else lists.delete(name);
    };
    const registration: Registration = { listener, once, undo, live: !signal?.aborted };
    if (registration.live) {
      lists.set(name, [...(lists.get(name) ?? []), registration]);
      signal?.addEventListener("abort", undo);
    }
    return undo;
  };

  return {
    on: (name: string, listener: Listener<never>, options?: ListenOptions) => add(name, listener, options, false),
    off: (name: string, listener: Listener<never>) =>
      lists
        .get(name)
        ?.find((registration) => registration.listener === listener)
        ?.undo(),
    once: (name: string, listener: Listener<never>, options?: ListenOptions) => add(name, listener, options, true),
    emit: (name: string, first?: unknown, second?: unknown) => {
      const list = lists.get(name);
      if (list === undefined) return;
      for (const registration of list) {
        if (!registration.live) continue;
        if (registration.once) registration.undo();
        isolate(registration.listener as Listener<[unknown, unknown]>, failed, name, first, second);
      }
    },
    // The casts above and here: inside, names and arguments are not told apart; the interface ties them together.
  } as unknown as Emitter<Events>;
}

/** Calls `run(first, second)`; what it throws or rejects with goes to `failed` and nowhere else. */
export function isolate(
  run: (first: unknown, second: unknown) => unknown,
  failed: Failed,
  name: string,
  first?: unknown,
  second?: unknown,
): void {
  try {
    const result = run(first, second) as PromiseLike<unknown> | undefined;
    if (typeof result?.then === "function") result.then(undefined, (cause: unknown) => failed(cause, name));
  } catch (cause) {
    failed(cause, name);
  }
}
