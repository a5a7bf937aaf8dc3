// What all channels of one client share.
import type { Client } from "@trunkline/core";
import type { Line } from "@trunkline/core/modules";
import { companion } from "@trunkline/core/wire";
import { Attendance } from "./attendance.ts";
import { CountTable } from "./count-table.ts";
import { type Dispatch, dispatchOf, type Route } from "./dispatch.ts";
import { type MemberChanges, PresenceTable } from "./presence-table.ts";
import { Subscriptions } from "./subscriptions.ts";
import { type Table, Watch } from "./watch.ts";

interface Watched {
  readonly watch: Route & Pick<Watch<unknown, Table<unknown>>, "judge">;
  readonly unroute: () => void;
}

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
  readonly #dispatch: Dispatch;
  /** Of companion streams. They live as long as their subscription, so that who comes back at once finds all there is. */
  readonly #watches = new Map<string, Watched>();

  constructor(client: Pick<Client, "on" | "health">, line: Line) {
    this.line = line;
    this.#dispatch = dispatchOf(client);
    // Before the subscriptions hear of it: what they tell is told of a table that knows.
    line.on("verdict", (verdict) => this.#watches.get(verdict.channel)?.watch.judge(verdict));
    this.subscriptions = new Subscriptions(client, line, {
      moved: (name, { status, on, error }) => {
        if (on) this.attendance.on(name);
        else if (status !== "live") this.attendance.off(name, error);
      },
      left: (name) => {
        this.attendance.forget(name);
        this.#watches.get(name)?.unroute();
        this.#watches.delete(name);
      },
    });
    this.attendance = new Attendance(line, (channel) => this.subscriptions.isOn(channel));
    client.on("status", (status) => status === "disconnected" && this.attendance.rest());
  }

  /** To be called once its stream is subscribed. */
  members(channel: string): Watch<MemberChanges, PresenceTable> {
    return this.#watch(companion("members", channel), () => new Watch(new PresenceTable()));
  }

  /** To be called once its stream is subscribed. */
  count(channel: string): Watch<number, CountTable> {
    return this.#watch(companion("count", channel), () => new Watch(new CountTable()));
  }

  #watch<Made extends Watched["watch"]>(stream: string, make: () => Made): Made {
    // The cast: a stream's name says what it is.
    const made = this.#watches.get(stream)?.watch as Made | undefined;
    const watch = made ?? make();
    if (!made) this.#watches.set(stream, { watch, unroute: this.#dispatch.add(stream, watch) });
    return watch;
  }
}
