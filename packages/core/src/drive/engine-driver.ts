// Runs an engine on the client machine. The machine decides when to dial, how long to wait and when to give up; what is
// awaited here, the hooks, is over before the machine hears what it was about.
import { AlreadyClosedError, type TrunklineError, TransportCloseError, UsageError } from "../errors.ts";
import type { AbortSignalLike } from "../ports/abort-signal.ts";
import type { LinkClose } from "../ports/transport.ts";
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
import type { CloseMessage, EngineState, Lease, SignalOptions, StartOptions, StopOptions } from "./engine-hooks.ts";
import { createLease } from "./engine-lease.ts";
import { EngineMachine } from "./engine-machine.ts";
import type { EngineParts } from "./engine-parts.ts";
import { type EngineSpan, noSpan } from "./engine-tracer.ts";
import { interrupted, type LifeHost, SessionLife } from "./session-life.ts";

export class EngineDriver<Value> {
  state: EngineState = "stopped";
  readonly #parts: EngineParts<Value>;
  readonly #machine: EngineMachine;
  #current: SessionLife<Value> | null = null;
  #gate = this.#newGate();
  #starting: Deferred<void> | null = null;
  #done = deferred<void>();
  /** Counts starts, so that what an earlier one left behind means nothing. */
  #run = 0;
  /** Undoes what the start listens to. */
  #forget: (() => void)[] = [];
  /** How the link is closed when the machine hangs up. */
  #goodbye: CloseMessage = { code: CloseCode.goingAway, reason: "Going away" };
  #startSpan: EngineSpan = noSpan;

  constructor(parts: EngineParts<Value>) {
    this.#parts = parts;
    this.#machine = new EngineMachine(parts, {
      dial: (attempt) => this.#dial(attempt),
      greet: () => void this.#current?.greet(),
      hangUp: () => this.#hangUp(),
      terminate: () => this.#current?.session.terminate(),
      overdue: () => {
        const error = new TimeoutError(parts.options.onOpenTimeoutMs);
        if (this.#current) this.#failed(this.#current, error, interrupted);
      },
      closed: () => {
        if (this.state === "stopping") this.#stopped();
      },
    });
  }

  start(options: StartOptions = {}): Promise<void> {
    const attributes = { auto_reconnect: this.#parts.options.autoReconnect };
    return this.#parts.tracer.during("start", { attributes }, (span) => this.#start(options, span));
  }

  stop(options: StopOptions = {}): Promise<void> {
    return this.#parts.tracer.during("stop", {}, (span) => this.#stop(options, span));
  }

  async isStarted({ signal }: SignalOptions = {}): Promise<boolean> {
    const { clock } = this.#parts;
    const started = this.#starting?.promise.catch(() => {});
    if (started) await wait(started, "isStarted", clock, { signal });
    while (this.state === "stopping") await wait(this.#done.promise, "isStarted", clock, { signal });
    return this.state !== "stopped";
  }

  async pause({ signal }: SignalOptions = {}): Promise<Lease<Value>> {
    if (this.state === "stopped") throw new EngineNotStartedError();
    const gate = this.#gate;
    await gate.acquire(signal);
    return createLease<Value>(
      () => {
        const { session } = (this.#gate === gate ? this.#current : null) ?? {};
        if (!session?.opened) throw new AlreadyClosedError();
        return session;
      },
      (lease) => {
        this.#current?.session.dismiss(lease);
        gate.release();
      },
    );
  }

  async #start({ signal, lifetimeSignal }: StartOptions, span: EngineSpan): Promise<void> {
    while (this.state === "stopping" && signal?.aborted !== true) {
      await wait(this.#done.promise, "start", this.#parts.clock, { signal }).catch(() => {});
    }
    for (const given of [signal, lifetimeSignal]) {
      if (given?.aborted) throw new EngineStartError(reasonOf(given));
    }
    if (this.state !== "stopped") {
      throw new EngineStartError(new UsageError("usage.already-open", "engine has already started"));
    }
    this.#listen(signal, (reason) => {
      if (this.state !== "starting") return;
      const attempt = this.#attempt;
      if (attempt) this.#failed(attempt, reason, interrupted);
      else this.#startFailed(reason, interrupted);
    });
    this.#listen(lifetimeSignal, () => void this.stop().catch(() => {}));
    const starting = deferred<void>();
    this.#run++;
    this.#starting = starting;
    this.#done = deferred();
    this.#gate = this.#newGate();
    this.#startSpan = span;
    this.#move("starting");
    // Unless a listener has stopped it.
    if (this.#starting === starting) this.#machine.connect();
    return starting.promise;
  }

  async #stop({ signal, timeoutMs = this.#parts.options.stopTimeoutMs }: StopOptions, span: EngineSpan): Promise<void> {
    if (this.state === "stopped") throw new EngineNotStartedError();
    const run = this.#run;
    const { promise } = this.#done;
    this.#current?.cut();
    this.#shutDown(span);
    try {
      await wait(promise, "stop", this.#parts.clock, { timeoutMs: timeoutMs || undefined, signal });
    } catch (error) {
      if (signal?.aborted) throw new AbortError("the wait for the stop was aborted", { cause: signal.reason });
      if (run === this.#run) this.#dropAll();
      throw (error as TrunklineError).code === "link.timeout" ? new StopTimeoutError(timeoutMs) : error;
    }
  }

  /** The first session of this start; one that an earlier start left is over. */
  get #attempt(): SessionLife<Value> | null {
    return this.#current?.over ? null : this.#current;
  }

  #dial(attempt: number): void {
    const { tracer, options } = this.#parts;
    const restarting = this.state === "restarting";
    const dial = (parent: EngineSpan, returning: EngineSpan): void =>
      tracer.open("background.start", { parent, attributes: { restart: restarting } }, (opening) => {
        const given = { attempt, gate: this.#gate, restarting, opening, returning };
        this.#current = new SessionLife<Value>(given, this.#parts, this.#host);
        this.#current.session.dial();
      });
    if (!restarting) {
      dial(this.#startSpan, noSpan);
      return;
    }
    const attributes = { retry_count: this.#machine.failures, auto_reconnect: options.autoReconnect };
    const place = { follows: this.#startSpan, attributes };
    tracer.open("background.restart", place, (returning) => dial(returning, returning));
  }

  #hangUp(): void {
    if (this.#current?.session.close === null) this.#current.leave(this.#goodbye);
    else this.#machine.lost();
  }

  /** What the session of the moment tells. */
  readonly #host: LifeHost<Value> = {
    holds: (life) => life === this.#current,
    opened: (life) => {
      if (life === this.#current && !life.over) this.#machine.opened(life.session.attempt);
    },
    greeted: (life) => this.#greeted(life),
    failed: (life, error, reason) => this.#failed(life, error, reason),
    lost: (life, close) => {
      if (life === this.#current) this.#lost(life, close);
    },
    ending: (again) => {
      if (this.state === "started") this.#move(again ? "restarting" : "stopping");
    },
    ended: (life, goodbye) => this.#ended(life, goodbye),
    pause: (options) => this.pause(options),
  };

  #greeted({ session }: SessionLife<Value>): void {
    this.#machine.greeted(session.id);
    this.#parts.outlet.tell("info", "session opened", { sessionId: session.id });
    this.#move("started");
  }

  #lost(life: SessionLife<Value>, close: LinkClose): void {
    const { code, reason } = close;
    this.#parts.outlet.tell("info", "connection ended", { code, reason, sessionId: life.session.id });
    if (this.#machine.closing) this.#machine.lost();
    else if (life.greeted) life.pump();
    else this.#failed(life, new TransportCloseError(close), interrupted);
  }

  /** An attempt failed: the first one ends the start, a later one is told and followed by the next. */
  #failed(life: SessionLife<Value>, error: unknown, reason: string): void {
    if (life.over) return;
    life.fail(error);
    if (this.state === "starting") {
      this.#startFailed(error, reason);
      return;
    }
    life.leave({ code: CloseCode.goingAway, reason });
    this.#current = null;
    void this.#retry(life, error).finally(() => life.returning.end());
  }

  #startFailed(error: unknown, reason: string): void {
    this.#parts.outlet.tell("warn", "start failed", { reason });
    const starting = this.#starting;
    this.#close({ code: CloseCode.goingAway, reason });
    this.#stopped();
    starting?.reject(new EngineStartError(error));
  }

  async #retry(life: SessionLife<Value>, error: unknown): Promise<void> {
    const run = this.#run;
    const { link, failures: retryCount } = this.#machine;
    const { span } = life.returning;
    let exit = life.wanted === "exit";
    this.#parts.outlet.tell("warn", "attempt to reconnect failed", { retryCount });
    await life.held();
    const hook = (): unknown =>
      this.#parts.hooks.onRestartError?.({ error, retryCount, span, exit: () => void (exit = true) });
    if (run !== this.#run || this.state !== "restarting") return;
    if (!exit) await life.call("onRestartError", hook);
    if (run !== this.#run || this.state !== "restarting") return;
    if (!exit) return this.#machine.lost({ link });
    life.returning.event("exit");
    this.#shutDown(life.returning);
  }

  /** The session of the moment may be closed: for the next one, unless a stop has begun meanwhile. */
  #ended(life: SessionLife<Value>, goodbye: CloseMessage): void {
    if (this.state !== "restarting") {
      this.#close(goodbye);
      return;
    }
    this.#current = null;
    life.leave(goodbye);
    this.#machine.lost({ link: life.session.attempt, held: true });
  }

  /** Stops; what is under way already only takes another turn. */
  #shutDown(span: EngineSpan): void {
    if (this.state === "stopping" || this.state === "stopped") return;
    const { state } = this;
    const current = state === "starting" ? this.#attempt : this.#current;
    const error = new AbortError("the engine was stopped");
    this.#move("stopping");
    if (state === "starting") this.#starting?.reject(new EngineStartError(error));
    if (current?.greeted) {
      // When it is ending already, it goes on as a stop.
      current.wanted = "exit";
      void current.end(span);
      return;
    }
    current?.fail(error);
    current?.returning.end();
    this.#close({ code: CloseCode.goingAway, reason: interrupted });
    // The link that is being closed, if there is one, is that of an earlier start, which nobody waits for.
    if (current === null) this.#machine.lost();
  }

  /** Closes the link and makes no other. */
  #close(goodbye: CloseMessage): void {
    this.#goodbye = goodbye;
    this.#machine.close(this.#parts.options.stopTimeoutMs || Number.POSITIVE_INFINITY);
  }

  /** A stop took too long. */
  #dropAll(): void {
    const current = this.#current;
    this.#current = null;
    const run = ++this.#run;
    current?.session.abort(new AbortError("the engine was stopped"));
    current?.session.terminate();
    current?.cut();
    this.#machine.close(0);
    // Unless a listener has started it again.
    if (run === this.#run) this.#machine.lost();
    if (run === this.#run) this.#stopped();
  }

  #stopped(): void {
    if (this.state === "stopped") return;
    for (const undo of this.#forget.splice(0)) undo();
    this.#gate.close(new EngineNotStartedError());
    this.#starting = null;
    this.#done.resolve();
    // Last: a listener may start it again.
    this.#move("stopped");
  }

  #move(next: EngineState): void {
    const previous = this.state;
    this.state = next;
    if (next === "started" && this.#starting) {
      this.#starting.resolve();
      this.#starting = null;
    }
    this.#parts.outlet.tell("info", `${previous} → ${next}`);
    this.#parts.outlet.state(next, previous);
  }

  #listen(signal: AbortSignalLike | undefined, run: (reason: unknown) => void): void {
    const onAbort = (): void => run(reasonOf(signal as AbortSignalLike));
    signal?.addEventListener("abort", onAbort);
    this.#forget.push(() => signal?.removeEventListener("abort", onAbort));
  }

  #newGate(): Gate {
    return new Gate(() => this.#current?.pump());
  }
}

/** What a signal aborted with. */
function reasonOf(signal: AbortSignalLike): unknown {
  return signal.reason ?? new AbortError("the start was aborted by its signal");
}
