// Performs what client/sync.ts decides: the public face of a view that follows a channel.
import { schedule } from "../client/backoff.ts";
import { type Changes, type Item, type ItemChange, ItemTable, itemProblem, type ReadAt } from "../client/item-table.ts";
import {
  firstSyncState,
  step,
  type SyncEffect,
  type SyncInput,
  type SyncStatus,
  syncStatusOf,
} from "../client/sync.ts";
import { isolate } from "../emitter.ts";
import { TrunklineError, UsageError } from "../errors.ts";
import type { AbortSignalLike, PlatformSignal } from "../ports/abort-signal.ts";
import type { TimerHandle } from "../ports/clock.ts";
import { type Shape, shapeProblem } from "../wire/check-frame.ts";
import type { Position } from "../wire/frame.ts";
import type { Client, EventMeta } from "./client.ts";
import { deferred, wait, type WaitOptions } from "./deferred.ts";
import { lineOf } from "./line.ts";

// Every JavaScript runtime has it; where its type is known to the user's program, `load` gets the platform's own.
declare class AbortController {
  readonly signal: AbortSignalLike;
  abort(): void;
}
export interface LoadRequest {
  /** Aborts when the answer is no longer wanted. */
  readonly signal: PlatformSignal;
  /** Everything published after it is held until the load is done; null in the plain dialect. */
  readonly position: Position | null;
}
export interface Loaded<Value> {
  /** All there is, in any order. */
  readonly items: Iterable<Item<Value>>;
  /**
   * The broker's position *before* the source was read: events up to it are in `items` already. Absent: every event since
   * the load's position is applied over them. A publish's receipt tells one.
   */
  readonly position?: ReadAt | undefined;
}

export interface SyncOptions<Value> {
  /** Asked for with `client.subscribe`; "" in the plain dialect. */
  readonly channel: string;
  /**
   * Reads the whole from its source, with at least what was committed before it was called. One at a time; one that rejects
   * is called again after 1, 2, 4, … 60 s and told to the client's `error` listeners.
   */
  readonly load: (request: LoadRequest) => PromiseLike<Loaded<Value>> | Loaded<Value>;
  /** Shows changes, in batches. What it throws goes to the client's `error` listeners and stops nothing. */
  readonly apply: (changes: Changes<Value>) => unknown;
  /**
   * What an event of the channel means: an item, a deletion, null for nothing, "reload" when only a load can tell.
   * @defaultValue of events with a place in the stream, `key` (of a `state` event without one: its name) and `data`, or the
   * deletion of `key` for `deleted` ones; the rest means nothing
   */
  readonly toItem?: (data: unknown, meta: EventMeta) => ItemChange<Value> | "reload" | null;
  /** Called when `status` changes. */
  readonly onStatus?: (status: SyncStatus, previous: SyncStatus) => unknown;
  /** Most items that may change during one load, and most deletions remembered after it. @defaultValue 10_000 */
  readonly maxHeld?: number;
  /** Stops when it aborts. */
  readonly signal?: AbortSignalLike;
}

export interface Synced {
  /** `loading` before the first load is applied, `live` while the view follows its source, else `stale`. */
  readonly status: SyncStatus;
  /**
   * Resolves once the first load is applied.
   * @throws {GatewayError} when the channel is refused @throws {LinkError} `link.timeout`
   * @throws {UsageError} `usage.aborted`, also after `stop`
   */
  ready(options?: WaitOptions): Promise<void>;
  /** Loads again, soon: when the source changed in a way no event tells. */
  reload(): void;
  /** Applies nothing more. The channel stays subscribed: others may use it. Idempotent. */
  stop(): void;
}

const shape: { readonly [Name in keyof Required<SyncOptions<never>>]: Shape } = {
  channel: "string",
  load: "function",
  apply: "function",
  toItem: "function?",
  onStatus: "function?",
  maxHeld: "count?",
  signal: "object?",
};
const backoff = /* @__PURE__ */ schedule([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]);
/** A source that answers older than known this many times in a row is taken at its word: it was set back. */
const maxMisfits = 4;

/**
 * Keeps a view equal to its source: loads it once, then follows `channel`, and loads it again whenever something was missed.
 * `sync(client, { channel: "posts", load: async ({ signal }) => ({ items: await fetchPosts(signal) }), apply: ({ set, deleted }) => … })`
 * @throws {UsageError} `usage.bad-option`
 */
export function sync<Value>(
  client: Pick<Client, "on" | "subscribe" | "health" | "status">,
  options: SyncOptions<Value>,
): Synced {
  const problem = shapeProblem(options, shape, "sync");
  if (problem) throw new UsageError("usage.bad-option", problem);
  const { channel, load, apply, toItem = defaultItem, onStatus, maxHeld = 10_000, signal } = options;
  const line = lineOf(client);
  const { clock } = line;
  const table = new ItemTable<Value>(maxHeld);
  let state = firstSyncState;
  let readiness = deferred<void>();
  let wasRefused = false;
  let position: Position | null = null;
  /** Answers in a row that could not be joined. */
  let misfits = 0;
  let controller: AbortController | null = null;
  let timer: TimerHandle | undefined;
  /** Live changes of this turn, the newest per key. */
  let batch = new Map<string, ItemChange<Value>>();

  function feed(input: SyncInput): void {
    const previous = syncStatusOf(state);
    const [next, effects] = step(state, input, backoff);
    state = next;
    for (const effect of effects) perform(effect);
    const status = syncStatusOf(state);
    if (status !== previous && onStatus) isolate(() => onStatus(status, previous), failed, "onStatus");
  }

  function perform(effect: SyncEffect): void {
    switch (effect.kind) {
      case "drop":
        controller?.abort();
        controller = null;
        return table.drop();
      case "hold":
        flush();
        position = client.health().streams.find((stream) => stream.channel === channel)?.position ?? null;
        return table.hold(position);
      case "load":
        return void run(effect.load);
      case "wake": {
        if (timer) clock.clearTimer(timer);
        const { ceilingMs } = effect;
        timer =
          ceilingMs === null
            ? undefined
            : clock.setTimer(() => feed({ type: "woke" }), ceilingMs * (1 - clock.random()));
      }
    }
  }

  async function run(number: number): Promise<void> {
    controller = new AbortController();
    const request = { signal: controller.signal as PlatformSignal, position };
    // What became of a load that was given up in the meantime means nothing, its failure included.
    const current = (): boolean => state.load === number && state.phase === "loading";
    try {
      const answer = await load(request);
      if (!current()) return;
      const joined = table.join(answer.items, answer.position, misfits >= maxMisfits);
      misfits = typeof joined === "string" ? misfits + 1 : 0;
      if (typeof joined === "string") throw new UsageError("usage.bad-argument", `${channel}: load: ${joined}`);
      show(joined);
      feed({ type: "loaded", load: number });
      // The gateway let us in later all the same.
      if (wasRefused) readiness = deferred();
      wasRefused = false;
      readiness.resolve();
    } catch (cause) {
      if (!current()) return;
      failed(cause, "load");
      feed({ type: "failed", load: number });
    }
  }

  function onEvent(data: unknown, meta: EventMeta): void {
    if (meta.channel !== channel) return;
    const change = toItem(data, meta) as ReturnType<NonNullable<typeof toItem>>;
    if (change === null) return;
    if (change === "reload") return feed({ type: "reload", spreadMs: line.spreadMs });
    const problem = itemProblem(change);
    if (problem) throw new UsageError("usage.bad-argument", `${channel}: toItem: ${problem}`);
    const taken = table.take(change, meta);
    if (taken === "overflow") {
      line.report(new UsageError("usage.overflow", `${channel}: more than ${maxHeld} items changed during one load`));
      feed({ type: "overflow" });
    } else if (taken === "apply") {
      // One call for all that came in one frame.
      if (batch.size === 0) void Promise.resolve().then(flush);
      batch.set(change.key, change);
    }
  }

  function flush(): void {
    const changes = [...batch.values()];
    batch = new Map();
    if (changes.length === 0) return;
    const set: Item<Value>[] = [];
    const deleted: string[] = [];
    for (const change of changes) {
      if ("deleted" in change) deleted.push(change.key);
      else set.push(change);
    }
    show({ set, deleted, reset: false });
  }

  function show(changes: Changes<Value>): void {
    isolate(() => apply(changes), failed, "apply");
  }

  function failed(cause: unknown, name: string): void {
    const known = cause instanceof TrunklineError;
    line.report(known ? cause : new UsageError("usage.listener-failed", `${channel}: ${name} failed`, { cause }));
  }

  function refused(cause: unknown): void {
    if (state.phase === "stopped") return;
    // In the plain dialect there is no verdict: whoever is connected gets what happens, and nothing that was before.
    if (cause instanceof UsageError && cause.code === "usage.unsupported") {
      undos.push(client.on("status", (status) => status === "connected" && verdict("fresh")));
      if (client.status === "connected") verdict("fresh");
      return;
    }
    failed(cause, "subscribe");
    readiness.reject(cause);
    wasRefused = true;
  }

  function verdict(name: Extract<SyncInput, { type: "verdict" }>["verdict"]): void {
    feed({ type: "verdict", verdict: name, spreadMs: line.spreadMs });
  }

  function stop(): void {
    for (const undo of undos) undo();
    batch.clear();
    feed({ type: "stop" });
    readiness.reject(new UsageError("usage.aborted", `${channel}: the sync was stopped`));
  }

  const undos = [
    line.on("verdict", (told) => told.channel === channel && verdict(told.verdict)),
    client.on("status", (status) => status !== "connected" && feed({ type: "lost" })),
    client.on("*", onEvent),
  ];
  if (signal?.aborted) stop();
  else {
    signal?.addEventListener("abort", stop);
    undos.push(() => signal?.removeEventListener("abort", stop));
    client.subscribe(channel).catch(refused);
  }
  return {
    get status() {
      return syncStatusOf(state);
    },
    ready: (given) => wait(readiness.promise, `sync("${channel}").ready`, clock, given),
    reload: () => feed({ type: "reload", spreadMs: 0 }),
    stop,
  };
}

function defaultItem(data: unknown, { key, event, offset, revision, deleted }: EventMeta): ItemChange<never> | null {
  const name = key ?? (revision === undefined ? undefined : event);
  if (name === undefined || (offset ?? revision) === undefined) return null;
  return deleted ? { key: name, deleted } : { key: name, value: data as never };
}
