// Runs the listeners of a gateway: fed by the broker, each event once and in order, whoever is connected here.
import { AsyncResource } from "node:async_hooks";
import { GatewayError, type UsageError } from "@trunkline/core/errors";
import { type ChannelListener, type ListenerContext, type NamedHandler, dispatch } from "@trunkline/core/listener";
import type { Broker, Clock, Logger, StreamName, TimerHandle } from "@trunkline/core/ports";
import { type PatternPush, type Publishes, channelMatcher, streamName } from "@trunkline/core/publish";
import type { EventFrame } from "@trunkline/core/wire";
import { storedEvent, volatileEvent } from "./listener-event.ts";
import { ListenerGaps } from "./listener-gaps.ts";
import { PrefixFollower } from "./prefix-follower.ts";
import { type Followed, StreamFollower } from "./stream-follower.ts";

export interface ListenersOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  /** What handlers get. */
  readonly logger: Logger;
  /** Hears of handlers that throw, and of a broker that can't be used. Must not throw. */
  readonly onError: (error: unknown) => void;
  /** What handlers publish by, inside an account. */
  readonly publisher: (account: string) => Publishes;
}

/** How soon a subscription that failed is tried again, in milliseconds. */
const retryMs = 1000;
/** Streams whose takers are remembered. */
const maxTakings = 10_000;

/** One that was added. */
interface Running {
  readonly listener: ChannelListener;
  readonly publishes: Publishes;
  readonly life: AbortController;
}

/** Who hears an event. Lists of them are never changed, so that what waits is for those who were there when it came. */
interface Taker {
  readonly running: Running;
  readonly handlers: readonly NamedHandler[];
}

/** What is subscribed: a stream, or all under a prefix. */
interface Route {
  readonly followed: Pick<Followed, "ready" | "stop">;
  takers: readonly Taker[];
  retry: TimerHandle | null;
}

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #streams: StreamFollower;
  readonly #prefixes: PrefixFollower;
  readonly #gaps: ListenerGaps;
  readonly #running = new Set<Running>();
  readonly #named = new Map<StreamName, Route>();
  readonly #byPrefix = new Map<StreamName, Route>();
  /** Who hears a stream by pattern. */
  readonly #takings = new Map<StreamName, readonly Taker[]>();
  #waiting: (() => void)[] = [];
  #turn: NodeJS.Immediate | null = null;
  #closed = false;

  constructor(options: ListenersOptions) {
    const { broker, clock, logger, onError } = options;
    this.#options = options;
    this.#streams = new StreamFollower({ broker, clock, onError });
    this.#prefixes = new PrefixFollower({
      broker,
      clock,
      onError,
      ear: {
        wants: (stream) => this.#takersOf(stream).length > 0,
        onEntry: (stream, entry) => this.#hear(this.#takersOf(stream), () => storedEvent(channelOf(stream), entry)),
        onVolatile: (stream, body, time) =>
          this.#hear(this.#takersOf(stream), () => volatileEvent(channelOf(stream), body, time)),
        onBreak: (stream, news) =>
          this.#wait(this.#takersOf(stream), ({ listener }) =>
            this.#gaps.tell(listener, { ...news, channel: channelOf(stream) }),
          ),
        onUnheard: (prefix) =>
          this.#wait(this.#byPrefix.get(prefix)?.takers ?? [], ({ listener }) => {
            for (const { pattern, isPattern } of listener.routes)
              if (isPattern && prefixOf(listener, pattern) === prefix) this.#gaps.tellUnheard(listener, pattern);
          }),
      },
    });
    this.#gaps = new ListenerGaps(logger, onError);
  }

  get size(): number {
    return this.#running.size;
  }

  /** Begins to run `listener`, and goes on trying while the broker can't be used. @returns its undo, which may be called twice */
  add(listener: ChannelListener): () => void {
    const { account } = listener;
    const running = { listener, publishes: this.#options.publisher(account), life: new AbortController() };
    this.#running.add(running);
    this.#takings.clear();
    for (const { pattern, isPattern } of listener.routes) {
      if (isPattern)
        this.#enter(this.#byPrefix, prefixOf(listener, pattern), running, (name) => this.#prefixes.follow(name));
      else this.#enter(this.#named, streamName(account, pattern), running, (name) => this.#follow(name, pattern));
    }
    return () => this.#remove(running);
  }

  /** Resolves once all are sure to hear what is published from now on. @throws {GatewayError} what the broker says */
  async ready(): Promise<void> {
    const routes = [...this.#named.values(), ...this.#byPrefix.values()];
    await Promise.all(routes.map(({ followed }) => followed.ready()));
  }

  /** Compares every stream's head with the broker's (PROTOCOL §4.2). Never rejects. */
  async checkHeads(isGivenUp?: () => boolean): Promise<void> {
    await Promise.all([this.#streams.checkHeads(isGivenUp), this.#prefixes.checkHeads(isGivenUp)]);
  }

  /** A push by pattern: heard on the channels that listeners name. */
  onPush({ account, pattern, body }: PatternPush, time: number): void {
    const matches = channelMatcher(pattern);
    const own = streamName(account, "");
    for (const [name, { takers }] of this.#named) {
      const channel = channelOf(name);
      if (name.startsWith(own) && matches(channel)) this.#hear(takers, () => volatileEvent(channel, body, time));
    }
  }

  async close(): Promise<void> {
    this.#flush();
    this.#closed = true;
    for (const running of this.#running) this.#remove(running);
    await Promise.all([this.#streams.close(), this.#prefixes.close()]);
  }

  #remove(running: Running): void {
    if (!this.#running.delete(running)) return;
    this.#takings.clear();
    for (const routes of [this.#named, this.#byPrefix]) {
      for (const [name, route] of routes) {
        route.takers = route.takers.filter((taker) => taker.running !== running);
        if (route.takers.length > 0) continue;
        routes.delete(name);
        if (route.retry !== null) this.#options.clock.clearTimer(route.retry);
        void route.followed.stop();
      }
    }
    running.life.abort();
  }

  #enter(
    routes: Map<StreamName, Route>,
    name: StreamName,
    running: Running,
    follow: (name: StreamName) => Route["followed"],
  ): void {
    let route = routes.get(name);
    if (route === undefined) {
      route = { followed: follow(name), takers: [], retry: null };
      routes.set(name, route);
      this.#open(route);
    }
    if (route.takers.some((taker) => taker.running === running)) return;
    route.takers = [...route.takers, { running, handlers: running.listener.handlersOf(channelOf(name)) }];
  }

  #follow(name: StreamName, channel: string): Followed {
    const takers = (): readonly Taker[] => this.#named.get(name)?.takers ?? [];
    const ear = {
      onEntry: (entry: Parameters<typeof storedEvent>[1]) => this.#hear(takers(), () => storedEvent(channel, entry)),
      onVolatile: (body: string, time: number) => this.#hear(takers(), () => volatileEvent(channel, body, time)),
      onBreak: (news: Parameters<ListenerGaps["tell"]>[1]) =>
        this.#wait(takers(), ({ listener }) => this.#gaps.tell(listener, news)),
    };
    return this.#streams.follow(name, ear, { label: channel });
  }

  #open(route: Route): void {
    const { clock, onError } = this.#options;
    route.retry = null;
    route.followed.ready().catch((error: unknown) => {
      if (this.#closed || route.takers.length === 0) return;
      onError(error);
      // What the broker can't do it will not be able to do later.
      if (error instanceof GatewayError && error.code === "gateway.unsupported") return;
      route.retry = clock.setTimer(() => this.#open(route), retryMs);
    });
  }

  /** Who hears a stream by pattern alone: a listener that names it as well hears it there, by all its handlers. */
  #takersOf(stream: StreamName): readonly Taker[] {
    let takers = this.#takings.get(stream);
    if (takers === undefined) {
      const channel = channelOf(stream);
      takers = [...this.#running].flatMap((running) => {
        const { account, routes } = running.listener;
        if (streamName(account, channel) !== stream) return [];
        if (routes.some(({ pattern, isPattern }) => !isPattern && pattern === channel)) return [];
        const handlers = running.listener.handlersOf(channel);
        return handlers.length === 0 ? [] : [{ running, handlers }];
      });
      if (this.#takings.size >= maxTakings) this.#takings.clear();
      this.#takings.set(stream, takers);
    }
    return takers;
  }

  #hear(takers: readonly Taker[], make: () => EventFrame): void {
    let meta: EventFrame | null = null;
    const failed = (error: UsageError): void => this.#options.onError(error);
    this.#wait(takers, (running, handlers) => {
      // Shared by all handlers, and made when the first of them is called.
      meta ??= make();
      dispatch(running.listener, this.#contextOf(running, meta), failed, handlers);
    });
  }

  /**
   * Handlers run in a turn of their own, in the order of what they hear: one that publishes to its own channel is called again in a later turn, never
   * inside itself, and never without an end to the turn.
   */
  #wait(takers: readonly Taker[], run: (running: Running, handlers: readonly NamedHandler[]) => void): void {
    if (takers.length === 0) return;
    const turn = (): void => {
      for (const { running, handlers } of takers) if (this.#running.has(running)) run(running, handlers);
    };
    // What is traced there goes on from what brought the event, not from what began the turn.
    this.#waiting.push(AsyncResource.bind(turn));
    this.#turn ??= setImmediate(() => this.#flush());
  }

  #flush(): void {
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#turn = null;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const run of waiting) {
      try {
        run();
      } catch (error) {
        // What is stored is no event.
        this.#options.onError(error);
      }
    }
  }

  #contextOf({ listener, publishes, life }: Running, meta: EventFrame): ListenerContext {
    const { channel, event } = meta;
    return {
      channel,
      event,
      meta,
      account: listener.account,
      logger: this.#options.logger,
      publish: (request) => publishes.publish(request),
      reply: (data) => publishes.pub(data, { channel }),
      signal: life.signal,
    };
  }
}

/** An account holds no "/", a channel may. */
function channelOf(stream: StreamName): string {
  return stream.slice(stream.indexOf("/") + 1);
}

/** How the names of all streams begin that `pattern` can mean. */
function prefixOf({ account }: ChannelListener, pattern: string): StreamName {
  return streamName(account, pattern.slice(0, pattern.indexOf("*")));
}
