export { createEngine, type EngineInit } from "./drive/create-engine.ts";
export {
  AbortError,
  EngineNotStartedError,
  EngineStartError,
  InvalidOptionsError,
  type OptionsIssue,
  OptionsValidationError,
  StopTimeoutError,
  TimeoutError,
} from "./drive/engine-errors.ts";
export type {
  CloseContext,
  CloseErrorContext,
  CloseMessage,
  Engine,
  EngineConnection,
  EngineEvents,
  EngineHooks,
  EngineMessage,
  EngineState,
  Lease,
  MessageContext,
  OpenContext,
  ReadableConnection,
  ReadErrorContext,
  RestartErrorContext,
  SessionContext,
  SignalOptions,
  StartOptions,
  StopOptions,
} from "./drive/engine-hooks.ts";
export {
  defaultEngineOptions,
  type EngineOptions,
  engineOptions,
  EngineOptionsBuilder,
  validateEngineOptions,
} from "./drive/engine-options.ts";
