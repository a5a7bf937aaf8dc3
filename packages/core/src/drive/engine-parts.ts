// What an engine is made of: types only.
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import type { Transport } from "../ports/transport.ts";
import type { EngineHooks, EngineState } from "./engine-hooks.ts";
import type { ResolvedEngineOptions } from "./engine-options.ts";
import type { EngineTracer } from "./engine-tracer.ts";

export interface EngineParts<Value> {
  readonly url: string;
  readonly protocols: readonly string[];
  readonly transport: Transport;
  readonly hooks: EngineHooks<Value>;
  readonly decode: ((data: string | Uint8Array) => Value) | undefined;
  readonly clock: Clock;
  readonly options: ResolvedEngineOptions;
  readonly tracer: EngineTracer;
  readonly outlet: EngineOutlet;
}

/** What the driver tells its owner. Nothing here may throw. */
interface EngineOutlet {
  /** A hook, or what else is called for the user, threw. */
  failed(cause: unknown, name: string): void;
  state(next: EngineState, previous: EngineState): void;
  tell(level: keyof Logger, message: string, fields?: Readonly<Record<string, unknown>>): void;
}
