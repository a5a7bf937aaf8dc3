// The client machine as an engine runs it: no tokens, no heartbeat, one wait after another.
import { type Backoff, guarded, schedule } from "../client/backoff.ts";
import { step } from "../client/session.ts";
import { type Effect, firstState, type Input, type SessionConfig, type State } from "../client/state.ts";
import type { TimerHandle } from "../ports/clock.ts";
import { CloseCode } from "../wire/codes.ts";
import type { EngineParts } from "./engine-parts.ts";

/** What a machine has its engine do. */
export interface MachineHost {
  dial(attempt: number): void;
  greet(): void;
  hangUp(): void;
  terminate(): void;
  /** The attempt under way has had its time. */
  overdue(): void;
  /** There is no link and nothing that leads to one. */
  closed(): void;
}

export class EngineMachine {
  readonly #config: SessionConfig;
  readonly #backoff: Backoff;
  readonly #parts: Pick<EngineParts<unknown>, "options" | "clock" | "outlet">;
  readonly #host: MachineHost;
  readonly #queue: Effect[] = [];
  #performing = false;
  #state: State = firstState;
  #timer: TimerHandle | undefined;

  constructor(parts: Pick<EngineParts<unknown>, "options" | "clock" | "outlet">, host: MachineHost) {
    const { options, outlet } = parts;
    this.#parts = parts;
    this.#host = host;
    this.#backoff = guarded(options.backoff, schedule([1_000, 5_000]), (cause) => outlet.failed(cause, "backoff"));
    this.#config = {
      connectTimeoutMs: options.onOpenTimeoutMs,
      // One timer over the handshake and onOpen.
      greetTimeoutMs: null,
      heartbeatGraceMs: 0,
      backoff: this.#backoff,
    };
  }

  /** Whether the link is being closed for good. */
  get closing(): boolean {
    return this.#state.phase === "closing";
  }

  /** The number of the attempt under way. */
  get link(): number {
    return this.#state.link;
  }

  /** Attempts that failed since the last session, before the one under way. */
  get failures(): number {
    return this.#state.attempt - 1;
  }

  connect(): void {
    this.#feed({ type: "connect" });
  }

  opened(link: number): void {
    this.#feed({ type: "opened", link });
  }

  greeted(connection: string): void {
    this.#feed({
      type: "connected",
      connection,
      server: "",
      heartbeatMs: 0,
      // The wait after its loss.
      spreadMs: this.#backoff(0),
      limits: { frameBytes: 0, subscriptions: 0 },
      features: [],
      streams: [],
    });
  }

  /** There is no link any more. @param held whether there was a session on it */
  lost({ link = this.#state.link, held = false }: { readonly link?: number; readonly held?: boolean } = {}): void {
    const upMs = held ? Number.POSITIVE_INFINITY : 0;
    // Which close codes mean what is Trunkline's protocol, not that of the peer: for the machine each is a plain loss.
    this.#feed({ type: "closed", link, code: CloseCode.abnormal, reason: "", upMs });
  }

  /** Ends the link, within `timeoutMs`, and makes no other. */
  close(timeoutMs: number): void {
    this.#feed({ type: "close", timeoutMs });
  }

  // The state moves at once, effects follow in order, also when one of them leads to another input.
  #feed(input: Input): void {
    const [next, effects] = step(this.#state, input, this.#config);
    const previous = this.#state.phase;
    this.#state = next;
    if (next.phase !== previous) {
      this.#parts.outlet.tell("debug", `${previous} → ${next.phase}`, { attempt: next.link });
    }
    this.#queue.push(...effects);
    if (!this.#performing) {
      this.#performing = true;
      for (let effect = this.#queue.shift(); effect; effect = this.#queue.shift()) this.#perform(effect);
      this.#performing = false;
    }
    if (this.#state.phase === "closed") this.#host.closed();
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "get-token":
        return this.#feed({ type: "token", link: effect.link });
      case "dial":
        return this.#host.dial(effect.link);
      case "greet":
        return this.#host.greet();
      case "hang-up":
        return this.#host.hangUp();
      case "terminate":
        return this.#host.terminate();
      case "wake":
        return this.#arm(effect.afterMs);
      case "retry": {
        const { options, clock, outlet } = this.#parts;
        const afterMs = effect.ceilingMs * (1 - options.jitter * clock.random());
        outlet.tell("info", "waiting to reconnect", { afterMs });
        return this.#arm(afterMs);
      }
      // What belongs to Trunkline's own protocol: the engine's peers are never told to drain, and refuse nobody for good.
      case "send":
      case "set-aside":
      case "leave":
      case "fail":
    }
  }

  /** Sets the timer anew, or to nothing. */
  #arm(afterMs: number | null): void {
    const { clock } = this.#parts;
    if (this.#timer) clock.clearTimer(this.#timer);
    this.#timer = undefined;
    if (afterMs === null) return;
    this.#timer = clock.setTimer(() => {
      this.#timer = undefined;
      const { phase } = this.#state;
      if (phase === "connecting" || phase === "greeting") this.#host.overdue();
      else this.#feed({ type: "woke", heard: false, lateMs: 0, upMs: 0 });
    }, afterMs);
  }
}
