// Performs what AttendanceTable decides, for all handles of a client.
import { GatewayError, type TrunklineError, UsageError } from "@trunkline/core/errors";
import { type Deferred, deferred, type Line, schedule } from "@trunkline/core/modules";
import type { TimerHandle } from "@trunkline/core/ports";
import { byteLength, maxMemberBytes, type PresentFrame } from "@trunkline/core/wire";
import { AttendanceTable } from "./attendance-table.ts";
import { Linger } from "./linger.ts";
import { Pace } from "./pace.ts";

/** Who made the client a member of a channel, and learns when it is none. */
export interface Attendant {
  refused(error: TrunklineError): void;
}

/** One frame in this time, in milliseconds. */
const frameEveryMs = 50;
const maxLingering = 100;
const backoff = /* @__PURE__ */ schedule([500, 1_000, 2_000, 4_000, 8_000]);

interface Attended {
  readonly attendants: Set<Attendant>;
  /** Who waits until the gateway has done it. */
  waiting: Deferred<void>[];
}

export class Attendance {
  readonly #line: Line;
  readonly #isOn: (channel: string) => boolean;
  readonly #table = new AttendanceTable();
  readonly #channels = new Map<string, Attended>();
  readonly #pace: Pace;
  readonly #linger: Linger<string>;
  #timer: TimerHandle | undefined;
  #failures = 0;

  /** @param isOn whether the gateway has let the client in, on this link */
  constructor(line: Line, isOn: (channel: string) => boolean) {
    this.#line = line;
    this.#isOn = isOn;
    this.#pace = new Pace(line.clock, frameEveryMs, () => this.#flush());
    this.#linger = new Linger(line.clock, maxLingering, (channel) => this.#leave(channel));
    line.on("answer", (frame) => frame.type === "presence" && this.#answered(frame));
    line.watch((event) => {
      if (event === "gone") return;
      this.#stopTimer();
      this.#table.restart();
      this.#pace.ask();
    });
  }

  /** Resolves once the gateway has it. @throws {UsageError} `usage.bad-argument` @throws {GatewayError} when refused */
  enter(channel: string, attendant: Attendant, data: unknown): Promise<void> {
    const waiter = deferred<void>();
    const text = written(data);
    if (text instanceof Error) waiter.reject(text);
    else {
      const attended = this.#attended(channel);
      attended.attendants.add(attendant);
      attended.waiting.push(waiter);
      this.#linger.delete(channel);
      // As it is now: what the caller changes later is not meant.
      this.#table.enter(channel, text === undefined ? undefined : JSON.parse(text), text);
      this.#pace.ask();
    }
    return waiter.promise;
  }

  /** Resolves once the gateway has it: unless somebody else keeps the client there. */
  leave(channel: string, attendant: Attendant): Promise<void> {
    const attended = this.#channels.get(channel);
    const waiter = deferred<void>();
    if (!attended?.attendants.delete(attendant) || attended.attendants.size > 0) waiter.resolve();
    else {
      this.#linger.delete(channel);
      this.#leave(channel);
      if (this.#channels.has(channel)) attended.waiting.push(waiter);
      else waiter.resolve();
    }
    return waiter.promise;
  }

  /** `attendant` is no more; the client leaves after `lingerMs` if nobody else keeps it there. */
  release(channel: string, attendant: Attendant, lingerMs: number): void {
    const attended = this.#channels.get(channel);
    if (attended?.attendants.delete(attendant) && attended.attendants.size === 0) this.#linger.add(channel, lingerMs);
  }

  has(channel: string, attendant: Attendant): boolean {
    return this.#channels.get(channel)?.attendants.has(attendant) === true;
  }

  /** The gateway has let the client in. */
  on(channel: string): void {
    if (this.#table.has(channel)) this.#pace.ask();
  }

  /** The client is not on the channel any more, and so no member. `error`: why it was refused. */
  off(channel: string, error: TrunklineError | null): void {
    this.#table.off(channel);
    if (error) this.#settle(channel, error);
  }

  /** The channel was left: nobody is a member of it any more. */
  forget(channel: string): void {
    this.#linger.delete(channel);
    this.#leave(channel, true);
  }

  /** The client is closed: nothing waits. */
  rest(): void {
    this.#linger.end();
    this.#pace.now();
    this.#stopTimer();
    const closed = new UsageError("usage.closed", "the client is closed: connect() opens it again");
    for (const channel of this.#channels.keys()) this.#settle(channel, closed);
  }

  #attended(channel: string): Attended {
    const attended = this.#channels.get(channel) ?? { attendants: new Set(), waiting: [] };
    this.#channels.set(channel, attended);
    return attended;
  }

  #leave(channel: string, left = false): void {
    this.#settle(channel, new UsageError("usage.aborted", `channel "${channel}": left before it was entered`));
    if (this.#table.leave(channel, left)) this.#pace.ask();
    else this.#channels.delete(channel);
  }

  #flush(): boolean {
    const frame = this.#line.link === 0 ? null : this.#table.next(() => this.#line.ref(), this.#isOn);
    if (!frame) return false;
    this.#line.send(frame);
    // What did not fit comes in its turn.
    if (this.#table.due) this.#pace.ask();
    return true;
  }

  #answered(frame: PresentFrame): void {
    const { outcomes, later } = this.#table.answered(frame);
    for (const { channel, error } of outcomes) {
      const attended = this.#channels.get(channel);
      // The gateway's codes are ours; one of a later version is passed on as it is.
      const refusal = error && new GatewayError(error.code as GatewayError["code"], `${channel}: ${error.message}`);
      this.#settle(channel, refusal);
      if (!this.#table.has(channel)) this.#channels.delete(channel);
      if (!refusal) continue;
      this.#line.report(refusal);
      for (const attendant of attended?.attendants ?? []) attendant.refused(refusal);
    }
    if (!later) {
      this.#failures = 0;
      return;
    }
    const { clock } = this.#line;
    const waitMs = backoff(this.#failures++) * (1 - clock.random());
    this.#timer ??= clock.setTimer(() => {
      this.#stopTimer();
      this.#table.retry();
      this.#pace.ask();
    }, waitMs);
  }

  #stopTimer(): void {
    if (this.#timer) this.#line.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #settle(channel: string, error: TrunklineError | null): void {
    const attended = this.#channels.get(channel);
    if (!attended) return;
    const { waiting } = attended;
    attended.waiting = [];
    for (const { resolve, reject } of waiting) {
      if (error) reject(error);
      else resolve();
    }
  }
}

/** As JSON, or what is wrong with it. */
function written(data: unknown): string | undefined | UsageError {
  const bad = (problem: string, cause?: unknown) =>
    new UsageError("usage.bad-argument", `presence: data: ${problem}`, { cause });
  try {
    const text = JSON.stringify(data) as string | undefined;
    const bytes = byteLength(text ?? "");
    return bytes > maxMemberBytes ? bad(`expected at most ${maxMemberBytes} bytes as JSON, got ${bytes}`) : text;
  } catch (cause) {
    return bad("expected a JSON value, got one that JSON can't hold", cause);
  }
}
