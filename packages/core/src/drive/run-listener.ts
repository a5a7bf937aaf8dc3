// Runs a listener over a client: in any process, on the channels that its credential may hear.
import { UsageError } from "../errors.ts";
import type { ChannelListener } from "../listener/define-listener.ts";
import { dispatch, dispatchGap } from "../listener/dispatch.ts";
import type { ListenerContext } from "../listener/listener-context.ts";
import type { AbortSignalLike, PlatformSignal } from "../ports/abort-signal.ts";
import type { Logger } from "../ports/logger.ts";
import type { Client, EventMeta } from "./client.ts";
import { lineOf } from "./line.ts";
import { type Outbox, createOutbox } from "./outbox.ts";

// Every JavaScript runtime has it.
declare class AbortController {
  readonly signal: AbortSignalLike;
  abort(): void;
}

export interface RunListenerOptions {
  /** What handlers get as `logger`, and where gaps are told. @defaultValue silent */
  readonly logger?: Logger;
  /** What handlers publish by. @defaultValue one of its own, closed with it */
  readonly outbox?: Outbox;
}

export interface RunningListener {
  /**
   * Resolves once the client is on every channel that the listener names: what is published from now on is heard.
   * @throws {GatewayError} when one was refused @throws {UsageError} `usage.closed`
   */
  ready(): Promise<void>;
  /** Nothing more is heard; the client leaves the channels that it was put on for this. Idempotent. */
  stop(): void;
}

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * Subscribes to the channels that `listener` names, and calls its handlers. Its patterns match among the channels that the client is on,
 * whoever put it there: a client subscribes to nothing by pattern. What handlers throw reaches the client's `error`.
 * @throws {UsageError} `usage.unsupported` in the plain dialect
 */
export function runListener(
  client: Client,
  listener: ChannelListener,
  { logger = silent, outbox }: RunListenerOptions = {},
): RunningListener {
  const line = lineOf(client);
  if (!line.enveloped)
    throw new UsageError("usage.unsupported", "runListener: expected a dialect with channels, got plain");
  const sending = outbox ?? createOutbox(client);
  let stopped = false;
  const life = new AbortController();
  const before = new Map(client.health().streams.map(({ channel, state }) => [channel, state]));
  const named = listener.routes.filter(({ isPattern }) => !isPattern).map(({ pattern }) => pattern);
  const failed = (error: UsageError): void => line.report(error);

  const contextOf = (meta: EventMeta): ListenerContext => {
    const { channel, event } = meta;
    const publish: ListenerContext["publish"] = ({ event: name, data, ...options }) => {
      const published = sending.publish(name, data, options);
      // Where nobody waits for it.
      published.catch((error: unknown) =>
        logger.warn("an event was not published", { channel: options.channel, error }),
      );
      return published;
    };
    const reply: ListenerContext["reply"] = (data) => publish({ event: "message", data, channel });
    return { channel, event, meta, account: null, logger, publish, reply, signal: life.signal as PlatformSignal };
  };

  const undos = [
    client.on("*", (_, meta) => {
      const handlers = listener.handlersOf(meta.channel);
      if (handlers.length > 0) dispatch(listener, contextOf(meta), failed, handlers);
    }),
    client.on("gap", ({ channel, reason, from, to }) => {
      if (listener.handlersOf(channel).length === 0) return;
      const gap = { channel, account: null, reason, from, to };
      logger.warn("a listener missed events", { listener: listener.name, ...gap });
      dispatchGap(listener, gap, failed);
    }),
  ];
  const missing = named.filter((channel) => before.get(channel) !== "live");
  const granted = Promise.all(missing.map((channel) => client.subscribe(channel)));
  granted.catch(() => {});
  return {
    ready: async () => void (await granted),
    stop: () => {
      if (stopped) return;
      stopped = true;
      for (const undo of undos) undo();
      for (const channel of named) if (!before.has(channel)) client.unsubscribe(channel);
      if (outbox === undefined) sending.close();
      life.abort();
    },
  };
}
