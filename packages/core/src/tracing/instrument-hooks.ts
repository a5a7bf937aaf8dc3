import type { EngineHooks } from "../drive/engine-hooks.ts";
import { UsageError } from "../errors.ts";
import type { TracerProviderLike } from "../ports/tracer.ts";
import { during } from "./end-span.ts";
import { engineAttributes } from "./engine-attributes.ts";
import { measure } from "./measure.ts";
import { contextOf, findTracer } from "./open-telemetry.ts";

type Name = keyof EngineHooks;
type Contexts<Value> = { readonly [Hook in Name]: Parameters<NonNullable<EngineHooks<Value>[Hook]>>[0] };

/** The span of each hook, and what it says of the context. Never what a message holds. */
const spans: {
  readonly [Hook in Name]: readonly [name: string, (context: Contexts<unknown>[Hook]) => Record<string, unknown>];
} = {
  onOpen: ["on_open", ({ restarting }) => ({ restart: restarting })],
  onMessage: [
    "on_message",
    ({ data }) => {
      const { opcode, bytes } = measure(data);
      return { "message.opcode": opcode, "message.length": bytes };
    },
  ],
  onReadError: ["on_read_error", () => ({})],
  onClose: [
    "on_close",
    ({ closeMessage: close }) => ({
      has_close_message: close !== null,
      ...(close && { close_code: close.code, close_reason: close.reason }),
    }),
  ],
  onCloseError: ["on_close_error", () => ({})],
  onRestartError: ["on_restart_error", ({ retryCount }) => ({ retry_count: retryCount })],
};

const instrumented = new WeakSet<object>();

/**
 * `hooks` with a span around each call, active while it runs and `span` of its context. Its parent is the `span` of the
 * context it was called with, as an engine gives it, or else what is active. Hooks that have spans already, and all hooks
 * when there is no provider, are given back as they are.
 * @param tracerProvider by default the one that is registered globally by now
 * @throws {UsageError} `usage.bad-argument` for anything but an object
 */
export function instrumentHooks<Value = string | Uint8Array>(
  hooks: EngineHooks<Value>,
  tracerProvider?: TracerProviderLike,
): EngineHooks<Value> {
  if (typeof hooks !== "object" || hooks === null) {
    throw new UsageError("usage.bad-argument", "instrumentHooks: expected an object of hooks");
  }
  const tracer = findTracer("trunkline.engine", tracerProvider);
  if (tracer === null || instrumented.has(hooks)) return hooks;

  const traced = <Hook extends Name>(hook: Hook): EngineHooks<Value>[Hook] => {
    if (typeof hooks[hook] !== "function") return undefined;
    const [name, attributesOf] = spans[hook];
    const call = (context: Contexts<Value>[Hook]): unknown => {
      const session = "sessionId" in context ? { session_id: context.sessionId } : {};
      return tracer.startActiveSpan(
        `trunkline.engine.callback.${name}`,
        { attributes: engineAttributes({ ...session, ...attributesOf(context) }) },
        contextOf(context.span),
        (span) => during(span, () => hooks[hook]?.({ ...context, span } as never)),
      );
    };
    return call as EngineHooks<Value>[Hook];
  };
  const result = Object.fromEntries(
    (Object.keys(spans) as Name[]).map((hook) => [hook, traced(hook)]).filter(([, call]) => call !== undefined),
  ) as EngineHooks<Value>;
  instrumented.add(result);
  return result;
}
