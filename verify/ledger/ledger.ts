// The books: what was accepted against what one client saw. Pure, so that it can be shown to notice every kind of fault.
import type { Accepted, AcceptedChange, Receipts, Seen } from "./record.ts";

/** One client on one stream, counted. The last four figures must be 0. */
export interface Account {
  /** Events that were accepted while the client was owed them. */
  readonly owed: number;
  /** Log events that reached it, each counted once. */
  readonly delivered: number;
  /** State changes that reached it. */
  readonly changes: number;
  /** Gaps it was told. */
  readonly gaps: number;
  /** Owed events that did not come and that a gap covers. */
  readonly covered: number;
  /** Owed events that did not come and that no gap covers, and keys whose value is not the last accepted one. */
  readonly losses: number;
  /** Events that came more than once. */
  readonly duplicates: number;
  /** Events that came behind a newer one, or at another place than their receipt says. */
  readonly orderBreaks: number;
  /** Events that came though nobody published them, or their publisher was told that they were refused. */
  readonly phantoms: number;
  /** What exactly was wrong, the first few. */
  readonly findings: readonly string[];
}

const maxFindings = 5;

const noAccount: Account = {
  owed: 0,
  delivered: 0,
  changes: 0,
  gaps: 0,
  covered: 0,
  losses: 0,
  duplicates: 0,
  orderBreaks: 0,
  phantoms: 0,
  findings: [],
};

/** Several accounts as one. */
export function sumOf(accounts: Iterable<Account>): Account {
  const total: Record<string, number> = {};
  const findings: string[] = [];
  for (const account of accounts) {
    for (const [field, value] of Object.entries(account)) {
      if (typeof value === "number") total[field] = (total[field] ?? 0) + value;
    }
    findings.push(...account.findings.slice(0, maxFindings - findings.length));
  }
  return { ...noAccount, ...total, findings };
}

/** Whether nothing that must not happen has happened. */
export function isClean({ losses, duplicates, orderBreaks, phantoms }: Account): boolean {
  return losses + duplicates + orderBreaks + phantoms === 0;
}

/** Counts what one client saw on one stream. `who` names it in the findings. */
export function audit(who: string, receipts: Receipts, seen: readonly Seen[]): Account {
  const log = new LogAudit(receipts);
  const state = new StateAudit(receipts);
  for (const each of seen) {
    log.see(each);
    state.see(each);
  }
  const account = sumOf([log.close(), state.close()]);
  return { ...account, findings: account.findings.map((finding) => `${who}: ${finding}`) };
}

/** What both lines count. */
abstract class LineAudit {
  protected readonly receipts: Receipts;
  protected readonly unknown: ReadonlySet<number>;
  protected duplicates = 0;
  protected orderBreaks = 0;
  protected phantoms = 0;
  protected losses = 0;
  readonly #findings: string[] = [];

  constructor(receipts: Receipts) {
    this.receipts = receipts;
    this.unknown = new Set(receipts.unknown);
  }

  abstract see(seen: Seen): void;
  abstract close(): Account;

  protected find(what: string): 1 {
    if (this.#findings.length < maxFindings) this.#findings.push(what);
    return 1;
  }

  protected get faults(): Account {
    const { duplicates, orderBreaks, phantoms, losses } = this;
    return { ...noAccount, duplicates, orderBreaks, phantoms, losses, findings: this.#findings };
  }
}

type Gap = Extract<Seen, { readonly kind: "gap" }>;

class LogAudit extends LineAudit {
  readonly #accepted: ReadonlyMap<number, Accepted>;
  /** Order of the epochs: a place in the first one it is not part of is later. */
  readonly #epochs: readonly string[];
  readonly #delivered = new Set<number>();
  readonly #gaps: Gap[] = [];
  #start: Extract<Seen, { readonly kind: "start" }> | null = null;
  #epoch = "";
  #offset = 0;
  /** Newest accepted event that came. */
  #newest = 0;

  constructor(receipts: Receipts) {
    super(receipts);
    this.#accepted = new Map(receipts.log.map((each) => [each.n, each]));
    this.#epochs = [...new Set([...receipts.log, ...receipts.state].map(({ epoch }) => epoch))];
  }

  see(seen: Seen): void {
    if (seen.kind === "start") {
      this.#start = seen;
      this.#epoch = seen.epoch;
      this.#offset = seen.offset;
    } else if (seen.kind === "gap") {
      this.#gaps.push(seen);
      this.#epoch = seen.epoch;
      this.#offset = seen.offset;
    } else if (seen.kind === "event") this.#event(seen.n, seen.offset);
  }

  close(): Account {
    let owed = 0;
    let covered = 0;
    for (const event of this.receipts.log) {
      if (this.#start === null || this.#isBefore(event, this.#start)) continue;
      owed += 1;
      if (this.#delivered.has(event.n)) continue;
      if (this.#gaps.some((gap) => this.#covers(gap, event))) covered += 1;
      else this.losses += this.find(`event ${event.n} (offset ${event.offset}) never came, and no gap says so`);
    }
    return { ...this.faults, owed, covered, delivered: this.#delivered.size, gaps: this.#gaps.length };
  }

  #event(n: number, offset: number): void {
    if (this.#start === null) this.phantoms += this.find(`event ${n} came before any position was fixed`);
    const accepted = this.#accepted.get(n);
    if (accepted === undefined && !this.unknown.has(n)) this.phantoms += this.find(`event ${n} was never accepted`);
    if (this.#delivered.has(n)) {
      this.duplicates += this.find(`event ${n} came twice`);
      return;
    }
    this.#delivered.add(n);
    if (offset <= this.#offset) {
      this.orderBreaks += this.find(`event ${n} came at offset ${offset} behind offset ${this.#offset}`);
    } else if (accepted !== undefined && n < this.#newest) {
      this.orderBreaks += this.find(`event ${n} came behind event ${this.#newest}`);
    } else if (accepted !== undefined && (accepted.offset !== offset || accepted.epoch !== this.#epoch)) {
      const { epoch, offset: place } = accepted;
      this.orderBreaks += this.find(`event ${n} came at ${this.#epoch}/${offset}, its receipt says ${epoch}/${place}`);
    }
    this.#offset = Math.max(this.#offset, offset);
    if (accepted !== undefined) this.#newest = Math.max(this.#newest, n);
  }

  #isBefore(event: Accepted, start: { readonly epoch: string; readonly offset: number }): boolean {
    if (event.epoch === start.epoch) return event.offset <= start.offset;
    return this.#placeOf(event.epoch) < this.#placeOf(start.epoch);
  }

  #covers(gap: Gap, event: Accepted): boolean {
    if (gap.epoch === event.epoch) return gap.from <= event.offset && event.offset <= gap.to;
    // All that is missing of an older life of the stream.
    return gap.reason === "epoch" && this.#placeOf(event.epoch) < this.#placeOf(gap.epoch);
  }

  #placeOf(epoch: string): number {
    const index = this.#epochs.indexOf(epoch);
    return index === -1 ? this.#epochs.length : index;
  }
}

class StateAudit extends LineAudit {
  readonly #accepted: ReadonlyMap<number, AcceptedChange>;
  /** Key → number of the change that set it. */
  readonly #view = new Map<string, number>();
  #start: Extract<Seen, { readonly kind: "start" }> | null = null;
  #epoch = "";
  #revision = 0;
  #changes = 0;

  constructor(receipts: Receipts) {
    super(receipts);
    this.#accepted = new Map(receipts.state.map((each) => [each.n, each]));
  }

  see(seen: Seen): void {
    if (seen.kind === "start") {
      this.#start = seen;
      this.#epoch = seen.epoch;
      this.#revision = seen.revision;
    } else if (seen.kind === "gap") {
      if (seen.epoch !== this.#epoch) this.#revision = 0;
      this.#epoch = seen.epoch;
    } else if (seen.kind === "snapshot") {
      this.#view.clear();
      this.#revision = 0;
    } else if (seen.kind === "change") this.#change(seen);
  }

  close(): Account {
    const wanted = this.#wanted();
    for (const [key, n] of wanted) {
      const got = this.#view.get(key);
      // A change without an answer may have come after it.
      const isOpen = this.receipts.unknown.some((each) => each > (n ?? 0) && (got === undefined || got === each));
      if (got === n || isOpen) continue;
      const is = got === undefined ? "is gone" : `is of change ${got}`;
      this.losses += this.find(`key ${key} ${is}, expected ${n === undefined ? "it gone" : `that of change ${n}`}`);
    }
    return { ...this.faults, owed: wanted.size, changes: this.#changes };
  }

  /** What each key must be in the end; undefined: gone. */
  #wanted(): ReadonlyMap<string, number | undefined> {
    const wanted = new Map<string, number | undefined>();
    if (this.#start === null) return wanted;
    const { held, state } = this.receipts;
    if (held !== undefined) {
      for (const key of this.#view.keys()) wanted.set(key, undefined);
      for (const [key, n] of Object.entries(held)) wanted.set(key, n);
      return wanted;
    }
    // Keys that were last set before the client came, or before the store lost its data, are nobody's to check.
    for (const { key, n, deleted, epoch, offset } of state) {
      const isOwed = epoch !== this.#start.epoch || offset > this.#start.revision;
      if (isOwed && epoch === this.#epoch) wanted.set(key, deleted ? undefined : n);
    }
    return wanted;
  }

  #change({ n, revision, key, deleted }: Extract<Seen, { readonly kind: "change" }>): void {
    this.#changes += 1;
    const accepted = this.#accepted.get(n);
    if (accepted === undefined && !this.unknown.has(n)) this.phantoms += this.find(`change ${n} was never accepted`);
    if (revision <= this.#revision) {
      const again = this.#view.get(key) === n;
      if (again) this.duplicates += this.find(`change ${n} of key ${key} came twice`);
      else this.orderBreaks += this.find(`change ${n} came at revision ${revision} behind ${this.#revision}`);
      return;
    }
    this.#revision = revision;
    if (deleted) this.#view.delete(key);
    else this.#view.set(key, n);
  }
}
