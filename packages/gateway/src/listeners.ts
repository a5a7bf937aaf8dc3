// Runs the listeners of a gateway: fed by the broker, each event once and in order, whoever is connected here.
import { UsageError } from "@trunkline/core/errors";
import { type ChannelListener, type ListenerContext, type NamedHandler, dispatch } from "@trunkline/core/listener";
import type { Broker, Clock, Logger, StreamName, TimerHandle } from "@trunkline/core/ports";
import { type Publishes, streamName } from "@trunkline/core/publish";
import type { EventFrame } from "@trunkline/core/wire";
import { storedEvent, volatileEvent } from "./listener-event.ts";
import { ListenerGaps } from "./listener-gaps.ts";
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

/** One that was added. */
interface Running {
  readonly listener: ChannelListener;
  readonly publishes: Publishes;
  readonly life: AbortController;
}

interface Taker {
  readonly running: Running;
  readonly handlers: readonly NamedHandler[];
}

/** One stream. */
interface Route {
  readonly channel: string;
  readonly followed: Followed;
  /** Who hears it. Never changed, so that what waits is for those who were there when it came. */
  takers: readonly Taker[];
  retry: TimerHandle | null;
}

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #follower: StreamFollower;
  readonly #gaps: ListenerGaps;
  readonly #running = new Set<Running>();
  readonly #routes = new Map<StreamName, Route>();
  #waiting: (() => void)[] = [];
  #turn: NodeJS.Immediate | null = null;
  #closed = false;

  constructor(options: ListenersOptions) {
    const { broker, clock, logger, onError } = options;
    this.#options = options;
    this.#follower = new StreamFollower({ broker, clock, onError });
    this.#gaps = new ListenerGaps(logger, onError);
  }

  get size(): number {
    return this.#running.size;
  }

  /** Begins to run `listener`, and goes on trying while the broker can't be used. @returns its undo, which may be called twice */
  add(listener: ChannelListener): () => void {
    const { account } = listener;
    const pattern = listener.routes.find(({ isPattern }) => isPattern);
    if (pattern !== undefined)
      throw new UsageError("usage.unsupported", `expected names of channels, got the pattern "${pattern.pattern}"`);
    const running = { listener, publishes: this.#options.publisher(account), life: new AbortController() };
    this.#running.add(running);
    for (const { pattern: channel } of listener.routes) {
      const name = streamName(account, channel);
      let route = this.#routes.get(name);
      if (route === undefined) {
        route = this.#routeTo(name, channel);
        this.#open(route);
      }
      route.takers = [...route.takers, { running, handlers: listener.handlersOf(channel) }];
    }
    return () => this.#remove(running);
  }

  /** Resolves once all are sure to hear what is published from now on. @throws {GatewayError} what the broker says */
  async ready(): Promise<void> {
    await Promise.all([...this.#routes.values()].map(({ followed }) => followed.ready()));
  }

  /** Compares every stream's head with the broker's (PROTOCOL §4.2). Never rejects. */
  checkHeads(isGivenUp?: () => boolean): Promise<void> {
    return this.#follower.checkHeads(isGivenUp);
  }

  async close(): Promise<void> {
    this.#flush();
    this.#closed = true;
    for (const running of this.#running) this.#remove(running);
    await this.#follower.close();
  }

  #remove(running: Running): void {
    if (!this.#running.delete(running)) return;
    for (const [name, route] of this.#routes) {
      route.takers = route.takers.filter((taker) => taker.running !== running);
      if (route.takers.length > 0) continue;
      this.#routes.delete(name);
      if (route.retry !== null) this.#options.clock.clearTimer(route.retry);
      void route.followed.stop();
    }
    running.life.abort();
  }

  #routeTo(name: StreamName, channel: string): Route {
    const route: Route = {
      channel,
      followed: this.#follower.follow(
        name,
        {
          onEntry: (entry) => this.#wait(route, (takers) => this.#hear(takers, storedEvent(channel, entry))),
          onVolatile: (body, time) =>
            this.#wait(route, (takers) => this.#hear(takers, volatileEvent(channel, body, time))),
          onBreak: (news) =>
            this.#wait(route, (takers) => {
              for (const { running } of takers) this.#gaps.tell(running.listener, news);
            }),
        },
        { label: channel },
      ),
      takers: [],
      retry: null,
    };
    this.#routes.set(name, route);
    return route;
  }

  #open(route: Route): void {
    const { clock, onError } = this.#options;
    route.retry = null;
    route.followed.ready().catch((error: unknown) => {
      if (this.#closed || route.takers.length === 0) return;
      onError(error);
      route.retry = clock.setTimer(() => this.#open(route), retryMs);
    });
  }

  /**
   * Handlers run in a turn of their own, in the order of what they hear: one that publishes to its own channel is called again in a later turn, never
   * inside itself, and never without an end to the turn.
   */
  #wait({ takers }: Route, run: (takers: readonly Taker[]) => void): void {
    this.#waiting.push(() => run(takers.filter(({ running }) => this.#running.has(running))));
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

  #hear(takers: readonly Taker[], meta: EventFrame): void {
    const failed = (error: UsageError): void => this.#options.onError(error);
    for (const { running, handlers } of takers)
      dispatch(running.listener, this.#contextOf(running, meta), failed, handlers);
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
