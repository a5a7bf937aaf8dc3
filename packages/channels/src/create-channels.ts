import { type Client, type Contract, createOutbox, type EventMeta, type Outbox } from "@trunkline/core";
import { UsageError } from "@trunkline/core/errors";
import { findLine } from "@trunkline/core/modules";
import {
  channelProblem,
  maxRewind,
  maxTokenBytes,
  type Shape,
  shapeProblem,
  type StreamRequest,
} from "@trunkline/core/wire";
import type { Channel } from "./channel.ts";
import { Handle, type Surroundings } from "./handle.ts";
import { HistoryRequests } from "./history-requests.ts";
import { subscriptionsOf } from "./subscriptions.ts";

export interface ChannelsOptions<C extends Contract = Contract> {
  /** How long a channel stays subscribed when its last handle was closed, in milliseconds. @defaultValue 1000 */
  readonly lingerMs?: number;
  /** What publishes. @defaultValue one of its own, made at first use */
  readonly outbox?: Outbox<C>;
}

export interface OpenOptions extends Pick<StreamRequest, "token" | "rewind"> {}

export interface Channels<C extends Contract = Contract> {
  /**
   * A handle of channel `name`, which is asked for unless it is open: together with all others that are opened in the same turn.
   * `rewind`: the newest so many events come first, and the whole state (at most 1,000; of a channel that is open already none
   * come). `token`: a signed permission to listen.
   * @throws {UsageError} `usage.bad-argument`, `usage.closed` after `close`
   */
  open(name: string, options?: OpenOptions): Channel<C>;
  /** Closes all handles at once. The client stays. Idempotent. */
  close(): void;
}

const shape: { readonly [Name in keyof Required<ChannelsOptions>]: Shape } = { lingerMs: "count?", outbox: "object?" };
const openShape: { readonly [Name in keyof Required<OpenOptions>]: Shape } = { rewind: "count?", token: "string?" };

/**
 * Channels over a client, of any make and transport: events by name, publishing, history, presence.
 * `const chat = createChannels(client).open("chat", { rewind: 50 }); chat.on("message", ({ text }) => …); await chat.publish("message", { text: "Hi" })`
 * @throws {UsageError} `usage.bad-option`, `usage.bad-argument` for what is no client of `trunkline`
 */
export function createChannels<C extends Contract = Contract>(
  client: Client<C>,
  options: ChannelsOptions<C> = {},
): Channels<C> {
  const problem = shapeProblem(options, shape, "channels");
  if (problem) throw new UsageError("usage.bad-option", problem);
  const line = findLine(client);
  if (!line)
    throw new UsageError(
      "usage.bad-argument",
      "createChannels: expected a client that createClient() of trunkline made",
    );
  const anyClient = client as unknown as Client;
  const { lingerMs = 1_000 } = options;
  const subscriptions = subscriptionsOf(anyClient, line);
  const history = new HistoryRequests(line);
  /** Who gets the events of a stream. Replaced when it changes, so that one that is being walked does not. */
  const handles = new Map<string, readonly Handle[]>();
  let own: Outbox<C> | undefined;
  let closed = false;

  const around: Surroundings = {
    line,
    history,
    outbox: () => (options.outbox ?? (own ??= createOutbox(client))) as unknown as Outbox,
    connected: async () => {
      if (client.status === "disconnected") await client.ready();
    },
  };

  const undos = [
    anyClient.on("*", (data: unknown, meta: EventMeta) => {
      // What is pushed to this page says which channel it is for.
      for (const handle of handles.get(meta.for ?? meta.channel) ?? []) handle.take(data, meta);
    }),
    anyClient.on("status", (status) => {
      if (status !== "disconnected") return;
      for (const list of handles.values()) for (const handle of list) handle.disconnected();
    }),
  ];

  function open(name: string, { token, rewind }: OpenOptions = {}): Channel<C> {
    if (closed) throw new UsageError("usage.closed", "the channels were closed: createChannels() makes others");
    const trouble = nameTrouble(name) ?? shapeProblem({ token, rewind }, openShape, "open");
    const long = token !== undefined && token.length > maxTokenBytes;
    const far = rewind !== undefined && rewind > maxRewind;
    if (trouble !== null || long || far)
      throw new UsageError(
        "usage.bad-argument",
        trouble ?? `open: expected a rewind of at most ${maxRewind}, a token of at most ${maxTokenBytes} bytes`,
      );
    const wanted = { ...(token !== undefined && { token }), ...(rewind !== undefined && { rewind }) };
    const handle = new Handle({
      name,
      around,
      subscribe: (holder) => subscriptions.acquire(name, wanted, holder),
      onClose: (left) => remove(left, lingerMs),
    });
    handles.set(name, [...(handles.get(name) ?? []), handle]);
    // The cast: names and arguments are tied together by the interface, not inside.
    return handle as unknown as Channel<C>;
  }

  function remove(handle: Handle, afterMs: number): void {
    const rest = (handles.get(handle.name) ?? []).filter((other) => other !== handle);
    if (rest.length > 0) handles.set(handle.name, rest);
    else handles.delete(handle.name);
    handle.end(afterMs);
  }

  return {
    open,
    close: () => {
      if (closed) return;
      closed = true;
      for (const undo of undos) undo();
      for (const list of handles.values()) for (const handle of list) remove(handle, 0);
      history.close();
      own?.close();
    },
  };
}

function nameTrouble(name: unknown): string | null {
  const problem = channelProblem(name);
  return problem === null ? null : `open: name: ${problem}`;
}
