// What a handler of a channel gets beside the message: types, and the one it gets where nobody runs it.
import { UsageError } from "../errors.ts";
import type { PlatformSignal } from "../ports/abort-signal.ts";
import type { Logger } from "../ports/logger.ts";
import type { EventFrame, GapReason } from "../wire/frame.ts";
import type { PublishReceipt, PublishRequest } from "../wire/publish-request.ts";

/** The event as it was sent: place, `id`, `key`, `time` and the publisher's own `meta`. */
export type ListenerMeta = EventFrame;

export interface ListenerContext {
  readonly channel: string;
  /** The event's name; that of `pub`, `push` and `reply` is "message". */
  readonly event: string;
  readonly meta: ListenerMeta;
  /** The account of the channel; null over a client, where it is that of its credential. */
  readonly account: string | null;
  readonly logger: Logger;
  /**
   * Publishes inside the account. Where nobody waits for it, a failure is reported and does not end the process.
   * @throws {TrunklineError} as the gateway's `publish`, or that of an outbox
   */
  readonly publish: (request: PublishRequest) => Promise<PublishReceipt>;
  /** Publishes `data` as an event `message` to the channel that this one came from: this very handler hears it, too. */
  readonly reply: (data: unknown) => Promise<PublishReceipt>;
  /** Aborted when the listener is taken off, or its gateway closes. */
  readonly signal?: PlatformSignal;
}

/**
 * Hears what is said on a channel: `message` is the event's data, shared by all handlers. What it returns means nothing, but a promise is
 * watched: its rejection is reported as a throw is.
 */
export type ChannelHandler<Message = unknown> = (message: Message, context: ListenerContext) => unknown;

/** Events that a listener will not hear. */
export interface ListenerGap {
  /** The channel; of what was missed on channels that nobody can name, the listener's pattern. */
  readonly channel: string;
  readonly account: string | null;
  /** As PROTOCOL §5.3; `unheard`: the broker was away, and what began meanwhile under a pattern can't be known. */
  readonly reason: GapReason | "unheard";
  /** Log events `from`…`to` of the channel. Absent where only changes of its state may be missing, or nobody can know. */
  readonly from?: number;
  readonly to?: number;
}

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** For a handler that is called without a server: it can't publish. */
export function bareContext(channel: string, message: unknown): ListenerContext {
  const refuse = (): Promise<PublishReceipt> =>
    Promise.reject(
      new UsageError(
        "usage.unsupported",
        `publish: expected a listener that a gateway or client runs, got one that was called by hand; give its handler for "${channel}" a context`,
      ),
    );
  const event = "message";
  return {
    channel,
    event,
    meta: { type: "event", channel, event, data: message },
    account: null,
    logger: silent,
    publish: refuse,
    reply: refuse,
  };
}
