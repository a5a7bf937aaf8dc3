import type { EventFrame, Verdict } from "@trunkline/core/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Member, type MemberChanges, PresenceTable } from "./presence-table.ts";

const channel = "~members/chat";

function verdict(kind: "fresh" | "recovered" | "snapshot" | "gap", revision = 0, changes = 0): Verdict {
  const position = { epoch: "e", offset: 0, tag: "", ...(revision > 0 && { state: { revision, tag: "t" } }) };
  if (kind === "fresh") return { channel, verdict: kind, position };
  if (kind === "gap")
    return { channel, verdict: kind, position, from: 1, to: 0, reason: "epoch", changes, snapshot: true };
  return { channel, verdict: kind, position, count: 0, changes };
}

/** `key` gone without a `said`. */
function event(revision: number, key: string, said?: object): EventFrame {
  const more = said === undefined ? { data: null, deleted: true as const } : { data: said };
  return { type: "event", channel, event: "member", key, revision, tag: "t", ...more };
}

const names = (changes: MemberChanges | null) =>
  changes && [changes.joined, changes.left, changes.updated].map((list) => list.map(({ member }) => member).join());

describe("members", () => {
  it("§5.4 are nobody while they may not be watched, and those who were there when they may again from where that was", () => {
    const table = new PresenceTable();
    table.judge(verdict("snapshot", 2, 2));
    table.take(event(1, "a@g", { since: 1 }));
    table.take(event(2, "b@g", { since: 2 }));
    expect(names(table.changes())).toEqual(["a,b", "", ""]);
    table.judge({ channel, verdict: "refused", error: { code: "gateway.unavailable", message: "not now" } });
    expect([names(table.changes()), table.members, table.synced]).toEqual([["", "a,b", ""], [], false]);
    table.judge(verdict("recovered", 3, 1));
    table.take(event(3, "c@g", { since: 3 }));
    expect(names(table.changes())).toEqual(["a,b,c", "", ""]);
    expect(table.members.map(({ member }) => member)).toEqual(["a", "b", "c"]);
  });

  it("§13 come with a snapshot, once it is whole, and by events; the longest there first", () => {
    const table = new PresenceTable();
    table.judge(verdict("snapshot", 7, 2));
    expect(table.synced).toBe(false);
    table.take(event(3, "b@g", { id: "bob", data: { name: "Bob" }, since: 2 }));
    expect(table.changes()).toBeNull();
    table.take(event(7, "a@g", { since: 1 }));
    expect(table.synced).toBe(true);
    expect(names(table.changes())).toEqual(["b,a", "", ""]);
    expect(table.members).toEqual([
      { member: "a", since: 1 },
      { member: "b", id: "bob", data: { name: "Bob" }, since: 2 },
    ]);
    table.take(event(8, "c@g", { since: 3 }));
    table.take(event(9, "a@g"));
    table.take(event(10, "b@g", { data: "busy", since: 2 }));
    expect(names(table.changes())).toEqual(["c", "a", "b"]);
    expect(table.changes()).toBeNull();
  });

  it("an empty snapshot is whole at once", () => {
    const table = new PresenceTable();
    table.judge(verdict("snapshot"));
    expect([table.synced, table.changes(), table.members]).toEqual([true, null, []]);
  });

  it("who moves to another gateway never left, keeps its place, and is updated only when it says something else", () => {
    const table = new PresenceTable();
    table.judge(verdict("snapshot"));
    table.take(event(1, "a@one", { data: 1, since: 5 }));
    table.changes();
    const before = table.members;
    table.take(event(2, "a@two", { data: 1, since: 9 }));
    expect(table.changes()).toBeNull();
    table.take(event(3, "a@one"));
    expect(table.changes()).toBeNull();
    expect(table.members).toBe(before);
    table.take(event(4, "a@two", { data: 2, since: 9 }));
    expect(table.changes()).toEqual({ joined: [], left: [], updated: [{ member: "a", data: 2, since: 5 }] });
    table.take(event(5, "a@two"));
    expect(names(table.changes())).toEqual(["", "a", ""]);
  });

  it("of two keys the newest counts", () => {
    const table = new PresenceTable();
    table.judge(verdict("snapshot", 2, 2));
    table.take(event(1, "a@one", { data: "old", since: 1 }));
    table.take(event(2, "a@two", { data: "new", since: 2 }));
    table.changes();
    expect(table.members).toEqual([{ member: "a", data: "new", since: 1 }]);
    table.take(event(3, "a@two"));
    expect(table.changes()?.updated).toEqual([{ member: "a", data: "old", since: 1 }]);
  });

  it("who leaves and comes back before anybody is told was there all the time", () => {
    const table = new PresenceTable();
    table.judge(verdict("snapshot", 1, 1));
    table.take(event(1, "a@g", { data: 1, since: 1 }));
    table.changes();
    table.take(event(2, "a@g"));
    table.take(event(3, "a@g", { data: 1, since: 1 }));
    expect(table.changes()).toBeNull();
  });

  it.each(["snapshot", "gap"] as const)("a %s takes the place of all there was: told is the difference", (kind) => {
    const table = new PresenceTable();
    table.judge(verdict("snapshot", 2, 2));
    table.take(event(1, "a@g", { since: 1 }));
    table.take(event(2, "b@g", { since: 2 }));
    table.changes();
    table.judge(verdict(kind, 9, 2));
    expect([table.synced, table.changes()]).toEqual([false, null]);
    table.take(event(8, "b@other", { since: 2 }));
    expect(table.members.map(({ member }) => member)).toEqual(["a", "b"]);
    table.take(event(9, "c@other", { since: 3 }));
    expect(names(table.changes())).toEqual(["c", "a", ""]);
  });

  it("a snapshot that was interrupted goes on where it was", () => {
    const table = new PresenceTable();
    table.judge(verdict("snapshot", 3, 3));
    table.take(event(1, "a@g", { since: 1 }));
    table.judge(verdict("recovered", 5, 2));
    table.take(event(4, "b@g"));
    expect(table.synced).toBe(false);
    table.take(event(5, "c@g", { since: 3 }));
    expect(names(table.changes())).toEqual(["a,c", "", ""]);
  });

  it("a snapshot is whole with its newest change, also where some of it changed meanwhile", () => {
    const table = new PresenceTable();
    table.judge(verdict("snapshot", 3, 3));
    table.take(event(1, "a@g", { since: 1 }));
    table.take(event(3, "c@g", { since: 3 }));
    expect(table.synced).toBe(true);
    table.take(event(4, "b@g", { since: 2 }));
    expect(names(table.changes())).toEqual(["a,c,b", "", ""]);
  });

  it("who may not watch any more knows of nobody", () => {
    const table = new PresenceTable();
    table.judge(verdict("snapshot", 1, 1));
    table.take(event(1, "a@g", { since: 1 }));
    table.changes();
    table.judge({ channel, verdict: "ended" });
    expect([names(table.changes()), table.synced, table.members]).toEqual([["", "a", ""], false, []]);
  });

  it("takes what is no member for one that says nothing", () => {
    const table = new PresenceTable();
    table.judge(verdict("snapshot"));
    table.take(event(1, "a@g", { id: 7, since: "x", data: null }));
    table.take({ ...event(2, "b@g", {}), data: null });
    table.take({ type: "event", channel, event: "member", data: 1, offset: 1, tag: "t" });
    table.changes();
    expect(table.members).toEqual([
      { member: "a", data: null, since: 0 },
      { member: "b", since: 0 },
    ]);
  });
});

/** What a gateway would tell of a state line, to a client that may be cut off anywhere. */
class Line {
  readonly #entries = new Map<string, EventFrame>();
  #revision = 0;
  /** What is on its way. */
  readonly queue: EventFrame[] = [];
  connected = false;

  change(key: string, said: object | undefined): void {
    this.#revision++;
    const frame = event(this.#revision, key, said);
    this.#entries.delete(key);
    this.#entries.set(key, frame);
    if (this.connected) this.queue.push(frame);
  }

  resume(cursor: number): Verdict {
    const missed = [...this.#entries.values()].filter(({ revision = 0 }) => revision > cursor);
    this.queue.push(...missed);
    return verdict("recovered", this.#revision, missed.length);
  }

  snapshot(kind: "snapshot" | "gap"): Verdict {
    const all = [...this.#entries.values()].filter(({ deleted }) => deleted !== true);
    this.queue.push(...all);
    return verdict(kind, this.#revision, all.length);
  }

  /** Member → data of its newest key. */
  get members(): Map<string, unknown> {
    const members = new Map<string, unknown>();
    for (const { key = "", data, deleted } of this.#entries.values())
      if (deleted !== true) members.set(key.split("@")[0] ?? "", (data as { readonly data?: unknown }).data);
    return members;
  }
}

const member = fc.constantFrom("a", "b", "c", "d");
const gateway = fc.constantFrom("one", "two");
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("enter" as const), member, gateway, data: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("leave" as const), member, gateway }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("deliver" as const), count: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cut" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom("resume" as const, "snapshot" as const, "gap" as const) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("tell" as const) }) },
);

it("whatever happens, in the end it says who is there, and what it told adds up to that, without a leave of who was there before and after", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const line = new Line();
      const table = new PresenceTable();
      const told = new Map<string, Member>();
      let cursor = -1;
      const connect = (kind: "resume" | "snapshot" | "gap"): void => {
        line.connected = true;
        line.queue.length = 0;
        if (kind === "resume" && cursor >= 0) return table.judge(line.resume(cursor));
        cursor = 0;
        table.judge(line.snapshot(kind === "gap" ? "gap" : "snapshot"));
      };
      const deliver = (count: number): void => {
        for (const frame of line.queue.splice(0, count)) {
          cursor = frame.revision ?? cursor;
          table.take(frame);
        }
      };
      const tell = (): void => {
        const changes = table.changes();
        for (const each of changes?.left ?? []) expect(told.delete(each.member)).toBe(true);
        for (const each of changes?.joined ?? []) {
          expect(told.has(each.member)).toBe(false);
          told.set(each.member, each);
        }
        for (const each of changes?.updated ?? []) {
          expect(told.get(each.member)).toBeDefined();
          told.set(each.member, each);
        }
        expect(new Set(told.values())).toEqual(new Set(table.members));
      };
      for (const each of operations) {
        if (each.kind === "enter") line.change(`${each.member}@${each.gateway}`, { data: each.data, since: 1 });
        else if (each.kind === "leave") line.change(`${each.member}@${each.gateway}`, undefined);
        else if (each.kind === "deliver") deliver(each.count);
        else if (each.kind === "cut") {
          line.connected = false;
          line.queue.length = 0;
        } else if (each.kind === "tell") tell();
        else connect(each.kind);
      }
      tell();
      const before = new Set(told.keys());
      connect("resume");
      deliver(Infinity);
      const changes = table.changes();
      for (const left of changes?.left ?? []) expect(line.members.has(left.member)).toBe(false);
      for (const joined of changes?.joined ?? []) expect(before.has(joined.member)).toBe(false);
      expect(table.synced).toBe(true);
      expect(new Map(table.members.map((each) => [each.member, each.data]))).toEqual(line.members);
    }),
    { numRuns: 1_000 },
  );
});
