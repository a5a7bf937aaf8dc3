// What is published, when, and what became of it: PROTOCOL §8.5, §8.6. Mutable like the channel table, and as pure: time and
// chance come with each input, frames and results go out as effects.
import { type ErrorCode, GatewayError, LinkError, type TrunklineError, UsageError } from "../errors.ts";
import type { PublishedFrame, PublishFrame } from "../wire/frame.ts";
import type { PublishReceipt } from "../wire/publish-request.ts";
import type { Backoff } from "./backoff.ts";

export interface OutboxConfig {
  /** Most messages that wait or are unanswered. */
  readonly maxMessages: number;
  /** Most bytes of their frames. */
  readonly maxBytes: number;
  /** Messages that one link is given per second; ten times as many in one burst. */
  readonly messagesPerSecond: number;
  /** Messages that one link may leave unanswered. */
  readonly maxUnanswered: number;
  /** Ceilings of the waits after a gateway that could not publish just now. */
  readonly backoff: Backoff;
}

export type OutboxInput =
  | { readonly type: "publish"; readonly frame: PublishFrame; readonly bytes: number; readonly timeoutMs: number }
  /** From here on frames go out over `link`. */
  | { readonly type: "up"; readonly link: number }
  /** What `link` has not answered it will not answer. */
  | { readonly type: "gone"; readonly link: number }
  /** The frame of `ref` could not be sent after all. */
  | { readonly type: "unsent"; readonly ref: number }
  | PublishedFrame
  | { readonly type: "woke" }
  /** The caller no longer waits. */
  | { readonly type: "abort"; readonly ref: number }
  /** Nothing will be sent any more. */
  | { readonly type: "close" };

export type OutboxEffect =
  | { readonly kind: "send"; readonly frame: PublishFrame }
  | { readonly kind: "settle"; readonly ref: number; readonly result: PublishReceipt | TrunklineError };

/** One message from its call to its result. */
interface Letter {
  readonly frame: PublishFrame;
  readonly bytes: number;
  readonly expiresAt: number;
  /** The link that has not answered it; 0: not under way. */
  link: number;
  sentAt: number;
  /** When the first attempt was made of which nobody knows what became. */
  doubtSince?: number;
  /** The last answer: it was not published, and may be tried again. */
  refusal?: GatewayError | undefined;
  /** A later one of its channel was published: to publish this one now would break the order. */
  overtaken?: boolean;
}

/** What is unfinished in one channel. */
interface Lane {
  /** One is under way over another link than the present one. */
  elsewhere: boolean;
  /** One was refused for now and waits. */
  refused: boolean;
  /** One is under way, or will be before those that were refused. */
  open: boolean;
}

/**
 * Keeps the order of each channel, with one exception: what the gateway could not publish just now is tried again, and if it
 * had published a later one meanwhile, and the link was lost before it said so, nobody knows.
 */
export class OutboxQueue {
  /** In order of the calls. */
  readonly #letters = new Map<number, Letter>();
  readonly #config: OutboxConfig;
  #bytes = 0;
  #link = 0;
  #upAt = 0;
  /** How many messages the present link may still be given, as of `#filledAt`. */
  #tokens = 0;
  #filledAt = 0;
  /** Nothing is sent before: the gateway could not publish. */
  #pausedUntil = 0;
  #refusals = 0;

  constructor(config: OutboxConfig) {
    this.#config = config;
  }

  /** Messages without a result. */
  get size(): number {
    return this.#letters.size;
  }

  /** When `woke` is due, or null. */
  wakeAt(now: number): number | null {
    let at = Infinity;
    let idle = false;
    for (const { expiresAt, link } of this.#letters.values()) {
      at = Math.min(at, expiresAt);
      idle ||= link === 0;
    }
    if (idle && this.#link) {
      if (this.#pausedUntil > now) at = Math.min(at, this.#pausedUntil);
      else if (this.#tokens < 1) at = Math.min(at, this.#filledAt + 1000 / this.#config.messagesPerSecond);
    }
    return at === Infinity ? null : at;
  }

  /** `chance` in [0, 1): which part of a wait is left out. Total: what means nothing changes nothing. */
  step(input: OutboxInput, now: number, chance: number): readonly OutboxEffect[] {
    const effects: OutboxEffect[] = [];
    this.#take(input, now, chance, effects);
    for (const [ref, letter] of this.#letters) {
      if (letter.expiresAt <= now) this.#settle(ref, expired(letter), effects);
    }
    // What could not be sent just now waits for news of the link.
    if (this.#link && input.type !== "unsent" && now >= this.#pausedUntil) this.#flush(now, effects);
    return effects;
  }

  #take(input: OutboxInput, now: number, chance: number, effects: OutboxEffect[]): void {
    switch (input.type) {
      case "publish":
        return this.#add(input.frame, input.bytes, now + input.timeoutMs, effects);
      case "up":
        this.#link = input.link;
        this.#upAt = now;
        this.#tokens = this.#config.messagesPerSecond * 10;
        this.#filledAt = now;
        // Perhaps another gateway.
        this.#pausedUntil = 0;
        return;
      case "gone":
        if (this.#link === input.link) this.#link = 0;
        for (const letter of this.#letters.values()) {
          if (letter.link !== input.link) continue;
          letter.link = 0;
          letter.doubtSince ??= letter.sentAt;
        }
        return;
      case "published":
        return this.#answered(input, now, chance, effects);
      case "unsent": {
        const letter = this.#letters.get(input.ref);
        if (letter) letter.link = 0;
        return;
      }
      case "abort": {
        const letter = this.#letters.get(input.ref);
        const rest = letter && isOpen(letter) ? ": it may have been published" : ": nothing was published";
        return this.#settle(input.ref, new UsageError("usage.aborted", `publish was aborted${rest}`), effects);
      }
      case "close":
        for (const [ref, letter] of this.#letters) {
          this.#settle(ref, isOpen(letter) ? unknown("the client was closed") : closed(), effects);
        }
        return;
      case "woke":
        return;
    }
  }

  #add(frame: PublishFrame, bytes: number, expiresAt: number, effects: OutboxEffect[]): void {
    const { maxMessages, maxBytes } = this.#config;
    this.#letters.set(frame.ref, { frame, bytes, expiresAt, link: 0, sentAt: 0 });
    this.#bytes += bytes;
    if (this.#letters.size <= maxMessages && this.#bytes <= maxBytes) return;
    const limits = `${maxMessages} messages of ${maxBytes} bytes in all`;
    this.#settle(
      frame.ref,
      new UsageError(
        "usage.overflow",
        `expected at most ${limits} to wait, got one more: publish less, or wait for results`,
      ),
      effects,
    );
  }

  #answered(
    { ref, error, stream, offset, epoch }: PublishedFrame,
    now: number,
    chance: number,
    effects: OutboxEffect[],
  ): void {
    const letter = this.#letters.get(ref);
    // An answer to what has expired.
    if (!letter) return;
    letter.link = 0;
    if (!error) {
      this.#refusals = 0;
      this.#overtake(ref, letter, effects);
      return this.#settle(ref, { stream: stream ?? "", offset: offset ?? 0, epoch: epoch ?? "" }, effects);
    }
    // The gateway's codes are ours; one of a later version is passed on as it is.
    const refusal = new GatewayError(error.code as Extract<ErrorCode, `gateway.${string}`>, error.message);
    // It may have been published, and then before what waits.
    if (refusal.code === "gateway.outcome-unknown") this.#overtake(ref, letter, effects);
    if (refusal.code !== "gateway.unavailable") return this.#settle(ref, refusal, effects);
    letter.refusal = refusal;
    if (letter.overtaken) return this.#settle(ref, expired(letter), effects);
    if (this.#pausedUntil > now) return;
    this.#pausedUntil = now + this.#config.backoff(this.#refusals++) * (1 - chance);
  }

  /** `letter` was published, or may have been: what was called before it and was not must not follow it. */
  #overtake(ref: number, { frame }: Letter, effects: OutboxEffect[]): void {
    for (const [earlier, letter] of this.#letters) {
      if (earlier === ref) return;
      if (letter.frame.channel !== frame.channel) continue;
      if (letter.refusal && letter.link === 0) this.#settle(earlier, expired(letter), effects);
      else letter.overtaken = true;
    }
  }

  #flush(now: number, effects: OutboxEffect[]): void {
    const { messagesPerSecond, maxUnanswered } = this.#config;
    const earned = ((now - this.#filledAt) * messagesPerSecond) / 1000;
    this.#tokens = Math.min(messagesPerSecond * 10, this.#tokens + earned);
    this.#filledAt = now;
    const lanes = this.#lanes();
    let unanswered = 0;
    for (const { link } of this.#letters.values()) if (link === this.#link) unanswered++;
    for (const letter of this.#letters.values()) {
      const lane = lanes.get(letter.frame.channel);
      if (letter.link || !lane || lane.elsewhere) continue;
      // First what may have been published; knowing what became of that, what was refused, and the rest behind it.
      if (lane.refused && lane.open && (letter.refusal || letter.doubtSince === undefined)) continue;
      if (this.#tokens < 1 || unanswered++ >= maxUnanswered) return;
      this.#tokens--;
      letter.link = this.#link;
      letter.sentAt = now;
      letter.refusal = undefined;
      const { doubtSince } = letter;
      const frame =
        doubtSince === undefined ? letter.frame : { ...letter.frame, retryMs: Math.ceil(this.#upAt - doubtSince) };
      effects.push({ kind: "send", frame });
    }
  }

  #lanes(): ReadonlyMap<string | undefined, Lane> {
    const lanes = new Map<string | undefined, Lane>();
    for (const letter of this.#letters.values()) {
      const { channel } = letter.frame;
      const lane = lanes.get(channel) ?? { elsewhere: false, refused: false, open: false };
      lane.elsewhere ||= letter.link !== 0 && letter.link !== this.#link;
      lane.refused ||= letter.refusal !== undefined;
      lane.open ||= isOpen(letter) && !letter.refusal;
      lanes.set(channel, lane);
    }
    return lanes;
  }

  #settle(ref: number, result: PublishReceipt | TrunklineError, effects: OutboxEffect[]): void {
    const letter = this.#letters.get(ref);
    if (!letter) return;
    this.#letters.delete(ref);
    this.#bytes -= letter.bytes;
    effects.push({ kind: "settle", ref, result });
  }
}

/** Whether it may have been published without our knowing. */
function isOpen({ link, doubtSince }: Letter): boolean {
  return link !== 0 || doubtSince !== undefined;
}

function expired(letter: Letter): TrunklineError {
  if (isOpen(letter)) return unknown("no answer came in time");
  return letter.refusal ?? new LinkError("link.timeout", "publish found no connection in time: nothing was published");
}

function unknown(why: string): GatewayError {
  return new GatewayError("gateway.outcome-unknown", `${why}: it may have been published or not`);
}

function closed(): UsageError {
  return new UsageError("usage.closed", "the client or its outbox was closed: nothing was published");
}
