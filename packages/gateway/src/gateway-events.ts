// Who listens to a gateway. eventemitter3 keeps the lists; it stops at the first listener that throws, so they are walked here.
import { EventEmitter } from "eventemitter3";
import { GatewayError, TrunklineError, UsageError } from "@trunkline/core/errors";
import type { LogFields, Logger } from "@trunkline/core/ports";
import type { Connection } from "./connection.ts";
import type { RequestInfo } from "./auth/request-info.ts";
import type { Incoming } from "./incoming.ts";
import { isThenable } from "./thenable.ts";

export interface GatewayEvents {
  /**
   * Somebody is let in; `connected` is sent when all listeners are done, promises included. `connection.subscribe` here puts it
   * on channels from its first moment.
   */
  connection: [connection: Connection];
  /** A connection that was announced is gone. 1006: without a close frame. */
  disconnection: [connection: Connection, code: number];
  /** The socket of a page is there, after `connection`: `gateway.pushTo(connection.page, …)` reaches it. */
  join: [connection: Connection, request: RequestInfo];
  /** A page that had a socket has none any more. One whose place a newer socket of the same page has taken is not told of. */
  leave: [connection: Connection, request: RequestInfo];
  /**
   * A client said something that is not for the gateway itself: any text at the raw door, any but `pong` in the plain dialect, a `call` of
   * `trunkline.v1`. In the latter two the client is also told that nobody handles it (PROTOCOL §3.8, §10.3).
   */
  incoming: [message: Incoming];
  /** A listener, authorizer or logger threw or rejected, or the broker failed. Nothing else was stopped by it. */
  error: [error: TrunklineError];
}

/** A listener may be async; what it throws or rejects with reaches `error`. */
export type GatewayListener<Name extends keyof GatewayEvents> = (...args: GatewayEvents[Name]) => unknown;

export class GatewayEmitter {
  readonly #emitter = new EventEmitter();
  /** Given lines as they are; use `logger` for its isolation. */
  readonly #rawLogger: Logger | undefined;
  /** Counts failures. */
  readonly #onFailure: () => void;
  readonly logger: Logger;

  constructor(logger: Logger | undefined, onFailure: () => void) {
    this.#rawLogger = logger;
    this.#onFailure = onFailure;
    const line = (level: keyof Logger) => (message: string, fields?: LogFields) => this.#log(level, message, fields);
    this.logger = { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
  }

  /** @returns its undo */
  on<Name extends keyof GatewayEvents>(name: Name, listener: GatewayListener<Name>): () => void {
    this.#emitter.on(name, listener);
    return () => void this.#emitter.off(name, listener);
  }

  /** Calls every listener. @returns a promise of all that were async, or null when none was */
  emit<Name extends keyof GatewayEvents>(name: Name, ...args: GatewayEvents[Name]): Promise<unknown> | null {
    const pending: Promise<unknown>[] = [];
    for (const listener of this.#emitter.listeners(name) as GatewayListener<Name>[]) {
      const failed = (cause: unknown): void => this.#listenerFailed(name, cause);
      try {
        const result = listener(...args);
        if (isThenable(result)) pending.push(Promise.resolve(result).catch(failed));
      } catch (cause) {
        failed(cause);
      }
    }
    return pending.length === 0 ? null : Promise.all(pending);
  }

  /** A callback of the user's failed. */
  callbackFailed(what: string, cause: unknown): void {
    this.report(new UsageError("usage.listener-failed", `${what} failed: ${messageOf(cause)}`, { cause }));
  }

  /** Something failed that no caller can be told of. */
  report(error: unknown): void {
    this.#onFailure();
    const told =
      error instanceof TrunklineError
        ? error
        : new GatewayError("gateway.internal", messageOf(error), { cause: error });
    if (this.#emitter.listenerCount("error") === 0)
      this.#log("error", told.message, { code: told.code, cause: told.cause });
    else void this.emit("error", told);
  }

  #listenerFailed(name: keyof GatewayEvents, cause: unknown): void {
    // A failing `error` listener must not be told of its own failure for ever, nor by way of a failing logger.
    if (name !== "error") return this.callbackFailed(`a "${name}" listener`, cause);
    this.#onFailure();
    this.#write("error", 'an "error" listener failed', { cause });
  }

  #log(level: keyof Logger, message: string, fields?: LogFields): void {
    const failure = this.#write(level, message, fields);
    if (failure === null) return;
    this.#onFailure();
    // Not back to the logger.
    if (this.#emitter.listenerCount("error") > 0) void this.emit("error", failure);
  }

  /** What the logger threw, or null. */
  #write(level: keyof Logger, message: string, fields?: LogFields): UsageError | null {
    try {
      this.#rawLogger?.[level](message, fields);
      return null;
    } catch (cause) {
      return new UsageError("usage.listener-failed", `the logger failed: ${messageOf(cause)}`, { cause });
    }
  }
}

/** What is thrown may throw, too, when it is looked at. */
function messageOf(cause: unknown): string {
  try {
    if (cause instanceof Error) return String(cause.message);
  } catch {}
  return "it threw something that is no Error";
}
