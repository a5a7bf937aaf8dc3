// One session of an engine, from its dial to its end: when its hooks are called.
import type { LinkClose } from "../ports/transport.ts";
import { CloseCode } from "../wire/codes.ts";
import { AbortError } from "./engine-errors.ts";
import type { Gate } from "./engine-gate.ts";
import type { CloseMessage, EngineHooks, Lease, OpenContext, SignalOptions } from "./engine-hooks.ts";
import type { EngineParts } from "./engine-parts.ts";
import { EngineSession } from "./engine-session.ts";
import type { EngineSpan } from "./engine-tracer.ts";
import { MessageTurns } from "./message-turns.ts";

/** Reasons of the closes that nobody chose. */
export const interrupted = "websocket client has been interrupted";
const startFailed = "websocket client failed to start";

/** What a session tells its engine. */
export interface LifeHost<Value> {
  /** Whether it is the session of the moment. */
  holds(life: SessionLife<Value>): boolean;
  /** The handshake is done. */
  opened(life: SessionLife<Value>): void;
  /** `onOpen` has returned. */
  greeted(life: SessionLife<Value>): void;
  /** It never got so far; `reason` is for the peer. */
  failed(life: SessionLife<Value>, error: unknown, reason: string): void;
  /** The link is gone. */
  lost(life: SessionLife<Value>, close: LinkClose): void;
  /** It was open and ends, to be followed by another if nothing else is said meanwhile. */
  ending(again: boolean): void;
  /** `onClose` has returned: the link may be closed. */
  ended(life: SessionLife<Value>, goodbye: CloseMessage): void;
  pause(options?: SignalOptions): Promise<Lease<Value>>;
}

export interface LifeOptions {
  readonly attempt: number;
  readonly gate: Gate;
  /** Whether there was a session before it. */
  readonly restarting: boolean;
  /** The span of its dial and `onOpen`. */
  readonly opening: EngineSpan;
  /** The span around that and `onRestartError`, while restarting. */
  readonly returning: EngineSpan;
}

export class SessionLife<Value> {
  readonly session: EngineSession<Value>;
  readonly gate: Gate;
  readonly opening: EngineSpan;
  readonly returning: EngineSpan;
  /** `onOpen` has returned. */
  greeted = false;
  /** What a hook asked for, to be done when it has returned. */
  wanted: "restart" | "exit" | null = null;
  /** It failed, or is ending: what its hooks still do means nothing. */
  over = false;
  readonly pause: LifeHost<Value>["pause"];
  /** The span of its end; of its beginning, when it never was open. */
  #closing: EngineSpan;
  readonly #parts: EngineParts<Value>;
  readonly #host: LifeHost<Value>;
  readonly #restarting: boolean;
  readonly #turns: MessageTurns<Value>;
  /** While `onClose` runs: ends the wait for it. */
  #cut: (() => void) | null = null;

  constructor(options: LifeOptions, parts: EngineParts<Value>, host: LifeHost<Value>) {
    this.gate = options.gate;
    this.opening = options.opening;
    this.#closing = options.opening;
    this.returning = options.returning;
    this.#restarting = options.restarting;
    this.#parts = parts;
    this.#host = host;
    this.pause = (given) => host.pause(given);
    this.#turns = new MessageTurns(this, parts);
    this.session = new EngineSession<Value>(
      options.attempt,
      { ...parts, pauseAbove: parts.options.messageConcurrency },
      { onOpen: () => host.opened(this), onMessage: () => this.pump(), onClose: (close) => host.lost(this, close) },
    );
    this.opening.set({ session_id: this.session.id });
  }

  /** Hands out what came. */
  pump(): void {
    this.#turns.pump();
  }

  /** The handshake is done: greets the peer. */
  async greet(): Promise<void> {
    try {
      if (!this.gate.open) await this.held();
      if (this.over) return;
      await this.#parts.hooks.onOpen?.(this.#openContext());
    } catch (error) {
      this.#host.failed(this, error, startFailed);
      return;
    }
    if (this.over) return;
    if (this.wanted === "exit") {
      this.#host.failed(this, new AbortError("exit was called in onOpen"), interrupted);
      return;
    }
    this.greeted = true;
    this.session.handOver();
    this.opening.end();
    this.returning.end();
    this.#host.greeted(this);
    this.pump();
  }

  /** It is over before it was greeted. What is around it goes on. */
  fail(error: unknown): void {
    this.over = true;
    this.session.drop();
    this.session.abort(error);
    this.returning.fail(error);
    this.opening.fail(error);
    this.opening.end();
  }

  /** Ends a session that was open: `onClose`, close, then what was wanted. @param parent the span of who ends it */
  async end(parent: EngineSpan): Promise<void> {
    if (this.over) return;
    this.over = true;
    const { session } = this;
    const again = this.wanted === "restart" || (this.wanted === null && this.#parts.options.autoReconnect);
    this.#host.ending(again);
    const attributes = { session_id: session.id, restart: again, skip_close_connection: session.close !== null };
    await this.#parts.tracer.during("background.shutdown", { parent, attributes }, async (span) => {
      this.#closing = span;
      // Whoever has a lease may read on.
      await this.held();
      session.drop();
      session.abort(new AbortError("the session has ended"));
      const goodbye = await this.#sayGoodbye();
      span.set({ close_code: goodbye.code, close_reason: goodbye.reason });
      if (this.#host.holds(this)) this.#host.ended(this, goodbye);
    });
  }

  /** Does not wait for `onClose` any longer, which may be what is waiting. */
  cut(): void {
    this.#cut?.();
  }

  /** Closes the link. */
  leave({ code, reason }: CloseMessage): void {
    const { session } = this;
    try {
      session.leave(code, reason);
    } catch (error) {
      const context = { sessionId: session.id, error, span: this.#closing.span };
      void this.call("onCloseError", () => this.#parts.hooks.onCloseError?.(context));
      session.terminate();
    }
  }

  /** What each hook of the session gets. */
  context({ span }: EngineSpan) {
    const { id: sessionId, signal, conn } = this.session;
    return { sessionId, signal, conn, span };
  }

  /** Calls a hook; what it throws is told. */
  async call(name: keyof EngineHooks<Value>, hook: () => unknown): Promise<void> {
    try {
      await hook();
    } catch (cause) {
      this.#parts.outlet.failed(cause, name);
    }
  }

  /** Waits for its turn behind the leases that are held or waited for. */
  async held(): Promise<void> {
    // A gate that closes lets everybody go on: what follows finds out that it is over.
    if (!this.gate.open) await this.gate.pass().catch(() => {});
  }

  #openContext(): OpenContext<Value> {
    const { conn, handshake } = this.session;
    return {
      ...this.context(this.opening),
      conn,
      handshake,
      restarting: this.#restarting,
      pause: this.pause,
      exit: () => {
        if (this.over) return;
        this.wanted = "exit";
        this.opening.event("exit");
      },
    };
  }

  async #sayGoodbye(): Promise<CloseMessage> {
    const { close, closedHere } = this.session;
    const closeMessage = close && { code: close.code, reason: close.reason };
    const initiatedBy = close === null || closedHere ? "client" : "server";
    const context = { ...this.context(this.#closing), closeMessage, initiatedBy } as const;
    let details: Partial<CloseMessage> | void | undefined;
    const cut = new Promise<void>((resolve) => (this.#cut = resolve));
    // A stop that gave up on a lease has dropped it already.
    if (!this.#host.holds(this)) this.cut();
    const hook = this.call("onClose", async () => {
      details = await this.#parts.hooks.onClose?.(context);
    });
    await Promise.race([hook, cut]);
    this.#cut = null;
    return {
      code: details?.code ?? CloseCode.goingAway,
      reason: details?.reason ?? (details?.code ? "" : "Going away"),
    };
  }
}
