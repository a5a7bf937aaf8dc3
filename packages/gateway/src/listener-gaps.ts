// Tells listeners what they will not hear: it is logged, and given to their `onGap`.
import { type ChannelListener, type ListenerGap, dispatchGap } from "@trunkline/core/listener";
import type { Logger } from "@trunkline/core/ports";
import type { LineBreak } from "./hub/event-text.ts";

export class ListenerGaps {
  readonly #logger: Logger;
  readonly #onError: (error: unknown) => void;

  constructor(logger: Logger, onError: (error: unknown) => void) {
    this.#logger = logger;
    this.#onError = onError;
  }

  /** A stream broke. */
  tell(listener: ChannelListener, news: LineBreak): void {
    const { channel } = news;
    // A `snapshot` says all that there is on the state line: what was deleted meanwhile is not among it.
    const what =
      news.verdict === "gap" ? { reason: news.reason, from: news.from, to: news.to } : { reason: "retention" as const };
    this.#tell(listener, { channel, account: listener.account, ...what });
  }

  /** The broker was away, and what began meanwhile under a pattern can't be known. */
  tellUnheard(listener: ChannelListener, pattern: string): void {
    this.#tell(listener, { channel: pattern, account: listener.account, reason: "unheard" });
  }

  #tell(listener: ChannelListener, gap: ListenerGap): void {
    this.#logger.warn("a listener missed events", { listener: listener.name, ...gap });
    dispatchGap(listener, gap, this.#onError);
  }
}
