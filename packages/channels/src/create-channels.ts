import { type Client, type Contract, createOutbox, type Outbox } from "@trunkline/core";
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
import { dispatchOf } from "./dispatch.ts";
import { Handle, type Surroundings } from "./handle.ts";
import { HistoryRequests } from "./history-requests.ts";
import { hubOf } from "./hub.ts";

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
  const hub = hubOf(anyClient, line);
  const history = new HistoryRequests(line);
  const handles = new Set<Handle>();
  let own: Outbox<C> | undefined;
  let closed = false;

  const around: Surroundings = {
    client: anyClient,
    hub,
    dispatch: dispatchOf(anyClient),
    history,
    outbox: () => (options.outbox ?? (own ??= createOutbox(client))) as unknown as Outbox,
  };

  const undo = anyClient.on("status", (status) => {
    if (status === "disconnected") for (const handle of handles) handle.disconnected();
  });

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
    const onClose = (left: Handle): void => remove(left, anyClient.status === "disconnected" ? 0 : lingerMs);
    const handle = new Handle({ name, around, wanted, onClose });
    handles.add(handle);
    // The cast: names and arguments are tied together by the interface, not inside.
    return handle as unknown as Channel<C>;
  }

  function remove(handle: Handle, afterMs: number): void {
    handles.delete(handle);
    handle.end(afterMs);
  }

  return {
    open,
    close: () => {
      if (closed) return;
      closed = true;
      undo();
      for (const handle of handles) remove(handle, 0);
      history.close();
      own?.close();
    },
  };
}

function nameTrouble(name: unknown): string | null {
  const problem = channelProblem(name);
  return problem === null ? null : `open: name: ${problem}`;
}
