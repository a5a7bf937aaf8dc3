// Which of several accounts of one item counts: what a load answered, what an event told, what is known already. Holds
// versions, not values; values only while a load is under way. Mutable like the channel table, and as pure: no clock, no I/O.
import type { EventFrame, Position } from "../wire/frame.ts";

/**
 * The source's own version of an item: of one source all numbers, or all strings that sort as text (ISO times in UTC,
 * ULIDs). Only increases with each change of the item.
 */
export type ItemVersion = number | string;

export interface Item<Value> {
  readonly key: string;
  readonly value: Value;
  /** Absent: what arrived later counts as newer, and an event as newer than a load that began before it. */
  readonly version?: ItemVersion | undefined;
}
export interface DeletedItem {
  readonly key: string;
  readonly deleted: true;
  /** That of the item it removes, or a later one. */
  readonly version?: ItemVersion | undefined;
}
export type ItemChange<Value> = Item<Value> | DeletedItem;

/** What to do to a view, all at once. */
export interface Changes<Value> {
  readonly set: readonly Item<Value>[];
  /** Keys that are gone. */
  readonly deleted: readonly string[];
  /** `set` is the whole: what is not in it is gone, and named in `deleted` if it was known. */
  readonly reset: boolean;
}

/** How far the broker was when a source was read. Any `Position` fits. */
export interface ReadAt extends Pick<Position, "epoch" | "offset"> {
  /** Absent: nothing of the state line. */
  readonly state?: { readonly revision: number };
}

/** Where a change stood in its stream. */
type Place = Pick<EventFrame, "offset" | "revision">;
interface Held<Value> {
  readonly change: ItemChange<Value>;
  readonly place: Place;
}

/** `apply`: to be shown · `held`: waits for the load · `old`: overtaken, or covered by the load to come · `overflow` */
export type Taken = "apply" | "held" | "old" | "overflow";

export class ItemTable<Value> {
  /** Changes since the position was fixed, the newest per key; null while no load is to be joined with them. */
  #held: Map<string, Held<Value>> | null = null;
  #fixed: Position | null = null;
  #live = false;
  /** Versions of what the view shows: as many as there are items. */
  #versions = new Map<string, ItemVersion | undefined>();
  /** Versions of what was deleted, oldest first; at most `#limit`. */
  readonly #graves = new Map<string, ItemVersion>();
  readonly #limit: number;

  /** @param limit most keys held during a load, and most deletions remembered after it */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** A load is about to begin; all that is published after `position` comes through `take`. */
  hold(position: Position | null): void {
    this.#held = new Map();
    this.#fixed = position;
    this.#live = false;
  }

  /** Something was missed: until `hold`, changes mean nothing, since the load after that covers them. */
  drop(): void {
    const held = this.#held?.values() ?? [];
    this.#held = null;
    this.#live = false;
    for (const { change } of held) this.#remember(change);
  }

  take(change: ItemChange<Value>, place: Place): Taken {
    const { key } = change;
    if (this.#held === null && !this.#live) {
      this.#remember(change);
      return "old";
    }
    const before = this.#held?.get(key)?.change;
    if (before ? !overtakes(change, before) : this.#isOld(change)) return "old";
    if (this.#held === null) {
      this.#note(change);
      return "apply";
    }
    this.#held.set(key, { change, place });
    if (this.#held.size <= this.#limit) return "held";
    this.drop();
    return "overflow";
  }

  /**
   * A load answered: the whole, joined with what was held. A string says why it can't be: it was read before something
   * that is known already. `insist`: take it all the same, if nothing would be missed: its source has gone back.
   */
  join(items: Iterable<Item<Value>>, position: ReadAt | undefined, insist: boolean): Changes<Value> | string {
    const held = this.#held ?? new Map<string, Held<Value>>();
    if (position && this.#fixed && !covers(position, this.#fixed)) {
      return `expected a position at or after the one the load was given (${show(this.#fixed)}), got ${show(position)}`;
    }
    const whole = new Map<string, ItemChange<Value>>();
    for (const item of items) {
      const problem = itemProblem(item);
      if (problem) return problem;
      if (!insist && !held.has(item.key) && this.#isOlder(item)) {
        return `expected "${item.key}" no older than it is known already, got version ${item.version}`;
      }
      const other = whole.get(item.key);
      if (!other || overtakes(item, other)) whole.set(item.key, item);
    }
    for (const [key, { change, place }] of held) {
      const loaded = whole.get(key);
      const covered = position !== undefined && isCovered(place, position);
      // It was there, and was gone again when the source was read.
      if (covered && !loaded && !("deleted" in change)) continue;
      if (!loaded || !overtakes(loaded, change, covered)) whole.set(key, change);
    }
    const before = this.#versions;
    this.#versions = new Map();
    const set: Item<Value>[] = [];
    for (const change of whole.values()) {
      this.#note(change);
      if (!("deleted" in change)) set.push(change);
    }
    const deleted = [...before.keys()].filter((key) => !this.#versions.has(key));
    // What the load no longer knows must not come back by an event that was slow.
    for (const key of deleted) {
      const version = before.get(key);
      if (version !== undefined && !this.#graves.has(key)) this.#bury(key, version);
    }
    this.#held = null;
    this.#live = true;
    return { set, deleted, reset: true };
  }

  /** Whether `change` is overtaken by what is shown or was deleted. */
  #isOld(change: ItemChange<Value>): boolean {
    const { key } = change;
    const grave = this.#graves.get(key);
    if (grave !== undefined) return !overtakes(change, { key, deleted: true, version: grave });
    return this.#versions.has(key) && !overtakes(change, { key, version: this.#versions.get(key) });
  }

  /** Whether a loaded item is older than what is known; the same version is no news, but no older. */
  #isOlder({ key, version }: Item<Value>): boolean {
    const grave = this.#graves.get(key);
    if (grave !== undefined) return !isNewer(version, grave, false);
    return !isNewer(version, this.#versions.get(key), true);
  }

  /** Of what no view will show: an item that is gone has no version in the load that covers this. */
  #remember(change: ItemChange<Value>): void {
    const { key, version } = change;
    if ("deleted" in change && version !== undefined && !this.#isOld(change)) this.#bury(key, version);
  }

  #note({ key, version, ...change }: ItemChange<Value>): void {
    if ("deleted" in change) {
      this.#versions.delete(key);
      if (version !== undefined) this.#bury(key, version);
    } else {
      this.#graves.delete(key);
      this.#versions.set(key, version);
    }
  }

  #bury(key: string, version: ItemVersion): void {
    this.#graves.delete(key);
    this.#graves.set(key, version);
    const [oldest] = this.#graves.keys();
    if (this.#graves.size > this.#limit && oldest !== undefined) this.#graves.delete(oldest);
  }
}

/** What is wrong with an item or a deletion that a user's function made, or null. */
export function itemProblem(item: unknown): string | null {
  const { key, version } = (item ?? {}) as { readonly key?: unknown; readonly version?: unknown };
  if (typeof key !== "string") return `expected an item with a string "key", got ${key === null ? "null" : typeof key}`;
  if (version === undefined || typeof version === "string" || Number.isFinite(version)) return null;
  return `expected "${key}" with a finite number or a string as "version", got ${typeof version}`;
}

type Account = { readonly key: string; readonly version?: ItemVersion | undefined; readonly deleted?: true };

/** Whether `next` counts rather than `known`, which arrived before it. Of equal versions a deletion counts, else the known one. */
function overtakes(next: Account, known: Account, whenUnknown = true): boolean {
  return isNewer(next.version, known.version, next.deleted === true && known.deleted !== true, whenUnknown);
}

function isNewer(
  a: ItemVersion | undefined,
  b: ItemVersion | undefined,
  whenEqual: boolean,
  whenUnknown = true,
): boolean {
  if (a === undefined || b === undefined || typeof a !== typeof b) return whenUnknown;
  return a === b ? whenEqual : a > b;
}

/** Whether all up to `earlier` is in what was read at `position`. */
function covers(position: ReadAt, earlier: ReadAt): boolean {
  return (
    position.epoch === earlier.epoch &&
    position.offset >= earlier.offset &&
    (position.state?.revision ?? 0) >= (earlier.state?.revision ?? 0)
  );
}

function isCovered({ offset, revision }: Place, position: ReadAt): boolean {
  if (revision !== undefined) return revision <= (position.state?.revision ?? 0);
  return offset !== undefined && offset <= position.offset;
}

function show({ epoch, offset, state }: ReadAt): string {
  return `epoch ${epoch}, offset ${offset}, revision ${state?.revision ?? 0}`;
}
