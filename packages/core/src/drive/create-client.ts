import { guarded } from "../client/backoff.ts";
import { activeLink, type Status, statusOf } from "../client/state.ts";
import { createEmitter, type Emitter, isolate, type Listener, type ListenOptions } from "../emitter.ts";
import { GatewayError, LinkError, type TrunklineError, UsageError } from "../errors.ts";
import type { LogFields, Logger } from "../ports/logger.ts";
import type { Contract } from "../wire/contract.ts";
import type { EventFrame } from "../wire/frame.ts";
import { maxChannelBytes, maxStreamBytes, maxTokenBytes, reservedEventNames } from "../wire/limits.ts";
import type { Client, Granted, SubscribeOptions } from "./client.ts";
import { type Deferred, deferred, wait, type WaitOptions } from "./deferred.ts";
import { Driver } from "./driver.ts";
import { type LineEvents, setInside } from "./line.ts";
import { clientDefaults, type ClientOptions, resolveOptions } from "./options.ts";

/** Events of several channels that are remembered: their copies come close together. */
const maxShown = 256;

/**
 * A client, connecting unless `autoConnect` is false.
 * `const client = createClient({ url, transport, getToken }); client.on("post.created", (post) => …); await client.ready();`
 * @throws {UsageError} `usage.bad-option`, naming every option that is wrong
 */
export function createClient<C extends Contract = Contract>(given: ClientOptions<C>): Client<C> {
  const resolved = resolveOptions(given);
  const options = { ...resolved, backoff: guarded(resolved.backoff, clientDefaults.backoff, badBackoff) };
  const { clock, logger, metrics, dialect } = options;
  const { on, off, once, emit } = createEmitter<Record<string, [unknown?, unknown?]>>(failed);
  /** Made for the first module that asks: a page without modules has none. */
  let inside: Emitter<{ [Name in keyof LineEvents]: LineEvents[Name] }> | undefined;
  /** What no verdict (by channel) and no pong (by id) has answered. */
  const asked = new Map<string | number, Deferred<unknown> & { again?: boolean }>();
  /** Where events that came in several channels were shown first, by id. */
  let shown: Map<string, string> | undefined;
  let lastPing = 0;
  let readiness = deferred<void>();
  let decided = false;
  let gone: Deferred<void> | null = null;
  let lastError: TrunklineError | null = null;
  /** Why the gateway refused for good. */
  let over: TrunklineError | null = null;

  const driver = new Driver(options, {
    event: (frame) => {
      const { event, data, time } = frame;
      if (metrics) count(() => metrics.event(time && Math.max(0, clock.wallTime() - time)));
      // A foreign server's event must not pass for one of ours.
      if (!reservedEventNames.includes(event) && !repeats(frame)) emit(event, data, frame);
      emit("*", data, frame);
    },
    verdict: (verdict) => {
      const { channel } = verdict;
      const waiter = asked.get(channel);
      // Whether this is the answer or has crossed the question can't be told: ask again, once.
      if (waiter && verdict.verdict === "ended" && !waiter.again) {
        waiter.again = true;
        return driver.table.subscribe(channel);
      }
      asked.delete(channel);
      if (verdict.verdict === "refused" || verdict.verdict === "ended") {
        const { code, message } = verdict.verdict === "refused" ? verdict.error : ended;
        const error = new GatewayError(code as GatewayError["code"], `${channel}: ${message}`);
        if (waiter) waiter.reject(error);
        else report(error);
      } else {
        waiter?.resolve(verdict);
        if (verdict.verdict === "gap") emit("gap", verdict);
        if (verdict.verdict === "recovered" || verdict.verdict === "snapshot") emit("resumed", verdict);
      }
      inside?.emit("verdict", verdict);
      settle();
    },
    moved: (next, previous) => {
      const status = statusOf(next);
      const before = statusOf(previous);
      inside?.emit("moved", next, previous);
      if (next.phase !== "closing") {
        gone?.resolve();
        gone = null;
      }
      if (status === "connected" && status === before && activeLink(next) !== activeLink(previous)) {
        for (const id of asked.keys()) if (typeof id === "number") driver.send({ type: "ping", id });
      }
      if (status !== before && before === "connected") renew();
      if (status !== "disconnected") over = null;
      else if (isOver()) end();
      settle();
      if (status !== before) changed(status, before);
    },
    answer: (frame) => inside?.emit("answer", frame),
    pong: (id) => asked.get(id ?? 0)?.resolve(null),
    error: report,
    lost: (error) => {
      lastError = error;
      log("info", error.message);
    },
    outcome: (outcome) => log("debug", outcome),
  });

  /** §8.7: whether this is an event that was shown already, when it came in another channel. */
  function repeats({ id, channel }: EventFrame): boolean {
    if (!id || !String(id).startsWith("push:")) return false;
    shown ??= new Map();
    const first = shown.get(id) ?? channel;
    shown.set(id, first);
    if (shown.size > maxShown) shown.delete(shown.keys().next().value as string);
    return first !== channel;
  }

  function changed(status: Status, previous: Status): void {
    log("info", `${previous} → ${status}`);
    const wasConnected = previous === "connected";
    if (metrics && (wasConnected || status === "connected")) {
      count(() => metrics.connected(wasConnected ? 0 : 1));
      if (status === "reconnecting") count(() => metrics.reconnect());
    }
    if (wasConnected) giveUp(unconnected(), "number");
    emit("status", status, previous);
  }

  /** Once the position of every stream is fixed, whoever waits for that may go on. */
  function settle(): void {
    if (statusOf(driver.state) === "connected" && driver.table.settled) {
      readiness.resolve();
      decided = true;
    }
  }

  /** Whoever still waits for the old promise goes on waiting for it. */
  function renew(): void {
    if (decided) readiness = deferred();
    decided = false;
  }

  /** By the state, which may be ahead of what `moved` has told: a listener may have closed, or connected again. */
  function isOver(): boolean {
    return statusOf(driver.state) === "disconnected" && driver.state.phase !== "idle";
  }

  function end(): void {
    const cause = over ?? closed();
    readiness.reject(cause);
    decided = true;
    giveUp(cause, "string");
  }

  /** Nothing will answer any more: pings (`number`) or subscriptions (`string`). */
  function giveUp(cause: TrunklineError, kind: "string" | "number"): void {
    for (const [key, waiter] of asked) {
      if (typeof key !== kind) continue;
      waiter.reject(cause);
      asked.delete(key);
    }
  }

  function report(error: TrunklineError, final = false): void {
    lastError = error;
    if (final) over = error;
    log("error", error.message, { code: error.code, cause: error.cause });
    emit("error", error);
  }

  function log(level: keyof Logger, message: string, fields?: LogFields, onFailure = failed): void {
    if (logger) isolate(() => logger[level](message, fields), onFailure, "logger");
  }

  function count(run: () => unknown): void {
    isolate(run, failed, "metrics");
  }

  /** Told later: the machine that asked is in the middle of a step. */
  function badBackoff(cause: unknown): void {
    const error = new UsageError("usage.bad-option", "backoff failed: the default stands in for it", { cause });
    void Promise.resolve(error).then(report);
  }

  /** A listener or hook threw or rejected. What fails while that is told is told no further. */
  function failed(cause: unknown, name: string): void {
    const error = new UsageError("usage.listener-failed", `a "${name}" listener failed`, { cause });
    if (name === "error") log("error", error.message, { cause }, () => {});
    else if (name === "logger") emit("error", error);
    else report(error);
  }

  function close({ timeoutMs = 2_000 } = {}): Promise<void> {
    // Made before: a listener may connect again meanwhile.
    const { promise, resolve } = (gone ??= deferred());
    driver.feed({ type: "close", timeoutMs });
    if (driver.state.phase === "closed") resolve();
    return promise;
  }

  function subscribe(channel: string, { token = "", rewind }: SubscribeOptions = {}): Promise<Granted> {
    const waiter = (asked.get(channel) ?? deferred()) as Deferred<Granted>;
    if (!dialect.enveloped) waiter.reject(unsupported());
    else if (isOver()) waiter.reject(closed());
    // The gateway answers all other bad names; this one might not fit in its frames, and so end every link.
    else if (channel.length > maxStreamBytes || token.length > maxTokenBytes)
      waiter.reject(
        new UsageError(
          "usage.bad-argument",
          `expected a channel of at most ${maxChannelBytes} bytes, a token of ${maxTokenBytes}`,
        ),
      );
    else {
      asked.set(channel, waiter as Deferred<unknown>);
      driver.table.subscribe(channel, token, rewind);
      driver.flush();
      driver.keeps?.(channel, true);
    }
    return waiter.promise;
  }

  function ping({ timeoutMs = 10_000, signal }: WaitOptions = {}): Promise<number> {
    const answer = deferred<unknown>();
    const id = ++lastPing;
    const sentAt = clock.now();
    asked.set(id, answer);
    if (!dialect.enveloped) answer.reject(unsupported());
    else if (statusOf(driver.state) !== "connected") answer.reject(unconnected());
    else driver.send({ type: "ping", id });
    const roundTrip = answer.promise.then(() => clock.now() - sentAt);
    return wait(roundTrip, "ping", clock, { timeoutMs, signal }, () => asked.delete(id));
  }

  const client: Omit<Client, "on" | "off" | "once"> & { readonly [Name in "on" | "off" | "once"]: unknown } = {
    on,
    off,
    once: (name: string, listener?: Listener<[unknown?, unknown?]> | ListenOptions, listen?: ListenOptions) => {
      if (typeof listener === "function") return once(name, listener, listen);
      const { promise, resolve } = deferred<unknown>();
      once(name, (...args) => resolve(args), listener);
      return wait(promise, `once("${name}")`, clock, listener);
    },
    get status() {
      return statusOf(driver.state);
    },
    connect: () => {
      if (isOver()) {
        end();
        renew();
      }
      driver.feed({ type: "connect" });
      return readiness.promise;
    },
    close,
    ready: (options) => wait(readiness.promise, "ready", clock, options),
    health: () => {
      const { phase, attempt, old } = driver.state;
      return {
        status: statusOf(driver.state),
        phase: old ? "draining" : phase,
        attempt,
        nextRetryInMs: phase === "waiting" ? driver.dueAt - clock.now() : null,
        connection: driver.connection,
        lastError,
        streams: driver.table.health(),
      };
    },
    ping,
    subscribe,
    unsubscribe: (channel) => {
      asked.get(channel)?.reject(new UsageError("usage.aborted", "unsubscribed"));
      asked.delete(channel);
      if (!driver.keeps?.(channel)) driver.unsubscribe([channel]);
      settle();
    },
    [Symbol.asyncDispose]: () => close(),
  };

  setInside(client, { driver, options, report, settle, on: (...on) => (inside ??= createEmitter(failed)).on(...on) });
  for (const channel of options.channels) driver.table.subscribe(channel);
  if (options.autoConnect) driver.feed({ type: "connect" });
  // The cast: names and arguments are tied together by the interface, not inside.
  return client as unknown as Client<C>;
}

const ended = { code: "gateway.forbidden", message: "the gateway took us off it" };
const closed = (): UsageError => new UsageError("usage.closed", "the client is closed: connect() opens it again");
const unconnected = (): LinkError => new LinkError("link.lost", "not connected");
const unsupported = (): UsageError => new UsageError("usage.unsupported", "not in this dialect");
