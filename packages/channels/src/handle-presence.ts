// Presence, as one handle of a channel sees it.
import type { ListenOptions, Listener } from "@trunkline/core";
import { createEmitter, type Emitter } from "@trunkline/core/emitter";
import { type TrunklineError, UsageError } from "@trunkline/core/errors";
import { type Deferred, deferred, wait, type WaitOptions } from "@trunkline/core/modules";
import { companion } from "@trunkline/core/wire";
import type { Attendant } from "./attendance.ts";
import type { CountTable } from "./count-table.ts";
import type { Hub } from "./hub.ts";
import type { Presence, PresenceEvents, PresenceStatus } from "./presence.ts";
import type { Member, MemberChanges, PresenceTable } from "./presence-table.ts";
import type { Subscription } from "./subscriptions.ts";
import type { Table, Watch, Watcher } from "./watch.ts";

/** A stream that is watched. */
interface Watched<Source> {
  readonly table: Source;
  readonly subscription: Subscription;
  readonly end: (lingerMs: number) => void;
}

type AnyEvents = { [Name in keyof PresenceEvents]: PresenceEvents[Name] };

export class HandlePresence implements Presence, Attendant {
  readonly #channel: string;
  readonly #hub: Hub;
  readonly #wanted: { readonly rewind: number; readonly token?: string };
  /** Why nothing can be asked for, or null. */
  readonly #trouble: () => TrunklineError | null;
  readonly #emitter: Emitter<AnyEvents>;
  readonly #waiting = new Set<Deferred<void>>();
  #members: Watched<PresenceTable> | null = null;
  #count: Watched<CountTable> | null = null;
  #status: PresenceStatus = "idle";
  #closed = false;

  /** @param token the permission that the channel is asked for with */
  constructor(channel: string, hub: Hub, token: string | undefined, trouble: () => TrunklineError | null) {
    this.#channel = channel;
    this.#wanted = { rewind: 0, ...(token !== undefined && { token }) };
    this.#hub = hub;
    this.#trouble = trouble;
    this.#emitter = createEmitter((cause, event) =>
      hub.line.report(
        new UsageError("usage.listener-failed", `presence of "${channel}": a "${event}" listener failed`, { cause }),
      ),
    );
  }

  enter(data?: unknown, options?: WaitOptions): Promise<void> {
    return this.#ask("enter", () => this.#hub.attendance.enter(this.#channel, this, data), options);
  }

  update(data: unknown, options?: WaitOptions): Promise<void> {
    const entered = this.#hub.attendance.has(this.#channel, this);
    const update = (): Promise<void> =>
      entered
        ? this.#hub.attendance.enter(this.#channel, this, data)
        : Promise.reject(new UsageError("usage.bad-argument", "presence.update: expected a member: enter first"));
    return this.#ask("update", update, options);
  }

  leave(options?: WaitOptions): Promise<void> {
    return this.#ask("leave", () => this.#hub.attendance.leave(this.#channel, this), options);
  }

  get members(): readonly Member[] {
    return this.#watchMembers()?.table.members ?? [];
  }

  get count(): number | null {
    return this.#watchCount()?.table.count ?? null;
  }

  get status(): PresenceStatus {
    return this.#status;
  }

  on<Name extends keyof PresenceEvents>(
    name: Name,
    listener: Listener<PresenceEvents[Name]>,
    options?: ListenOptions,
  ): () => void {
    this.#watch(name);
    return this.#emitter.on(name, listener, options);
  }

  once<Name extends keyof PresenceEvents>(
    name: Name,
    listener: Listener<PresenceEvents[Name]>,
    options?: ListenOptions,
  ): () => void {
    this.#watch(name);
    return this.#emitter.once(name, listener, options);
  }

  off<Name extends keyof PresenceEvents>(name: Name, listener: Listener<PresenceEvents[Name]>): void {
    this.#emitter.off(name, listener);
  }

  refused(error: TrunklineError): void {
    this.#emit("error", error);
  }

  /** The handle is closed. */
  end(lingerMs: number, cause: TrunklineError): void {
    this.#closed = true;
    for (const { reject } of this.#waiting) reject(cause);
    this.#hub.attendance.release(this.#channel, this, lingerMs);
    this.#members?.end(lingerMs);
    this.#count?.end(lingerMs);
  }

  #ask(what: string, run: () => Promise<void>, options: WaitOptions | undefined): Promise<void> {
    const waiter = deferred<void>();
    this.#waiting.add(waiter);
    const trouble = this.#trouble();
    if (trouble) waiter.reject(trouble);
    else run().then(waiter.resolve, waiter.reject);
    const done = (): boolean => this.#waiting.delete(waiter);
    return wait(waiter.promise, `channel "${this.#channel}".presence.${what}`, this.#hub.line.clock, options, done);
  }

  #watch(name: keyof PresenceEvents): void {
    if (name === "count") this.#watchCount();
    else if (name !== "error" && name !== "status") this.#watchMembers();
  }

  #watchMembers(): Watched<PresenceTable> | null {
    if (this.#closed || this.#members) return this.#members;
    const watch = (): Watch<MemberChanges, PresenceTable> => this.#hub.members(this.#channel);
    this.#members = this.#watched("members", watch, (change, whole) => {
      const table = this.#members?.table;
      if (!table) return;
      this.#move();
      for (const member of whole ? table.members : (change?.joined ?? [])) this.#emit("join", member);
      if (!whole) {
        for (const member of change?.left ?? []) this.#emit("leave", member);
        for (const member of change?.updated ?? []) this.#emit("update", member);
      }
      this.#emit("change", table.members);
    });
    this.#move();
    return this.#members;
  }

  #watchCount(): Watched<CountTable> | null {
    if (this.#closed || this.#count) return this.#count;
    const watch = (): Watch<number, CountTable> => this.#hub.count(this.#channel);
    this.#count = this.#watched("count", watch, () => {
      const count = this.#count?.table.count;
      if (typeof count === "number") this.#emit("count", count);
    });
    return this.#count;
  }

  #watched<Change, Source extends Table<Change>>(
    kind: "members" | "count",
    watchOf: () => Watch<Change, Source>,
    watcher: Watcher<Change>,
  ): Watched<Source> {
    const stream = companion(kind, this.#channel);
    const subscription = this.#hub.subscriptions.acquire(stream, this.#wanted, (_, __, ___, error) => {
      this.#move();
      if (error) this.#emit("error", error);
    });
    const watch = watchOf();
    watch.add(watcher);
    return {
      table: watch.table,
      subscription,
      end: (lingerMs) => {
        watch.delete(watcher);
        subscription.release(lingerMs);
      },
    };
  }

  #move(): void {
    if (!this.#members || this.#closed) return;
    const { table, subscription } = this.#members;
    const { status, error } = subscription;
    const previous = this.#status;
    const unsynced = previous === "live" || previous === "stale" ? "stale" : "pending";
    this.#status = error ? status : status === "live" && table.synced ? "live" : unsynced;
    if (this.#status !== previous) this.#emit("status", this.#status, previous);
  }

  #emit<Name extends keyof PresenceEvents>(name: Name, ...args: PresenceEvents[Name]): void {
    if (!this.#closed) this.#emitter.emit(name, ...args);
  }
}
