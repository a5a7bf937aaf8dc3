import type { EngineHooks } from "../drive/engine-hooks.ts";

/** One call of a hook: its name and what it was given. */
export type HookCall<Value = string | Uint8Array> = {
  readonly [Name in keyof EngineHooks<Value>]-?: {
    readonly hook: Name;
    readonly context: Parameters<NonNullable<EngineHooks<Value>[Name]>>[0];
  };
}[keyof EngineHooks<Value>];

export interface MockHooks<Value = string | Uint8Array> {
  /** Records every call, then does what was given. */
  readonly hooks: Required<EngineHooks<Value>>;
  /** Every call, oldest first. */
  readonly calls: readonly HookCall<Value>[];
  /** What the calls of one hook were given, oldest first. */
  readonly of: <Name extends keyof EngineHooks<Value>>(
    hook: Name,
  ) => Extract<HookCall<Value>, { readonly hook: Name }>["context"][];
}

/** Engine hooks that remember: `const { hooks, of } = mockHooks(); …; of("onMessage").map(({ data }) => data)`. */
export function mockHooks<Value = string | Uint8Array>(given: EngineHooks<Value> = {}): MockHooks<Value> {
  const calls: HookCall<Value>[] = [];
  return {
    calls,
    of: (hook) => calls.filter((call) => call.hook === hook).map(({ context }) => context) as never,
    hooks: {
      onOpen: (context) => {
        calls.push({ hook: "onOpen", context });
        return given.onOpen?.(context);
      },
      onMessage: (context) => {
        calls.push({ hook: "onMessage", context });
        return given.onMessage?.(context);
      },
      onReadError: (context) => {
        calls.push({ hook: "onReadError", context });
        return given.onReadError?.(context);
      },
      onClose: (context) => {
        calls.push({ hook: "onClose", context });
        return given.onClose?.(context);
      },
      onCloseError: (context) => {
        calls.push({ hook: "onCloseError", context });
        return given.onCloseError?.(context);
      },
      onRestartError: (context) => {
        calls.push({ hook: "onRestartError", context });
        return given.onRestartError?.(context);
      },
    },
  };
}
