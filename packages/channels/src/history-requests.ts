// Pages of history that were asked for and have not come.
import { GatewayError, LinkError, type TrunklineError, UsageError } from "@trunkline/core/errors";
import { type Deferred, deferred, type Line, wait, type WaitOptions } from "@trunkline/core/modules";
import type { EventFrame, RecordedFrame } from "@trunkline/core/wire";
import type { Subscription } from "./subscriptions.ts";

export interface HistoryOptions extends WaitOptions {
  /** Most events, at most 1,000. Fewer come when they are longer than a frame may be. @defaultValue 100 */
  readonly limit?: number;
  /** Offset: only events before it. @defaultValue beyond the newest */
  readonly before?: number | undefined;
}

export interface HistoryPage {
  /** Oldest first. */
  readonly events: readonly EventFrame[];
  /** Whether older ones are kept: `before: events[0].offset` asks for them. */
  readonly more: boolean;
}

interface Request {
  readonly ref: number;
  readonly channel: string;
  readonly subscription: Subscription;
  readonly range: Pick<HistoryOptions, "limit" | "before">;
  readonly answer: Deferred<HistoryPage>;
  /** The link that has not answered it; 0: not under way. */
  link: number;
  /** How many links were lost with it. */
  losses: number;
}

/** Requests under way at a time: a gateway takes 100 of all kinds that it has not answered. */
const maxUnderWay = 10;
/** A page that was asked for on this many links is asked for on no other. */
const maxLosses = 2;
const defaultTimeoutMs = 30_000;

/** Bounded by what is awaited: each has a time limit. */
export class HistoryRequests {
  readonly #line: Line;
  readonly #requests = new Map<number, Request>();
  readonly #undos: readonly (() => void)[];

  constructor(line: Line) {
    this.#line = line;
    this.#undos = [
      line.on("answer", (frame) => frame.type === "history" && this.#answered(frame)),
      line.watch((event, link) => (event === "gone" ? this.#lost(link) : this.pump())),
    ];
  }

  /** Of a channel that `subscription` holds. `cancel`, once there is no use for it any more. */
  ask(
    channel: string,
    subscription: Subscription,
    { limit, before, timeoutMs = defaultTimeoutMs, signal }: HistoryOptions,
  ): { readonly page: Promise<HistoryPage>; readonly cancel: (cause: TrunklineError) => void } {
    const answer = deferred<HistoryPage>();
    const ref = this.#line.ref();
    const range = { ...(limit !== undefined && { limit }), ...(before !== undefined && { before }) };
    this.#requests.set(ref, { ref, channel, subscription, range, answer, link: 0, losses: 0 });
    this.pump();
    const done = (): void => {
      this.#requests.delete(ref);
      this.pump();
    };
    return {
      page: wait(answer.promise, `channel "${channel}".history`, this.#line.clock, { timeoutMs, signal }, done),
      cancel: answer.reject,
    };
  }

  /** Sends what can be sent: to be called when a channel was let in or refused. */
  pump(): void {
    const { link } = this.#line;
    let underWay = 0;
    for (const request of this.#requests.values()) if (request.link !== 0) underWay++;
    for (const request of this.#requests.values()) {
      const { ref, channel, subscription, range, answer } = request;
      if (request.link !== 0) continue;
      if (subscription.error) answer.reject(subscription.error);
      else if (link !== 0 && subscription.on && underWay++ < maxUnderWay) {
        request.link = link;
        this.#line.send({ type: "history", ref, channel, ...range });
      }
    }
  }

  close(): void {
    for (const undo of this.#undos) undo();
    const over = new UsageError("usage.closed", "the channels were closed");
    for (const { answer } of this.#requests.values()) answer.reject(over);
  }

  #answered({ ref, events = [], more = false, error }: RecordedFrame): void {
    const answer = this.#requests.get(ref)?.answer;
    // The gateway's codes are ours; one of a later version is passed on as it is.
    if (error) answer?.reject(new GatewayError(error.code as GatewayError["code"], error.message));
    else answer?.resolve({ events, more });
  }

  #lost(link: number): void {
    for (const request of this.#requests.values()) {
      if (request.link !== link) continue;
      request.link = 0;
      if (++request.losses >= maxLosses)
        request.answer.reject(new LinkError("link.lost", "the connection was lost before the page came: ask again"));
    }
    this.pump();
  }
}
