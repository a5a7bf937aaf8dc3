// Publishing over HTTP: one request at a time, so that order is kept; what is called meanwhile is the next one.
import { type TrunklineError, UsageError } from "@trunkline/core/errors";
import type { Clock, Logger, TimerHandle } from "@trunkline/core/ports";
import { type WaitOptions, abortedError, expectTimeout } from "@trunkline/core/publish";
import type { PublishReceipt, PublishRequest } from "@trunkline/core/wire";
import type { Attempted } from "./http-answer.ts";
import { type HttpRequestOptions, postBatch } from "./http-request.ts";
import { type Letter, bytesOf, givenUp, maxBatchBytes, mayBePublished, method, textOf } from "./letter.ts";
import { heldChannels, overtaken } from "./letter-order.ts";
import type { Route } from "./route.ts";

export interface HttpRouteOptions extends HttpRequestOptions {
  /** For publishes that do not say. */
  readonly timeoutMs: number;
  readonly batch: { readonly max: number; readonly flushMs: number };
  readonly clock: Clock;
  readonly logger: Logger | undefined;
}

/** What may wait for its receipt. */
const maxWaiting = 10_000;
const maxWaitingBytes = 64 * 1024 * 1024;
const firstWaitMs = 100;
const maxWaitMs = 5000;

export class HttpRoute implements Route {
  readonly #options: HttpRouteOptions;
  #waiting: Letter[] = [];
  #calls = 0;
  /** Letters without a result, and their bytes. */
  #open = 0;
  #openBytes = 0;
  /** Those of the request under way. */
  #sent: readonly Letter[] = [];
  #controller: AbortController | null = null;
  #pumping = false;
  /** The next request waits for more. */
  #gathering = false;
  /** Ends the wait for more, or between two attempts. */
  #wake: (() => void) | null = null;
  #failures = 0;

  constructor(options: HttpRouteOptions) {
    this.#options = options;
  }

  async send(
    given: PublishRequest,
    { signal, timeoutMs = this.#options.timeoutMs }: WaitOptions,
  ): Promise<PublishReceipt> {
    expectTimeout(method, timeoutMs);
    if (signal?.aborted === true) throw abortedError(method);
    const text = textOf(given);
    const bytes = bytesOf(text);
    if (this.#open >= maxWaiting || this.#openBytes + bytes > maxWaitingBytes) {
      const limits = `${maxWaiting} events of ${maxWaitingBytes} bytes in all`;
      const message = `${method}: expected at most ${limits} to wait, got one more: publish less, or wait for receipts`;
      throw new UsageError("usage.overflow", message);
    }
    const { clock } = this.#options;
    return new Promise((resolve, reject) => {
      const letter: Letter = {
        number: this.#calls++,
        text,
        bytes,
        channel: given.channel ?? "",
        doubtSince: null,
        lastError: null,
        sending: false,
        sentAt: 0,
        settled: false,
        reached: false,
        settle: (result) => {
          if (letter.settled) return;
          letter.settled = true;
          letter.reached = mayBePublished(letter, result);
          this.#open -= 1;
          this.#openBytes -= bytes;
          clock.clearTimer(timer);
          signal?.removeEventListener("abort", onAbort);
          if (result instanceof Error) reject(result);
          else resolve(result);
          this.#letGo();
        },
      };
      const onAbort = (): void => letter.settle(abortedError(method));
      const timer = clock.setTimer(
        () => letter.settle(givenUp(letter, `no receipt within ${timeoutMs} ms`)),
        timeoutMs,
      );
      signal?.addEventListener("abort", onAbort);
      this.#open += 1;
      this.#openBytes += bytes;
      this.#waiting.push(letter);
      if (this.#gathering && this.#waiting.length >= this.#options.batch.max) this.#wake?.();
      void this.#pump();
    });
  }

  async close(): Promise<void> {}

  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    // What is called in the same turn goes along.
    await Promise.resolve();
    const { max, flushMs } = this.#options.batch;
    if (flushMs > 0 && this.#waiting.length < max) {
      this.#gathering = true;
      await this.#pause(flushMs);
      this.#gathering = false;
    }
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) {
      const retryInMs = this.#read(batch, await this.#post(batch));
      if (retryInMs !== null) await this.#pause(retryInMs);
    }
    this.#pumping = false;
  }

  /** The next batch, in order. */
  #take(): readonly Letter[] {
    // To publish these now would break the order of their channels.
    for (const letter of overtaken(this.#waiting))
      letter.settle(givenUp(letter, "a later one of its channel was first"));
    const held = heldChannels(this.#waiting);
    const batch: Letter[] = [];
    const rest: Letter[] = [];
    let bytes = 0;
    let full = false;
    for (const letter of this.#waiting) {
      if (letter.settled) continue;
      if (letter.doubtSince === null && held.has(letter.channel)) {
        rest.push(letter);
        continue;
      }
      // What does not fit ends the batch, or a later one of its channel might go before it.
      full ||= batch.length === this.#options.batch.max || (batch.length > 0 && bytes + letter.bytes > maxBatchBytes);
      (full ? rest : batch).push(letter);
      bytes += letter.bytes;
    }
    this.#waiting = rest;
    return batch;
  }

  async #post(batch: readonly Letter[]): Promise<readonly Attempted[]> {
    const { clock, attemptTimeoutMs } = this.#options;
    const startedAt = clock.now();
    const texts = batch.map(({ text, doubtSince }) => {
      if (doubtSince === null) return text;
      // At least the time from the first attempt until the gateway reads this one (PROTOCOL §8.6).
      return `{"retryMs":${Math.ceil(startedAt - doubtSince + attemptTimeoutMs)},${text.slice(1)}`;
    });
    const controller = new AbortController();
    this.#sent = batch;
    this.#controller = controller;
    for (const letter of batch) {
      letter.sending = true;
      letter.sentAt = startedAt;
    }
    const answers = await postBatch(this.#options, texts, controller);
    this.#controller = null;
    this.#sent = [];
    for (const letter of batch) letter.sending = false;
    return answers;
  }

  /** Settles what can be; the rest waits again. @returns for how many ms, or null when nothing failed */
  #read(batch: readonly Letter[], answers: readonly Attempted[]): number | null {
    const { clock, logger, place } = this.#options;
    let failure: TrunklineError | null = null;
    let afterMs = 0;
    for (const [index, letter] of batch.entries()) {
      if (letter.settled) continue;
      const answer = answers[index] as Attempted;
      if (answer.kind === "accepted") letter.settle(answer.receipt);
      else if (answer.kind === "refused") letter.settle(answer.error);
      else {
        letter.lastError = answer.error;
        if (answer.kind === "doubt") letter.doubtSince ??= letter.sentAt;
        else afterMs = Math.max(afterMs, answer.afterMs ?? 0);
        failure = answer.error;
      }
    }
    // With those that are settled, since they may have overtaken others.
    this.#waiting = [...batch, ...this.#waiting].sort((one, other) => one.number - other.number);
    if (failure === null) {
      this.#failures = 0;
      return null;
    }
    if (this.#failures === 0)
      logger?.warn("publishing failed; trying again", { url: place.url, reason: failure.message });
    const ceiling = Math.min(firstWaitMs * 2 ** this.#failures, maxWaitMs);
    this.#failures += 1;
    return Math.max(ceiling * (0.5 + clock.random() / 2), Math.min(afterMs, maxWaitMs));
  }

  #pause(waitMs: number): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const end = (): void => {
        clock.clearTimer(timer);
        this.#wake = null;
        resolve();
      };
      const timer: TimerHandle = clock.setTimer(end, waitMs);
      this.#wake = end;
      // Everybody may have given up already.
      this.#letGo();
    });
  }

  /** Nobody waits for the request under way, or for the next one. */
  #letGo(): void {
    if (this.#sent.length > 0 && this.#sent.every(({ settled }) => settled)) this.#controller?.abort();
    if (this.#wake !== null && this.#waiting.every(({ settled }) => settled)) this.#wake();
  }
}
