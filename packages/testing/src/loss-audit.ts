// What was accepted against what one client saw of it. Pure.
import type { Gap } from "@trunkline/core";

/** One event that has a place. */
export interface AcceptedEvent {
  readonly line: "log" | "state";
  readonly epoch: string;
  /** Offset on the log, revision on the state line. */
  readonly offset: number;
  /** On the state line. */
  readonly key?: string;
  readonly deleted?: boolean;
}

/** What a client was told of one channel. `accepted` counts the channel's accepted events of that moment. */
export type Seen =
  | {
      readonly kind: "start";
      readonly epoch: string;
      readonly offset: number;
      readonly revision: number;
      readonly accepted: number;
    }
  | { readonly kind: "event"; readonly offset: number; readonly tag: string }
  | { readonly kind: "change"; readonly revision: number; readonly key: string; readonly deleted: boolean }
  | {
      readonly kind: "gap";
      readonly reason: Gap["reason"];
      readonly from: number;
      readonly to: number;
      readonly epoch: string;
      readonly offset: number;
      readonly accepted: number;
    }
  /** The changes that follow are the whole state. */
  | { readonly kind: "snapshot" };

export interface LossFinding {
  /**
   * `missing`: was accepted, never came, and no gap says so; of state, the last value of a key. `stale`: a key that should be gone.
   * `duplicate`: came twice. `out-of-order`: came behind a newer one.
   */
  readonly kind: "missing" | "duplicate" | "out-of-order" | "stale";
  readonly line: "log" | "state";
  readonly epoch: string;
  readonly offset: number;
  readonly key?: string;
}

type Start = Extract<Seen, { readonly kind: "start" }>;
type Told = Extract<Seen, { readonly kind: "gap" }>;

/** @param accepted events of one channel, oldest first @param seen what one client was told of it, oldest first */
export function auditChannel(accepted: readonly AcceptedEvent[], seen: readonly Seen[]): readonly LossFinding[] {
  const start = seen.find((each) => each.kind === "start");
  if (start === undefined) return [];
  return [...auditLog(accepted, seen, start), ...auditState(accepted, seen, start)];
}

function auditLog(accepted: readonly AcceptedEvent[], seen: readonly Seen[], start: Start): readonly LossFinding[] {
  const findings: LossFinding[] = [];
  const gaps: Told[] = [];
  const delivered = new Set<string>();
  const tags = new Set<string>();
  let { epoch, offset: cursor } = start;
  for (const each of seen) {
    if (each.kind === "gap") {
      gaps.push(each);
      ({ epoch, offset: cursor } = each);
    } else if (each.kind === "event") {
      const { offset, tag } = each;
      const place = `${epoch} ${offset}`;
      if (tags.has(`${place} ${tag}`)) findings.push({ kind: "duplicate", line: "log", epoch, offset });
      else if (offset <= cursor) findings.push({ kind: "out-of-order", line: "log", epoch, offset });
      cursor = Math.max(cursor, offset);
      delivered.add(place);
      tags.add(`${place} ${tag}`);
    }
  }
  const order = [...new Set(accepted.map((event) => event.epoch))];
  const covers = (gap: Told, event: AcceptedEvent, index: number): boolean => {
    if (gap.epoch === event.epoch) return gap.from <= event.offset && event.offset <= gap.to;
    // All that is missing of older lives of the broker.
    if (gap.reason !== "epoch") return false;
    return index < gap.accepted || (order.includes(gap.epoch) && order.indexOf(event.epoch) < order.indexOf(gap.epoch));
  };
  for (const [index, event] of accepted.entries()) {
    const { line, offset } = event;
    if (line !== "log" || !isOwed(event, index, start) || delivered.has(`${event.epoch} ${offset}`)) continue;
    if (!gaps.some((gap) => covers(gap, event, index)))
      findings.push({ kind: "missing", line, epoch: event.epoch, offset });
  }
  return findings;
}

function auditState(accepted: readonly AcceptedEvent[], seen: readonly Seen[], start: Start): readonly LossFinding[] {
  const findings: LossFinding[] = [];
  /** Key → revision that set it. */
  const view = new Map<string, number>();
  let { epoch, revision: cursor, accepted: moved } = start;
  const told = new Set<number>();
  const restart = (): void => {
    cursor = 0;
    told.clear();
  };
  for (const each of seen) {
    if (each.kind === "gap" && each.epoch !== epoch) {
      ({ epoch, accepted: moved } = each);
      restart();
    } else if (each.kind === "snapshot") {
      view.clear();
      restart();
    } else if (each.kind === "change") {
      const { revision, key, deleted } = each;
      const place = { line: "state", epoch, offset: revision, key } as const;
      if (told.has(revision)) findings.push({ kind: "duplicate", ...place });
      else if (revision <= cursor) findings.push({ kind: "out-of-order", ...place });
      told.add(revision);
      cursor = Math.max(cursor, revision);
      if (deleted) view.delete(key);
      else view.set(key, revision);
    }
  }
  // The newest life of the broker: the client's, unless something was accepted in another one since it got there.
  const since = accepted.slice(moved).at(-1);
  const newest = since?.epoch ?? epoch;
  const last = new Map<string, readonly [event: AcceptedEvent, index: number]>();
  for (const [index, event] of accepted.entries())
    if (event.line === "state" && event.epoch === newest) last.set(event.key ?? "", [event, index]);
  for (const [key, [event, index]] of last) {
    const { deleted = false, offset } = event;
    const place = { line: "state", epoch: newest, offset, key } as const;
    if (deleted && view.has(key)) findings.push({ kind: "stale", ...place });
    else if (!deleted && view.get(key) !== offset && isOwed(event, index, start))
      findings.push({ kind: "missing", ...place });
  }
  if (newest === start.epoch) return findings;
  // Nothing of an older life is left.
  for (const [key, offset] of view)
    if (!last.has(key)) findings.push({ kind: "stale", line: "state", epoch, offset, key });
  return findings;
}

/** Whether the client is to get it: it was accepted behind the place where the client began. */
function isOwed({ line, epoch, offset }: AcceptedEvent, index: number, start: Start): boolean {
  if (epoch !== start.epoch) return index >= start.accepted;
  return offset > (line === "log" ? start.offset : start.revision);
}
