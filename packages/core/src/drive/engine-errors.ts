// What an engine throws and rejects with.
import { LinkError, UsageError } from "../errors.ts";
import { messageOf } from "../tracing/message-of.ts";

/** `engine.start` failed. `cause`: why, e.g. the very error that `onOpen` threw. */
export class EngineStartError extends LinkError {
  override readonly name = "EngineStartError";

  constructor(cause: unknown) {
    super("link.start-failed", `the engine failed to start: ${messageOf(cause)}`, { cause });
  }
}

/** The engine is not started. */
export class EngineNotStartedError extends UsageError {
  override readonly name = "EngineNotStartedError";

  constructor() {
    super("usage.not-started", "expected a started engine, got one that is stopped: start it first");
  }
}

/** `engine.stop` took too long: the link was dropped. A lease is held, or `onClose` does not settle. */
export class StopTimeoutError extends UsageError {
  override readonly name = "StopTimeoutError";

  constructor(timeoutMs: number) {
    super(
      "usage.stop-timeout",
      `expected the engine to stop within ${timeoutMs} ms, it did not: release leases and let onClose settle`,
    );
  }
}

/** An attempt took longer than `onOpenTimeoutMs`. */
export class TimeoutError extends LinkError {
  override readonly name = "TimeoutError";

  constructor(timeoutMs: number) {
    super("link.timeout", `expected the link to open and onOpen to settle within ${timeoutMs} ms, they did not`);
  }
}

/** Something was given up on purpose: by `exit`, by `stop` or by a signal. */
export class AbortError extends UsageError {
  override readonly name = "AbortError";

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super("usage.aborted", message, options);
  }
}

/** No options at all, or a part without which there is no engine. */
export class InvalidOptionsError extends UsageError {
  override readonly name = "InvalidOptionsError";

  constructor(problem: string) {
    super("usage.bad-option", problem);
  }
}

/** One option that is wrong. */
export interface OptionsIssue {
  /** Its path, e.g. `backoff.baseSeconds`. */
  readonly field: string;
  /** What it has to be, e.g. `an integer >= 1`. */
  readonly rule: string;
  /** What it is. */
  readonly value: unknown;
}

/** Options that are wrong, all of them. */
export class OptionsValidationError extends UsageError {
  override readonly name = "OptionsValidationError";
  readonly issues: readonly OptionsIssue[];

  constructor(issues: readonly OptionsIssue[]) {
    super("usage.bad-option", issues.map(({ field, rule }) => `${field}: expected ${rule}`).join("; "));
    this.issues = issues;
  }
}
