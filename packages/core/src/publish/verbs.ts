// The verbs of publishing, the same on a gateway and on a publisher, whatever carries them.
import { type GatewayError, type TrunklineError, UsageError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Logger } from "../ports/logger.ts";
import type { PublishReceipt, PublishRequest } from "../wire/publish-request.ts";
import { allChannel } from "./account.ts";
import { channelPatternProblem } from "./channel-pattern.ts";
import { newEventId } from "./event-id.ts";
import { EventRegistry } from "./event-registry.ts";
import { handled } from "./handled.ts";
import { pushId } from "./pattern-push.ts";
import { type Resource, type ResourceOptions, createResource } from "./resource.ts";
import type { ResourceName } from "./routing-key.ts";
import type { WaitOptions } from "./wait.ts";

export interface PubOptions extends WaitOptions {
  /** @defaultValue "all", the channel that everybody in the account is on */
  readonly channel?: string;
  /** @defaultValue a random one */
  readonly id?: string;
}

/**
 * Each resolves once the event has its place in the stream, also when nobody listens, and rejects with a `TrunklineError`:
 * `GatewayError` (a refusal, or a broker that can't be used), `LinkError` (no gateway was reached), `UsageError`. Where nobody
 * waits for it, a failure is logged, and does not end the process.
 */
export interface Publishes {
  /**
   * One event, as `event()` makes it or as a request of your own; without a channel to the account's own, `account.<id>`. Order of
   * calls is order of offsets within a channel.
   */
  publish(request: PublishRequest, options?: WaitOptions): Promise<PublishReceipt>;
  /** One message as an event `message`: `publisher.pub("hello", { channel: "news" })`. */
  pub(message: unknown, options?: PubOptions): Promise<PublishReceipt>;
  /**
   * One message to several channels, as an event `message` with one id, appended once to each. A client that is on several of them
   * hears it once, whichever comes first; its `*` listeners hear each. A name with `*` is a pattern: all channels of the account get the
   * message that match it and that somebody is on, on whatever gateway, as a `volatile` event. `*` stands for any characters but ";".
   * @returns a receipt per name, in their order; offset 0 and epoch "" for a pattern. When it rejects some of them may have got it.
   */
  push(message: unknown, ...channels: readonly string[]): Promise<readonly PublishReceipt[]>;
  /**
   * Events of one kind of record: `post.created`, `post.updated` and `post.destroyed` for `resource("Post")`.
   * @throws {UsageError} `usage.bad-argument`
   */
  resource<Item extends object>(name: ResourceName, options?: ResourceOptions<Item>): Resource<Item>;
  /** What the resources of this publisher are called when they publish. */
  readonly events: EventRegistry;
}

/** The name of the events of `pub` and `push`. */
const messageEvent = "message";

export interface VerbsOptions {
  /** Rejects with a `TrunklineError`. Order of calls is order of offsets. */
  readonly send: (request: PublishRequest, options: WaitOptions) => Promise<PublishReceipt>;
  readonly clock: Pick<Clock, "wallTime">;
  readonly logger: Logger | undefined;
}

/** What verbs were made of, by their registry: whatever they become part of keeps it. */
const made = new WeakMap<EventRegistry, VerbsOptions>();

/** The verbs of `publisher`, with `around` around what carries them; null when `createVerbs` did not make them. */
export function verbsAround(
  publisher: object,
  around: (send: VerbsOptions["send"]) => VerbsOptions["send"],
): Publishes | null {
  const { events } = publisher as Partial<Publishes>;
  const options = events && made.get(events);
  return options ? createVerbs({ ...options, send: around(options.send) }, events) : null;
}

export function createVerbs(options: VerbsOptions, events: EventRegistry = new EventRegistry()): Publishes {
  const { send, clock, logger } = options;
  const publish = (request: PublishRequest, options: WaitOptions = {}): Promise<PublishReceipt> =>
    handled(send(request, options), (error) => {
      const { code, message } = error as Partial<TrunklineError>;
      // Whatever was given: it may be no request.
      const { event, channel } = (request ?? {}) as Partial<PublishRequest>;
      logger?.warn("an event was not published", { event, channel, code, message });
    });
  const message = (data: unknown, channel: string, id: string, wait: WaitOptions): Promise<PublishReceipt> => {
    logger?.info("sending a message", { channel, id });
    return publish({ event: messageEvent, data, channel, id }, wait);
  };
  // What it rejects with was told by each message, or is the caller's mistake.
  const push = async (data: unknown, channels: readonly string[]): Promise<readonly PublishReceipt[]> => {
    if (channels.length === 0) {
      throw new UsageError("usage.bad-argument", "push: expected at least one channel, got none; `pub` sends to all");
    }
    const problem = channels.map(channelPatternProblem).find((each) => each !== null);
    if (problem !== undefined) throw new UsageError("usage.bad-argument", `push: channel: ${problem}`);
    const id = pushId();
    // All are handed over before the first is awaited, and each is heard of before one of them fails.
    const sent = await Promise.allSettled(channels.map((channel) => message(data, channel, id, {})));
    return sent.map((each) => {
      if (each.status === "rejected") throw each.reason as GatewayError;
      return each.value;
    });
  };
  made.set(events, options);
  return {
    events,
    publish,
    pub: (data, { channel = allChannel, id = newEventId(), ...wait } = {}) => message(data, channel, id, wait),
    push: (data, ...channels) => handled(push(data, channels), () => {}),
    resource<Item extends object>(name: ResourceName, options: ResourceOptions<Item> = {}): Resource<Item> {
      const resource = createResource(name, options, { publish, clock, logger });
      events.register(name, options.actions);
      return resource;
    },
  };
}
