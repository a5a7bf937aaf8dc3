// Who is on a channel, by what its stream of members tells (PROTOCOL §13). Pure.
import type { EventFrame, Verdict } from "@trunkline/core/wire";
import { KeyedState } from "./keyed-state.ts";

export interface Member {
  /** Names one client: the same while it is there, over all its connections. */
  readonly member: string;
  /** Of a signed-in user: its id. */
  readonly id?: string;
  /** What it said of itself. */
  readonly data?: unknown;
  /** Since when it has been there, in ms since 1970, by the clock of its gateway. */
  readonly since: number;
}

export interface MemberChanges {
  readonly joined: readonly Member[];
  /** As they were last. */
  readonly left: readonly Member[];
  readonly updated: readonly Member[];
}

/** Several keys may stand for one member, one per gateway: it is there while one of them is. */
export class PresenceTable {
  readonly #state = new KeyedState();
  /** By member. */
  readonly #keys = new Map<string, Set<string>>();
  /** As `changes` has told. */
  readonly #told = new Map<string, Member>();
  /** Members that may have changed since. */
  readonly #touched = new Set<string>();
  #members: readonly Member[] | null = [];

  get synced(): boolean {
    return this.#state.synced;
  }

  judge(verdict: Verdict): void {
    this.#touch(this.#state.judge(verdict));
  }

  take(event: EventFrame): void {
    this.#touch(this.#state.take(event));
  }

  /** Those that `changes` has told, the longest there first. */
  get members(): readonly Member[] {
    this.#members ??= [...this.#told.values()].sort(
      (one, other) => one.since - other.since || (one.member < other.member ? -1 : 1),
    );
    return this.#members;
  }

  /** What is different since it was asked last, or null. Whoever left and came back meanwhile was there all the time. */
  changes(): MemberChanges | null {
    const changes = { joined: [] as Member[], left: [] as Member[], updated: [] as Member[] };
    for (const name of this.#touched) {
      const before = this.#told.get(name);
      const member = this.#merged(name, before);
      if (member === before) continue;
      this.#members = null;
      if (member) this.#told.set(name, member);
      else this.#told.delete(name);
      if (!before && member) changes.joined.push(member);
      else if (before && !member) changes.left.push(before);
      else if (member) changes.updated.push(member);
    }
    this.#touched.clear();
    const { joined, left, updated } = changes;
    return joined.length + left.length + updated.length > 0 ? changes : null;
  }

  #touch(keys: Iterable<string>): void {
    for (const key of keys) {
      const name = key.slice(0, key.lastIndexOf("@"));
      const own = this.#keys.get(name) ?? new Set();
      if (this.#state.entries.has(key)) own.add(key);
      else own.delete(key);
      if (own.size > 0) this.#keys.set(name, own);
      else this.#keys.delete(name);
      this.#touched.add(name);
    }
  }

  /** What the newest of its keys says; `before` itself when that says nothing else. */
  #merged(name: string, before: Member | undefined): Member | undefined {
    let newest = -1;
    let said: { readonly id?: unknown; readonly data?: unknown } = {};
    let since = before?.since ?? Infinity;
    for (const key of this.#keys.get(name) ?? []) {
      const { data, revision } = this.#state.entries.get(key) ?? { data: null, revision: -1 };
      const own = (data ?? {}) as { readonly id?: unknown; readonly data?: unknown; readonly since?: unknown };
      if (typeof own.since === "number") since = Math.min(since, own.since);
      if (revision <= newest) continue;
      newest = revision;
      said = own;
    }
    if (newest < 0) return undefined;
    const { id, data } = said;
    const member = {
      member: name,
      ...(typeof id === "string" && { id }),
      ...(data !== undefined && { data }),
      since: since === Infinity ? 0 : since,
    };
    return before && JSON.stringify(before) === JSON.stringify(member) ? before : member;
  }
}
