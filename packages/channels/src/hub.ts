// What all channels of one client share.
import type { Client, EventMeta } from "@trunkline/core";
import type { Line } from "@trunkline/core/modules";
import { companion, type EventFrame } from "@trunkline/core/wire";
import { Attendance } from "./attendance.ts";
import { CountTable } from "./count-table.ts";
import { type MemberChanges, PresenceTable } from "./presence-table.ts";
import { Subscriptions } from "./subscriptions.ts";
import { type Table, Watch } from "./watch.ts";

/** Gets the events of a stream. */
export interface Route {
  take(data: unknown, event: EventFrame): void;
}

type AnyWatch = Route & Pick<Watch<unknown, Table<unknown>>, "judge">;

const known = new WeakMap<Line, Hub>();

/** One per client, whoever asks, and through whichever decorator. */
export function hubOf(client: Pick<Client, "on" | "health">, line: Line): Hub {
  const hub = known.get(line) ?? new Hub(client, line);
  known.set(line, hub);
  return hub;
}

export class Hub {
  readonly line: Line;
  readonly subscriptions: Subscriptions;
  readonly attendance: Attendance;
  readonly #client: Pick<Client, "on">;
  /** Who gets what, by stream. Lists are replaced when they change, so that one that is being walked does not. */
  readonly #routes = new Map<string, readonly Route[]>();
  /** Of companion streams. They live as long as their subscription, so that who comes back at once finds all there is. */
  readonly #watches = new Map<string, AnyWatch>();
  #unlisten: (() => void) | null = null;

  constructor(client: Pick<Client, "on" | "health">, line: Line) {
    this.line = line;
    this.#client = client;
    // Before the subscriptions hear of it: what they tell is told of a table that knows.
    line.on("verdict", (verdict) => this.#watches.get(verdict.channel)?.judge(verdict));
    this.subscriptions = new Subscriptions(client, line, {
      moved: (name, { status, on, error }) => {
        if (on) this.attendance.on(name);
        else if (status !== "live") this.attendance.off(name, error);
      },
      left: (name) => {
        this.attendance.forget(name);
        const watch = this.#watches.get(name);
        if (watch && this.#watches.delete(name)) this.#unroute(name, watch);
      },
    });
    this.attendance = new Attendance(line, (channel) => this.subscriptions.isOn(channel));
    client.on("status", (status) => status === "disconnected" && this.attendance.rest());
  }

  /** `route` gets the events of `stream`, until the undo is called. */
  route(stream: string, route: Route): () => void {
    this.#routes.set(stream, [...(this.#routes.get(stream) ?? []), route]);
    this.#unlisten ??= this.#client.on("*", (data: unknown, meta: EventMeta) => {
      // What is pushed to this page says which channel it is for.
      for (const each of this.#routes.get(meta.for ?? meta.channel) ?? []) each.take(data, meta);
    });
    return () => this.#unroute(stream, route);
  }

  /** To be called once its stream is subscribed. */
  members(channel: string): Watch<MemberChanges, PresenceTable> {
    return this.#watch(companion("members", channel), () => new Watch(new PresenceTable()));
  }

  /** To be called once its stream is subscribed. */
  count(channel: string): Watch<number, CountTable> {
    return this.#watch(companion("count", channel), () => new Watch(new CountTable()));
  }

  #watch<Made extends AnyWatch>(stream: string, make: () => Made): Made {
    // The cast: a stream's name says what it is.
    const watch = (this.#watches.get(stream) as Made | undefined) ?? make();
    if (!this.#watches.has(stream)) this.route(stream, watch);
    this.#watches.set(stream, watch);
    return watch;
  }

  #unroute(stream: string, route: Route): void {
    const rest = (this.#routes.get(stream) ?? []).filter((other) => other !== route);
    if (rest.length > 0) this.#routes.set(stream, rest);
    else this.#routes.delete(stream);
    if (this.#routes.size > 0) return;
    this.#unlisten?.();
    this.#unlisten = null;
  }
}
