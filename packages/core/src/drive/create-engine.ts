// Checks what an engine is made of and puts its parts together.
import { createEmitter } from "../emitter.ts";
import { systemClock } from "../clock/system-clock.ts";
import { type TrunklineError, UsageError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import type { TracerProviderLike } from "../ports/tracer.ts";
import type { Transport } from "../ports/transport.ts";
import { instrumentHooks } from "../tracing/instrument-hooks.ts";
import { instrumentTransport } from "../tracing/instrument-transport.ts";
import { EngineDriver } from "./engine-driver.ts";
import { EngineNotStartedError, InvalidOptionsError } from "./engine-errors.ts";
import type { Engine, EngineEvents, EngineHooks } from "./engine-hooks.ts";
import { type EngineOptions, kindOf, resolveEngineOptions } from "./engine-options.ts";
import { engineTracer } from "./engine-tracer.ts";

export interface EngineInit<Value = string | Uint8Array> {
  /** `ws:` or `wss:` URL of any WebSocket service. Never logged. */
  readonly url: string;
  readonly transport: Transport;
  readonly hooks: EngineHooks<Value>;
  /** @defaultValue `defaultEngineOptions()` */
  readonly options?: EngineOptions;
  /** Subprotocols to offer, best first. @defaultValue none */
  readonly protocols?: readonly string[];
  /** Makes `value` of a message. What it throws is told by `onReadError`. @defaultValue the data as it came */
  readonly decode?: (data: string | Uint8Array) => Value;
  /** @defaultValue silent */
  readonly logger?: Logger;
  readonly clock?: Clock;
  /**
   * Of OpenTelemetry. What the engine does gets spans, as do its hooks and links. @defaultValue the one that is registered
   * globally by now; without one there is no tracing
   */
  readonly tracerProvider?: TracerProviderLike;
}

/**
 * An engine that is not started and has opened nothing.
 * @throws {InvalidOptionsError} without a URL, a transport or hooks
 * @throws {OptionsValidationError} naming every wrong option
 */
export function createEngine<Value = string | Uint8Array>(init: EngineInit<Value>): Engine<Value> {
  checkInit(init);
  const { logger, clock = systemClock, tracerProvider } = init;

  const failed = (cause: unknown, name: string): void =>
    report(new UsageError("usage.listener-failed", `what was called for "${name}" failed`, { cause }), name);
  const { on, emit } = createEmitter<{ [Name in keyof EngineEvents]: EngineEvents[Name] }>(failed);
  const report = (error: TrunklineError, name?: string): void => {
    tell("error", error.message, { code: error.code });
    // A failing `error` listener has nobody left to tell.
    if (name !== "error") emit("error", error);
  };
  const tell: (level: keyof Logger, message: string, fields?: Readonly<Record<string, unknown>>) => void = (
    level,
    message,
    fields,
  ) => {
    try {
      logger?.[level](message, fields);
    } catch {
      // A logger that fails has nobody left to tell.
    }
  };

  const driver = new EngineDriver<Value>({
    url: init.url,
    protocols: init.protocols ?? [],
    transport: instrumentTransport(init.transport, tracerProvider),
    hooks: instrumentHooks(init.hooks, tracerProvider),
    decode: init.decode,
    clock,
    options: resolveEngineOptions(init.options ?? {}),
    tracer: engineTracer(tracerProvider),
    outlet: { failed, tell, state: (next, previous) => emit("state", next, previous) },
  });
  return {
    get state() {
      return driver.state;
    },
    start: (options) => driver.start(options),
    stop: (options) => driver.stop(options),
    isStarted: (options) => driver.isStarted(options),
    pause: (options) => driver.pause(options),
    exclusive: async (use, options) => {
      const lease = await driver.pause(options);
      try {
        return await use(lease);
      } finally {
        lease.release();
      }
    },
    on,
    [Symbol.asyncDispose]: () =>
      driver.stop().catch((error: unknown) => {
        if (!(error instanceof EngineNotStartedError)) throw error;
      }),
  };
}

const hookNames = ["onOpen", "onMessage", "onReadError", "onClose", "onCloseError", "onRestartError"] as const;

function checkInit(init: unknown): void {
  const given = (init ?? {}) as Partial<EngineInit>;
  const { url, transport, hooks, protocols, decode, logger, clock, tracerProvider: tracer } = given;
  const problems = [
    typeof url === "string" && url !== "" ? null : `url: expected a ws: or wss: URL, got ${kindOf(url)}`,
    typeof transport?.open === "function" ? null : `transport: expected a Transport, got ${kindOf(transport)}`,
    typeof hooks === "object" && hooks !== null ? null : `hooks: expected an object, got ${kindOf(hooks)}`,
    ...hookNames.map((name) =>
      fault(`hooks.${name}`, hooks?.[name], "a function", (hook) => typeof hook === "function"),
    ),
    fault("protocols", protocols, "an array", Array.isArray),
    fault("decode", decode, "a function", (value) => typeof value === "function"),
    fault("logger", logger, "a Logger", (value) => typeof value?.error === "function"),
    fault("clock", clock, "a Clock", (value) => typeof value?.setTimer === "function"),
    fault("tracerProvider", tracer, "a TracerProvider", (value) => typeof value?.getTracer === "function"),
  ].filter((problem) => problem !== null);
  if (problems.length > 0) throw new InvalidOptionsError(problems.join("; "));
}

/** What is wrong with an option that may be left out, or null. */
function fault<Value>(name: string, value: Value, expected: string, fits: (value: Value) => boolean): string | null {
  return value === undefined || fits(value) ? null : `${name}: expected ${expected}, got ${kindOf(value)}`;
}
