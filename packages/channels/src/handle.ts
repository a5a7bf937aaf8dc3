// One of those who share a channel's subscription.
import type { Client, EventMeta, ListenOptions, Listener, Outbox, PublishOptions } from "@trunkline/core";
import { createEmitter, type Emitter } from "@trunkline/core/emitter";
import { type TrunklineError, UsageError } from "@trunkline/core/errors";
import { type Deferred, deferred, wait, type WaitOptions } from "@trunkline/core/modules";
import { type PublishReceipt, reservedEventNames, type StreamRequest } from "@trunkline/core/wire";
import type { Dispatch } from "./dispatch.ts";
import { HandlePresence } from "./handle-presence.ts";
import type { HistoryOptions, HistoryPage, HistoryRequests } from "./history-requests.ts";
import type { Hub } from "./hub.ts";
import type { ChannelStatus, Holder, Subscription } from "./subscriptions.ts";

type Args = [first?: unknown, second?: unknown];

/** What all handles of one `createChannels` have in common. */
export interface Surroundings {
  readonly hub: Hub;
  readonly dispatch: Dispatch;
  readonly history: HistoryRequests;
  /** Made at first use. */
  readonly outbox: () => Pick<Outbox, "publish">;
  readonly client: Pick<Client, "status" | "ready">;
}

export interface HandleOptions {
  readonly name: string;
  readonly around: Surroundings;
  readonly wanted: Pick<StreamRequest, "token" | "rewind">;
  readonly onClose: (handle: Handle) => void;
}

/** `Channel`, its names and arguments not tied together. */
export class Handle {
  readonly name: string;
  readonly #around: Surroundings;
  readonly #subscription: Subscription;
  readonly #unroute: () => void;
  readonly #token: string | undefined;
  /** Made at first use: most handles have none. */
  #presence: HandlePresence | undefined;
  readonly #onClose: (handle: Handle) => void;
  readonly #emitter: Emitter<Record<string, Args>>;
  /** Who waits for the verdict. */
  readonly #waiting = new Set<Deferred<void>>();
  /** What rejects the pages that were asked for here. */
  readonly #pages = new Set<(cause: TrunklineError) => void>();
  #closed = false;

  constructor({ name, around, wanted, onClose }: HandleOptions) {
    this.name = name;
    this.#around = around;
    this.#onClose = onClose;
    this.#emitter = createEmitter((cause, event) =>
      around.hub.line.report(
        new UsageError("usage.listener-failed", `channel "${name}": a "${event}" listener failed`, { cause }),
      ),
    );
    const { hub } = around;
    this.#subscription = hub.subscriptions.acquire(name, wanted, (...change) => this.#changed(...change));
    this.#unroute = around.dispatch.add(name, this);
    this.#token = wanted.token;
  }

  get presence(): HandlePresence {
    this.#presence ??= new HandlePresence(this.name, this.#around.hub, this.#token, () =>
      this.#closed ? this.#over() : this.#subscription.error,
    );
    return this.#presence;
  }

  get status(): ChannelStatus | "closed" {
    return this.#closed ? "closed" : this.#subscription.status;
  }

  on(name: string, listener: Listener<Args>, options?: ListenOptions): () => void {
    return this.#emitter.on(name, listener, options);
  }

  once(name: string, listener: Listener<Args>, options?: ListenOptions): () => void {
    return this.#emitter.once(name, listener, options);
  }

  off(name: string, listener: Listener<Args>): void {
    this.#emitter.off(name, listener);
  }

  ready(options?: WaitOptions): Promise<void> {
    const waiter = deferred<void>();
    const { status, error } = this.#subscription;
    if (this.#closed) waiter.reject(this.#over());
    else if (error) waiter.reject(error);
    else if (status === "live") waiter.resolve();
    else {
      this.#waiting.add(waiter);
      this.disconnected();
    }
    const done = (): boolean => this.#waiting.delete(waiter);
    return wait(waiter.promise, `channel "${this.name}".ready`, this.#around.hub.line.clock, options, done);
  }

  publish(event: string, data: unknown, options?: Omit<PublishOptions, "channel">): Promise<PublishReceipt> {
    if (!this.#closed) return this.#around.outbox().publish(event, data, { ...options, channel: this.name });
    const refusal = deferred<PublishReceipt>();
    refusal.reject(this.#over());
    return refusal.promise;
  }

  history(options: HistoryOptions = {}): Promise<HistoryPage> {
    const answer = deferred<HistoryPage>();
    if (this.#closed) answer.reject(this.#over());
    else {
      const { page, cancel } = this.#around.history.ask(this.name, this.#subscription, options);
      const end = (): boolean => this.#pages.delete(cancel);
      this.#pages.add(cancel);
      page.then(answer.resolve, answer.reject);
      page.then(end, end);
    }
    return answer.promise;
  }

  /** At once; `lingerMs` later the channel is left, if nobody holds it then. */
  end(lingerMs: number): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { reject } of this.#waiting) reject(this.#over());
    for (const cancel of this.#pages) cancel(this.#over());
    this.#presence?.end(lingerMs, this.#over());
    this.#unroute();
    this.#subscription.release(lingerMs);
  }

  close(): void {
    if (!this.#closed) this.#onClose(this);
  }

  /** An event of the channel came. */
  take(data: unknown, meta: EventMeta): void {
    if (this.#closed) return;
    // A foreign server's event must not pass for one of ours.
    if (!reservedEventNames.includes(meta.event)) this.#emitter.emit(meta.event, data, meta);
    if (this.status !== "closed") this.#emitter.emit("*", data, meta);
  }

  /** The client may be closed: who waits learns of it. */
  disconnected(): void {
    const { client } = this.#around;
    if (this.#waiting.size === 0 || client.status !== "disconnected") return;
    const waiting = [...this.#waiting];
    client.ready().catch((cause: unknown) => {
      for (const { reject } of waiting) reject(cause);
    });
  }

  #changed(...[status, previous, verdict, error]: Parameters<Holder>): void {
    for (const { resolve, reject } of status === "pending" ? [] : this.#waiting) {
      if (error) reject(error);
      else resolve();
    }
    if (status !== previous) this.#emit("status", status, previous);
    if (error && status !== previous) this.#emit("error", error);
    if (verdict?.verdict === "gap") this.#emit("gap", verdict);
    if (verdict?.verdict === "recovered" || verdict?.verdict === "snapshot") this.#emit("resumed", verdict);
    if (status !== "pending") this.#around.history.pump();
  }

  /** A listener may have closed it. */
  #emit(name: string, ...args: Args): void {
    if (!this.#closed) this.#emitter.emit(name, ...args);
  }

  #over(): UsageError {
    return new UsageError("usage.closed", `channel "${this.name}": this handle is closed: open the channel again`);
  }
}
