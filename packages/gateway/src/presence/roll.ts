// Who is a member of which channel on this gateway, and whose links hold it there. Decides, and does nothing.
import type { StreamName } from "@trunkline/core/ports";
import { streamName } from "../auth/principal.ts";

/** What somebody said of itself as a member. `data`: JSON text. */
export interface Said {
  readonly id: string | undefined;
  readonly data: string | undefined;
}

interface Present extends Said {
  readonly member: string;
  /** ms since 1970. */
  readonly since: number;
  /** Whether it has a key of its own; else it is only counted. */
  readonly listed: boolean;
}

/** A channel with members. */
export interface Room {
  readonly account: string;
  readonly channel: string;
  readonly members: ReadonlyMap<string, Present>;
}

/** A member of a room, whether it is there now or was. */
export interface Change {
  readonly room: Room;
  readonly present: Present;
}

export interface RollOptions {
  /** Members of one channel that are listed. */
  readonly maxMembers: number;
  /** How long a member stays whose links are lost, in milliseconds. */
  readonly graceMs: number;
}

/** A connection. */
interface Holder {
  /** The member that it holds where it is one: always the same. */
  readonly member: string;
}

export class Roll<Link extends Holder> {
  readonly #options: RollOptions;
  readonly #rooms = new Map<StreamName, Hall<Link>>();
  /** Where each link is a member. */
  readonly #halls = new Map<Link, Set<Hall<Link>>>();
  /** Members without a link, and when they leave: the first to leave first, since all have the same grace. */
  readonly #lost = new Map<Seat<Link>, number>();
  #size = 0;

  constructor(options: RollOptions) {
    this.#options = options;
  }

  /** Members, those of several channels once for each. */
  get size(): number {
    return this.#size;
  }

  get rooms(): Iterable<Room> {
    return this.#rooms.values();
  }

  /** When the next member leaves by itself; `Infinity` when none does. */
  get nextLeave(): number {
    for (const leavesAt of this.#lost.values()) return leavesAt;
    return Infinity;
  }

  room(account: string, channel: string): Room | undefined {
    return this.#rooms.get(streamName(account, channel));
  }

  /** Where a link is a member. */
  roomsOf(link: Link): readonly Room[] {
    return [...(this.#halls.get(link) ?? [])];
  }

  /** A link enters a channel, or says something else of its member. `time`: in ms since 1970. */
  enter(link: Link, account: string, channel: string, said: Said, time: number): Change {
    const { member } = link;
    const name = streamName(account, channel);
    const hall = this.#rooms.get(name) ?? { name, account, channel, members: new Map<string, Seat<Link>>(), listed: 0 };
    this.#rooms.set(name, hall);
    const before = hall.members.get(member);
    const listed = before?.listed === true || hall.listed < this.#options.maxMembers;
    const since = before?.since ?? time;
    const seat: Seat<Link> = { ...said, member, since, listed, hall, links: before?.links ?? [] };
    if (before !== undefined) this.#lost.delete(before);
    else this.#size += 1;
    if (listed && before?.listed !== true) hall.listed += 1;
    if (!seat.links.includes(link)) seat.links.push(link);
    hall.members.set(member, seat);
    const halls = this.#halls.get(link);
    if (halls === undefined) this.#halls.set(link, new Set([hall]));
    else halls.add(hall);
    return { room: hall, present: seat };
  }

  /** A member leaves a channel, whichever links hold it there. */
  leave(account: string, channel: string, member: string): Change | null {
    const hall = this.#rooms.get(streamName(account, channel));
    const seat = hall?.members.get(member);
    return hall === undefined || seat === undefined ? null : this.#remove(hall, seat);
  }

  /** A link is off a channel: its member leaves, unless another link holds it there. */
  off(link: Link, account: string, channel: string): Change | null {
    const hall = this.#rooms.get(streamName(account, channel));
    return hall === undefined ? null : this.#release(link, hall, null);
  }

  /** A link ended. `lostAt`: when, where its members stay for the grace; null: they leave. */
  end(link: Link, lostAt: number | null): readonly Change[] {
    const halls = this.#halls.get(link) ?? [];
    return [...halls].map((hall) => this.#release(link, hall, lostAt)).filter((left) => left !== null);
  }

  /** Those whose grace is over. */
  expire(now: number): readonly Change[] {
    const left: Change[] = [];
    for (const [seat, leavesAt] of this.#lost) {
      if (leavesAt > now) break;
      left.push(this.#remove(seat.hall, seat));
    }
    return left;
  }

  #release(link: Link, hall: Hall<Link>, lostAt: number | null): Change | null {
    const halls = this.#halls.get(link);
    if (halls?.delete(hall) !== true) return null;
    if (halls.size === 0) this.#halls.delete(link);
    const seat = hall.members.get(link.member) as Seat<Link>;
    seat.links.splice(seat.links.indexOf(link), 1);
    if (seat.links.length > 0) return null;
    if (lostAt === null) return this.#remove(hall, seat);
    this.#lost.set(seat, lostAt + this.#options.graceMs);
    return null;
  }

  #remove(hall: Hall<Link>, seat: Seat<Link>): Change {
    hall.members.delete(seat.member);
    this.#size -= 1;
    if (seat.listed) hall.listed -= 1;
    this.#lost.delete(seat);
    for (const link of seat.links) {
      const halls = this.#halls.get(link);
      halls?.delete(hall);
      if (halls?.size === 0) this.#halls.delete(link);
    }
    if (hall.members.size === 0) this.#rooms.delete(hall.name);
    return { room: hall, present: seat };
  }
}

interface Seat<Link> extends Present {
  readonly hall: Hall<Link>;
  readonly links: Link[];
}

interface Hall<Link> extends Room {
  readonly name: StreamName;
  readonly members: Map<string, Seat<Link>>;
  /** Members that are listed. */
  listed: number;
}
