// Hands out what came over one connection, in order, as far as there are free hands.
import type { PeerError } from "../errors.ts";
import type { EngineMessage } from "./engine-hooks.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { EngineSpan } from "./engine-tracer.ts";
import type { SessionLife } from "./session-life.ts";

/** What a hook may ask for about its session. */
type Wanted = "restart" | "exit";

export class MessageTurns<Value> {
  readonly #life: SessionLife<Value>;
  readonly #parts: EngineParts<Value>;
  /** The numbers of the `onMessage` hooks in flight, each the lowest that was free. */
  readonly #workers = new Set<number>();
  /** `onReadError` is running. */
  #blocked = false;
  #pumping = false;

  constructor(life: SessionLife<Value>, parts: EngineParts<Value>) {
    this.#life = life;
    this.#parts = parts;
  }

  /** To be called whenever something came, a hand is free or the gate has opened. */
  pump(): void {
    const { session, gate, greeted } = this.#life;
    if (!greeted || this.#pumping) return;
    this.#pumping = true;
    while (this.#idle && gate.open && this.#workers.size < this.#parts.options.messageConcurrency && !session.empty) {
      this.#turn((span, worker) => this.#handOut(span, worker));
    }
    this.#pumping = false;
    if (!this.#idle || session.close === null || !session.empty || !gate.open) return;
    this.#turn((span) => {
      span.event("connection_closed");
      this.#endWith(span);
    });
  }

  /** Whether nothing keeps the next turn from beginning but what it is about. */
  get #idle(): boolean {
    return !this.#life.over && this.#life.wanted === null && !this.#blocked;
  }

  /** Begins a turn, which ends its own span. */
  #turn(work: (span: EngineSpan, worker: number) => void): void {
    let worker = 0;
    while (this.#workers.has(worker)) worker++;
    const { opening, session } = this.#life;
    const attributes = { session_id: session.id, worker_id: worker };
    this.#parts.tracer.open("background.run", { follows: opening, attributes }, (span) => work(span, worker));
  }

  #handOut(span: EngineSpan, worker: number): void {
    const { hooks } = this.#parts;
    let message: EngineMessage<Value>;
    try {
      message = this.#life.session.take();
    } catch (error) {
      span.fail(error);
      void this.#readError(span, error as PeerError);
      return;
    }
    if (hooks.onMessage === undefined) {
      span.end();
      return;
    }
    this.#workers.add(worker);
    const steering = this.#steering(span);
    const context = { ...this.#life.context(span), ...message, ...steering.asks, pause: this.#life.pause };
    void this.#life
      .call("onMessage", () => hooks.onMessage?.(context))
      .then(() => {
        this.#workers.delete(worker);
        steering.returned();
        this.pump();
      });
  }

  async #readError(span: EngineSpan, error: PeerError): Promise<void> {
    const { hooks, outlet } = this.#parts;
    outlet.tell("warn", error.message, { sessionId: this.#life.session.id });
    if (hooks.onReadError === undefined) {
      span.end();
      return;
    }
    this.#blocked = true;
    const steering = this.#steering(span);
    const context = { ...this.#life.context(span), ...steering.asks, error };
    await this.#life.call("onReadError", () => hooks.onReadError?.(context));
    this.#blocked = false;
    steering.returned();
    this.pump();
  }

  /** `restart` and `exit` of one call of a hook. */
  #steering(span: EngineSpan) {
    const life = this.#life;
    let asked = false;
    let over = false;
    const ask = (wanted: Wanted): void => {
      if (life.over) return;
      asked = true;
      if (life.wanted !== "exit") life.wanted = wanted;
      if (wanted === "exit") span.event("exit");
      // The hook that asks is over already: this is a turn of its own.
      if (over) this.#turn((late) => this.#endWith(late));
    };
    return {
      asks: { restart: () => ask("restart"), exit: () => ask("exit") },
      returned: () => {
        over = true;
        if (asked) return this.#endWith(span);
        if (life.over || life.wanted !== null) span.event("worker_exit");
        span.end();
      },
    };
  }

  /** Ends the session as the last thing of a turn. */
  #endWith(span: EngineSpan): void {
    span.event("worker_exit");
    void this.#life.end(span).then(() => span.end());
  }
}
