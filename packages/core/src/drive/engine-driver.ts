// Runs an engine on the client machine. The machine decides when to dial, how long to wait and when to give up; what is
// awaited here, the hooks, is over before the machine hears what it was about.
import { guarded, schedule } from "../client/backoff.ts";
import { step } from "../client/session.ts";
import { type Effect, firstState, type Input, type SessionConfig, type State } from "../client/state.ts";
import { AlreadyClosedError, type PeerError, type TrunklineError, TransportCloseError, UsageError } from "../errors.ts";
import type { AbortSignalLike } from "../ports/abort-signal.ts";
import type { Clock, TimerHandle } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import type { Transport } from "../ports/transport.ts";
import { CloseCode } from "../wire/codes.ts";
import { type Deferred, deferred, wait } from "./deferred.ts";
import {
  AbortError,
  EngineNotStartedError,
  EngineStartError,
  StopTimeoutError,
  TimeoutError,
} from "./engine-errors.ts";
import { Gate } from "./engine-gate.ts";
import type {
  CloseMessage,
  EngineHooks,
  EngineMessage,
  EngineState,
  Lease,
  OpenContext,
  StartOptions,
  StopOptions,
} from "./engine-hooks.ts";
import { createLease } from "./engine-lease.ts";
import type { ResolvedEngineOptions } from "./engine-options.ts";
import { EngineSession } from "./engine-session.ts";

export interface EngineParts<Value> {
  readonly url: string;
  readonly protocols: readonly string[];
  readonly transport: Transport;
  readonly hooks: EngineHooks<Value>;
  readonly decode: ((data: string | Uint8Array) => Value) | undefined;
  readonly clock: Clock;
}

/** What the driver tells its owner. Nothing here may throw. */
export interface EngineOutlet {
  /** A hook, or what else is called for the user, threw. */
  failed(cause: unknown, name: string): void;
  state(next: EngineState, previous: EngineState): void;
  tell(level: keyof Logger, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

const interrupted = "websocket client has been interrupted";
const startFailed = "websocket client failed to start";

/** One session and how far it has got. */
interface Current<Value> {
  readonly session: EngineSession<Value>;
  /** `onOpen` has returned. */
  greeted: boolean;
  /** What a hook asked for, to be done when it has returned. */
  wanted: "restart" | "exit" | null;
  /** `onMessage` hooks in flight. */
  running: number;
  /** `onReadError` is running. */
  blocked: boolean;
  /** It failed, or is ending: what its hooks still do means nothing. */
  over: boolean;
  /** While `onClose` runs: ends the wait for it. */
  cut: (() => void) | null;
}

export class EngineDriver<Value> {
  state: EngineState = "stopped";
  readonly #parts: EngineParts<Value>;
  readonly #options: ResolvedEngineOptions;
  readonly #outlet: EngineOutlet;
  readonly #config: SessionConfig;
  readonly #queue: Effect[] = [];
  #performing = false;
  #machine: State = firstState;
  #timer: TimerHandle | undefined;
  #current: Current<Value> | null = null;
  #gate = this.#newGate();
  #starting: Deferred<void> | null = null;
  #done = deferred<void>();
  /** Counts starts, so that what an earlier one left behind means nothing. */
  #run = 0;
  #pumping = false;
  /** Undoes what the start listens to. */
  #forget: (() => void)[] = [];
  /** How the link is closed when the machine hangs up. */
  #goodbye: CloseMessage = { code: CloseCode.goingAway, reason: "Going away" };

  constructor(parts: EngineParts<Value>, options: ResolvedEngineOptions, outlet: EngineOutlet) {
    this.#parts = parts;
    this.#options = options;
    this.#outlet = outlet;
    this.#config = {
      connectTimeoutMs: options.onOpenTimeoutMs,
      // One timer over the handshake and onOpen.
      greetTimeoutMs: null,
      heartbeatGraceMs: 0,
      backoff: guarded(options.backoff, schedule([1_000, 5_000]), (cause) => outlet.failed(cause, "backoff")),
    };
  }

  async start({ signal, lifetimeSignal }: StartOptions = {}): Promise<void> {
    while (this.state === "stopping") await this.#done.promise;
    if (this.state !== "stopped") {
      throw new EngineStartError(new UsageError("usage.already-open", "engine has already started"));
    }
    for (const given of [signal, lifetimeSignal]) {
      if (given?.aborted) throw new EngineStartError(reasonOf(given));
    }
    this.#run++;
    this.#starting = deferred();
    this.#done = deferred();
    this.#gate = this.#newGate();
    this.#move("starting");
    this.#listen(signal, (reason) => {
      if (this.state === "starting" && this.#current) this.#fail(this.#current, reason, interrupted);
    });
    this.#listen(lifetimeSignal, () => void this.stop().catch(() => {}));
    const { promise } = this.#starting;
    this.#feed({ type: "connect" });
    return promise;
  }

  async stop({ signal, timeoutMs = this.#options.stopTimeoutMs }: StopOptions = {}): Promise<void> {
    if (this.state === "stopped") throw new EngineNotStartedError();
    const run = this.#run;
    const { promise } = this.#done;
    this.#current?.cut?.();
    this.#shutDown();
    try {
      await wait(promise, "stop", this.#parts.clock, { timeoutMs: timeoutMs || undefined, signal });
    } catch (error) {
      if (signal?.aborted) throw new AbortError("the wait for the stop was aborted", { cause: signal.reason });
      if (run === this.#run) this.#dropAll();
      throw (error as TrunklineError).code === "link.timeout" ? new StopTimeoutError(timeoutMs) : error;
    }
  }

  async isStarted(): Promise<boolean> {
    if (this.state === "starting") await this.#starting?.promise.catch(() => {});
    while (this.state === "stopping") await this.#done.promise;
    return this.state !== "stopped";
  }

  async pause({ signal }: { readonly signal?: AbortSignalLike | undefined } = {}): Promise<Lease<Value>> {
    if (this.state === "stopped") throw new EngineNotStartedError();
    const gate = this.#gate;
    await gate.acquire(signal);
    return createLease<Value>(
      () => {
        if (this.#current === null || this.#gate !== gate) throw new AlreadyClosedError();
        return this.#current.session;
      },
      () => gate.release(),
    );
  }

  // The state moves at once, effects follow in order, also when one of them leads to another input.
  #feed(input: Input): void {
    const [next, effects] = step(this.#machine, input, this.#config);
    const previous = this.#machine.phase;
    this.#machine = next;
    if (next.phase !== previous) this.#outlet.tell("debug", `${previous} → ${next.phase}`, { attempt: next.link });
    this.#queue.push(...effects);
    if (!this.#performing) {
      this.#performing = true;
      for (let effect = this.#queue.shift(); effect; effect = this.#queue.shift()) this.#perform(effect);
      this.#performing = false;
    }
    if (this.#machine.phase === "closed" && this.state === "stopping") this.#stopped();
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "get-token":
        return this.#feed({ type: "token", link: effect.link });
      case "dial":
        return this.#dial(effect.link);
      case "greet":
        if (this.#current) void this.#open(this.#current);
        return;
      case "hang-up":
        return this.#hangUp();
      case "terminate":
        return this.#current?.session.terminate();
      case "wake":
        return this.#arm(effect.afterMs);
      case "retry": {
        const afterMs = effect.ceilingMs * (1 - this.#options.jitter * this.#parts.clock.random());
        this.#outlet.tell("info", "waiting to reconnect", { afterMs });
        return this.#arm(afterMs);
      }
      // What belongs to Trunkline's own protocol: the engine's peers are never told to drain, and refuse nobody for good.
      case "send":
      case "set-aside":
      case "leave":
      case "fail":
    }
  }

  #arm(afterMs: number | null): void {
    if (this.#timer) this.#parts.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    if (afterMs === null) return;
    this.#timer = this.#parts.clock.setTimer(() => {
      this.#timer = undefined;
      const { phase } = this.#machine;
      if (phase !== "connecting" && phase !== "greeting") {
        this.#feed({ type: "woke", heard: false, lateMs: 0, upMs: 0 });
      } else if (this.#current) {
        this.#fail(this.#current, new TimeoutError(this.#options.onOpenTimeoutMs), interrupted);
      }
    }, afterMs);
  }

  #dial(attempt: number): void {
    const session = new EngineSession<Value>(
      attempt,
      { ...this.#parts, pauseAbove: this.#options.messageConcurrency },
      {
        onOpen: () => {
          if (current === this.#current && !current.over) this.#feed({ type: "opened", link: attempt });
        },
        onMessage: () => this.#pump(),
        onClose: () => this.#lost(current),
      },
    );
    const current: Current<Value> = {
      session,
      greeted: false,
      wanted: null,
      running: 0,
      blocked: false,
      over: false,
      cut: null,
    };
    this.#current = current;
  }

  #hangUp(): void {
    const { session } = this.#current ?? {};
    if (session?.close === null) {
      this.#leave(session, this.#goodbye);
      return;
    }
    this.#ended();
  }

  /** Tells the machine that there is no link any more. */
  #ended(): void {
    this.#feed({ type: "closed", link: this.#machine.link, code: CloseCode.abnormal, reason: "", upMs: 0 });
  }

  #leave(session: EngineSession<Value>, { code, reason }: CloseMessage): void {
    try {
      session.leave(code, reason);
    } catch (error) {
      void this.#call("onCloseError", () => this.#parts.hooks.onCloseError?.({ error, sessionId: session.id }));
      session.terminate();
    }
  }

  /** The link is gone. */
  #lost(current: Current<Value>): void {
    if (current !== this.#current) return;
    const { session } = current;
    const { code = 0, reason = "" } = session.close ?? {};
    this.#outlet.tell("info", "connection ended", { code, reason, sessionId: session.id });
    if (this.#machine.phase === "closing") this.#ended();
    else if (current.greeted) this.#pump();
    else this.#fail(current, new TransportCloseError(session.close ?? { code, reason }), interrupted);
  }

  /** The handshake is done: greets the peer. */
  async #open(current: Current<Value>): Promise<void> {
    const { session } = current;
    const { hooks } = this.#parts;
    try {
      if (!this.#gate.open) await this.#gate.pass();
      if (current.over) return;
      await hooks.onOpen?.(this.#openContext(current));
    } catch (error) {
      this.#fail(current, error, startFailed);
      return;
    }
    if (current.over) return;
    if (current.wanted === "exit") {
      this.#fail(current, new AbortError("exit was called in onOpen"), interrupted);
      return;
    }
    current.greeted = true;
    this.#feed({
      type: "connected",
      connection: session.id,
      server: "",
      heartbeatMs: 0,
      // The wait after its loss.
      spreadMs: this.#config.backoff(0),
      limits: { frameBytes: 0, subscriptions: 0 },
      features: [],
      streams: [],
    });
    this.#outlet.tell("info", "session opened", { sessionId: session.id });
    this.#move("started");
    this.#pump();
  }

  #openContext(current: Current<Value>): OpenContext<Value> {
    const { session } = current;
    return {
      ...this.#contextOf(current),
      conn: session.conn,
      handshake: session.handshake,
      restarting: this.state === "restarting",
      pause: (options) => this.pause(options),
      exit: () => {
        if (!current.over) current.wanted = "exit";
      },
    };
  }

  #contextOf({ session }: Current<Value>) {
    return { sessionId: session.id, signal: session.signal, conn: session.conn };
  }

  /** An attempt failed: the first one ends the start, a later one is told and followed by the next. */
  #fail(current: Current<Value>, error: unknown, reason: string): void {
    if (current.over) return;
    current.over = true;
    const { session } = current;
    session.drop();
    session.abort(error);
    const goodbye = { code: CloseCode.goingAway, reason };
    if (this.state === "starting") {
      this.#outlet.tell("warn", "start failed", { reason });
      const starting = this.#starting;
      this.#goodbye = goodbye;
      this.#feed({ type: "close", timeoutMs: this.#patienceMs });
      this.#stopped();
      starting?.reject(new EngineStartError(error));
      return;
    }
    this.#leave(session, goodbye);
    this.#current = null;
    void this.#retry(error, current.wanted === "exit");
  }

  async #retry(error: unknown, exited: boolean): Promise<void> {
    const run = this.#run;
    const { link, attempt } = this.#machine;
    let exit = exited;
    this.#outlet.tell("warn", "attempt to reconnect failed", { retryCount: attempt - 1 });
    await this.#held();
    const hook = (): unknown =>
      this.#parts.hooks.onRestartError?.({ error, retryCount: attempt - 1, exit: () => void (exit = true) });
    if (run !== this.#run || this.state !== "restarting") return;
    if (!exit) await this.#call("onRestartError", hook);
    if (run !== this.#run || this.state !== "restarting") return;
    if (exit) this.#shutDown();
    else this.#feed({ type: "closed", link, code: CloseCode.abnormal, reason: "", upMs: 0 });
  }

  /** Hands out what came, in order, as far as there are free hands. */
  #pump(): void {
    const current = this.#current;
    if (current === null || !current.greeted || this.#pumping) return;
    this.#pumping = true;
    const { session } = current;
    while (this.#free(current) && !session.empty) this.#handOut(current);
    this.#pumping = false;
    const idle = current === this.#current && !current.over && current.wanted === null && !current.blocked;
    if (idle && session.close !== null && session.empty && this.#gate.open) void this.#end(current);
  }

  #free(current: Current<Value>): boolean {
    if (current !== this.#current || current.over || current.wanted !== null || current.blocked) return false;
    return this.#gate.open && current.running < this.#options.messageConcurrency;
  }

  #handOut(current: Current<Value>): void {
    let message: EngineMessage<Value>;
    try {
      message = current.session.take();
    } catch (error) {
      void this.#readError(current, error as PeerError);
      return;
    }
    const { hooks } = this.#parts;
    if (hooks.onMessage === undefined) return;
    current.running++;
    const steering = this.#steering(current);
    const pause = this.pause.bind(this);
    const context = { ...this.#contextOf(current), ...message, ...steering.asks, pause };
    void this.#call("onMessage", () => hooks.onMessage?.(context)).then(() => {
      current.running--;
      steering.returned();
      this.#pump();
    });
  }

  async #readError(current: Current<Value>, error: PeerError): Promise<void> {
    const { hooks } = this.#parts;
    this.#outlet.tell("warn", error.message, { sessionId: current.session.id });
    if (hooks.onReadError === undefined) return;
    current.blocked = true;
    const steering = this.#steering(current);
    const context = { ...this.#contextOf(current), ...steering.asks, error };
    await this.#call("onReadError", () => hooks.onReadError?.(context));
    current.blocked = false;
    steering.returned();
    this.#pump();
  }

  /** `restart` and `exit` of one call of a hook. */
  #steering(current: Current<Value>) {
    let asked = false;
    let over = false;
    const ask = (wanted: "restart" | "exit"): void => {
      if (current.over) return;
      asked = true;
      if (current.wanted !== "exit") current.wanted = wanted;
      current.session.drop();
      if (over) void this.#end(current);
    };
    return {
      asks: { restart: () => ask("restart"), exit: () => ask("exit") },
      returned: () => {
        over = true;
        if (asked) void this.#end(current);
      },
    };
  }

  /** Ends a session that was open: `onClose`, close, then what was wanted. */
  async #end(current: Current<Value>): Promise<void> {
    if (current.over) return;
    current.over = true;
    const { session } = current;
    const run = this.#run;
    const again = current.wanted === "restart" || (current.wanted === null && this.#options.autoReconnect);
    if (this.state === "started") this.#move(again ? "restarting" : "stopping");
    session.drop();
    await this.#held();
    if (run !== this.#run) return;
    session.abort(new AbortError("the session has ended"));
    const goodbye = await this.#sayGoodbye(current);
    if (run !== this.#run) return;
    // Meanwhile a stop may have begun.
    if (this.state !== "restarting") {
      this.#goodbye = goodbye;
      this.#feed({ type: "close", timeoutMs: this.#patienceMs });
      return;
    }
    this.#current = null;
    this.#leave(session, goodbye);
    // Which close codes mean what is Trunkline's protocol, not that of the peer: for the machine it is a plain loss of a
    // link that held.
    const { abnormal } = CloseCode;
    this.#feed({ type: "closed", link: session.attempt, code: abnormal, reason: "", upMs: Number.POSITIVE_INFINITY });
  }

  async #sayGoodbye(current: Current<Value>): Promise<CloseMessage> {
    const { hooks } = this.#parts;
    const { session } = current;
    const { close } = session;
    const closeMessage = close && { code: close.code, reason: close.reason };
    const initiatedBy = close === null || session.closedByHand ? "client" : "server";
    let details: Partial<CloseMessage> | void | undefined;
    const cut = new Promise<void>((resolve) => (current.cut = resolve));
    const hook = this.#call("onClose", async () => {
      details = await hooks.onClose?.({ ...this.#contextOf(current), closeMessage, initiatedBy });
    });
    await Promise.race([hook, cut]);
    current.cut = null;
    return {
      code: details?.code ?? CloseCode.goingAway,
      reason: details?.reason ?? (details?.code ? "" : "Going away"),
    };
  }

  /** Stops; what is under way already only takes another turn. */
  #shutDown(): void {
    if (this.state === "stopping" || this.state === "stopped") return;
    const { state } = this;
    const current = this.#current;
    this.#move("stopping");
    if (state === "starting") this.#starting?.reject(new EngineStartError(new AbortError("the engine was stopped")));
    if (current?.greeted) {
      // When it is ending already, it goes on as a stop.
      current.wanted = "exit";
      void this.#end(current);
      return;
    }
    this.#goodbye = { code: CloseCode.goingAway, reason: interrupted };
    if (current) {
      current.over = true;
      current.session.abort(new AbortError("the engine was stopped"));
    }
    this.#feed({ type: "close", timeoutMs: this.#patienceMs });
  }

  /** A stop took too long. */
  #dropAll(): void {
    const session = this.#current?.session;
    this.#current = null;
    this.#run++;
    session?.abort(new AbortError("the engine was stopped"));
    session?.terminate();
    this.#feed({ type: "close", timeoutMs: 0 });
    this.#ended();
    this.#stopped();
  }

  get #patienceMs(): number {
    return this.#options.stopTimeoutMs || Number.POSITIVE_INFINITY;
  }

  #stopped(): void {
    if (this.state === "stopped") return;
    for (const undo of this.#forget.splice(0)) undo();
    this.#gate.close(new EngineNotStartedError());
    this.#starting = null;
    this.#move("stopped");
    this.#done.resolve();
  }

  #move(next: EngineState): void {
    const previous = this.state;
    this.state = next;
    if (next === "started" && this.#starting) {
      this.#starting.resolve();
      this.#starting = null;
    }
    this.#outlet.tell("info", `${previous} → ${next}`);
    this.#outlet.state(next, previous);
  }

  #listen(signal: AbortSignalLike | undefined, run: (reason: unknown) => void): void {
    const onAbort = (): void => run(reasonOf(signal as AbortSignalLike));
    signal?.addEventListener("abort", onAbort);
    this.#forget.push(() => signal?.removeEventListener("abort", onAbort));
  }

  /** Waits for its turn behind the leases that are held or waited for. */
  async #held(): Promise<void> {
    // A gate that closes lets everybody go on: what follows finds out that it is over.
    if (!this.#gate.open) await this.#gate.pass().catch(() => {});
  }

  async #call(name: keyof EngineHooks<Value>, hook: () => unknown): Promise<void> {
    try {
      await hook();
    } catch (cause) {
      this.#outlet.failed(cause, name);
    }
  }

  #newGate(): Gate {
    return new Gate(() => this.#pump());
  }
}

/** What a signal aborted with. */
function reasonOf(signal: AbortSignalLike): unknown {
  return signal.reason ?? new AbortError("the start was aborted by its signal");
}
