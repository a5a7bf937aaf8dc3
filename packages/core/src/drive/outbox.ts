// Performs what client/outbox.ts decides: publishing over the line, also while there is none.
import { schedule } from "../client/backoff.ts";
import { type OutboxInput, OutboxQueue } from "../client/outbox.ts";
import { UsageError } from "../errors.ts";
import type { AbortSignalLike } from "../ports/abort-signal.ts";
import type { TimerHandle } from "../ports/clock.ts";
import { type Shape, shapeProblem } from "../wire/check-frame.ts";
import type { Contract, EventsOf } from "../wire/contract.ts";
import type { PublishFrame } from "../wire/frame.ts";
import { byteLength } from "../wire/limits.ts";
import { publishProblem, type PublishReceipt, type PublishRequest } from "../wire/publish-request.ts";
import type { Client } from "./client.ts";
import { type Deferred, deferred } from "./deferred.ts";
import { lineOf } from "./line.ts";

export interface OutboxOptions {
  /** Most messages that wait or are unanswered. @defaultValue 1000 */
  readonly maxMessages?: number;
  /** Most bytes of them, as JSON. @defaultValue 1 MiB */
  readonly maxBytes?: number;
  /** How long a message may take from the call to its result, in milliseconds. @defaultValue 30_000 */
  readonly timeoutMs?: number;
  /** Messages per second on one link, with bursts of ten times as many. @defaultValue 80: four fifths of what a gateway takes */
  readonly messagesPerSecond?: number;
  /** Ids of messages that are published without one. @defaultValue random */
  readonly newId?: () => string;
}

export interface PublishOptions extends Pick<PublishRequest, "channel" | "key" | "id" | "meta"> {
  /** @defaultValue that of the outbox */
  readonly timeoutMs?: number;
  /** Gives the message up. It may have been published all the same, if it was sent. */
  readonly signal?: AbortSignalLike;
}

/** The data of event `Name`; of one that the contract does not name, any. */
type DataOf<C extends Contract, Name> = Name extends keyof EventsOf<C> ? EventsOf<C>[Name] : unknown;

export interface Outbox<C extends Contract = Contract> {
  /**
   * Publishes once, over this link or a later one, in order of the calls per channel. Executed at most once per `id`; one that is sent
   * and not answered is repeated, and `gateway.unavailable` is tried again, until `timeoutMs` is over. The data is copied at once.
   * @throws {GatewayError} when refused; `gateway.outcome-unknown` when it may have been published or not
   * @throws {LinkError} `link.timeout` when there was no connection in time: nothing was published
   * @throws {UsageError} `usage.overflow`, `usage.bad-argument` (also for more than 64 KiB), `usage.aborted`, `usage.closed`,
   * `usage.unsupported` in the plain dialect
   */
  publish<Name extends (keyof EventsOf<C> & string) | (string & Record<never, never>)>(
    event: Name,
    data: DataOf<C, Name>,
    options?: PublishOptions,
  ): Promise<PublishReceipt>;
  /** Messages that wait or are unanswered. */
  readonly pending: number;
  /** Rejects what is pending, and all that is published later. Idempotent. */
  close(): void;
}

const defaults = { maxMessages: 1000, maxBytes: 1_048_576, timeoutMs: 30_000, messagesPerSecond: 80 };
const shape: { readonly [Name in keyof Required<OutboxOptions>]: Shape } = {
  maxMessages: "count?",
  maxBytes: "count?",
  timeoutMs: "count?",
  messagesPerSecond: "count?",
  newId: "function?",
};
/** A gateway cuts off who sends a longer frame (PROTOCOL §9); the rest is for `retryMs`. */
const maxFrameBytes = 65_536 - 32;
/** Half of what a gateway takes by default, so that a page may have two outboxes. */
const maxUnanswered = 50;
const backoff = /* @__PURE__ */ schedule([500, 1_000, 2_000, 4_000, 8_000]);

/**
 * A queue for publishing over the client's line.
 * `const outbox = createOutbox(client); const { offset } = await outbox.publish("post.created", post, { channel: "posts" });`
 * @throws {UsageError} `usage.bad-option`
 */
export function createOutbox<C extends Contract = Contract>(client: Client<C>, given: OutboxOptions = {}): Outbox<C> {
  const problem = shapeProblem(given, shape, "outbox");
  if (problem) throw new UsageError("usage.bad-option", problem);
  const options = { ...defaults, ...given };
  const line = lineOf(client);
  const { clock } = line;
  const { newId = () => `${clock.random()}${clock.random()}`.replaceAll("0.", "") } = options;
  const queue = new OutboxQueue({ ...options, maxUnanswered, backoff });
  const waiting = new Map<number, Deferred<PublishReceipt>>();
  let timer: TimerHandle | undefined;
  let closed = client.status === "disconnected" && client.health().phase !== "idle";

  function feed(input: OutboxInput): void {
    for (const effect of queue.step(input, clock.now(), clock.random())) {
      if (effect.kind === "send") {
        if (!line.send(effect.frame)) feed({ type: "unsent", ref: effect.frame.ref });
        continue;
      }
      const waiter = waiting.get(effect.ref);
      waiting.delete(effect.ref);
      if (effect.result instanceof Error) waiter?.reject(effect.result);
      else waiter?.resolve(effect.result);
    }
    arm();
  }

  function arm(): void {
    if (timer) clock.clearTimer(timer);
    const at = queue.wakeAt(clock.now());
    timer = at === null ? undefined : clock.setTimer(() => feed({ type: "woke" }), Math.max(0, at - clock.now()));
  }

  function publish(event: string, data: unknown, settings: PublishOptions = {}): Promise<PublishReceipt> {
    const { channel, key, id = newId(), meta, timeoutMs = options.timeoutMs, signal } = settings;
    const answer = deferred<PublishReceipt>();
    const request = { event, data, channel, key, id, meta };
    const frame = { type: "publish", ref: line.ref(), ...request } as const;
    const [text, trouble] = closed ? [undefined, gone()] : written(frame);
    if (!line.enveloped)
      answer.reject(new UsageError("usage.unsupported", "expected a dialect that can publish, got plain"));
    else if (text === undefined) answer.reject(trouble);
    else if (signal?.aborted)
      answer.reject(new UsageError("usage.aborted", "publish was aborted: nothing was published"));
    else {
      const { ref } = frame;
      waiting.set(ref, answer);
      if (signal) {
        const abort = (): void => feed({ type: "abort", ref });
        const unlisten = (): void => signal.removeEventListener("abort", abort);
        signal.addEventListener("abort", abort);
        answer.promise.then(unlisten, unlisten);
      }
      // As it is now: what the caller changes later is not meant.
      feed({ type: "publish", frame: JSON.parse(text) as PublishFrame, bytes: byteLength(text), timeoutMs });
    }
    return answer.promise;
  }

  const undos = [
    line.on("answer", (frame) => frame.type === "published" && feed(frame)),
    line.watch((type, link) => feed({ type, link })),
    client.on("status", (status) => {
      closed = status === "disconnected";
      if (closed) feed({ type: "close" });
    }),
  ];
  if (line.link) feed({ type: "up", link: line.link });
  return {
    publish,
    get pending() {
      return queue.size;
    },
    close: () => {
      for (const undo of undos) undo();
      closed = true;
      feed({ type: "close" });
    },
  };
}

const gone = (): UsageError =>
  new UsageError("usage.closed", "the client or its outbox is closed: nothing was published");

/** The frame as text, or why it can't be published. */
function written({
  type,
  ref,
  ...request
}: PublishFrame): readonly [string, undefined] | readonly [undefined, UsageError] {
  const bad = (problem: string, cause?: unknown) =>
    [undefined, new UsageError("usage.bad-argument", `publish: ${problem}`, { cause })] as const;
  const problem = publishProblem(request);
  if (problem) return bad(problem);
  try {
    const text = JSON.stringify({ type, ref, ...request });
    const bytes = byteLength(text);
    return bytes > maxFrameBytes
      ? bad(`expected at most ${maxFrameBytes} bytes as a frame, got ${bytes}: publish it over HTTP`)
      : [text, undefined];
  } catch (cause) {
    return bad("data: expected a JSON value, got one that JSON can't hold", cause);
  }
}
