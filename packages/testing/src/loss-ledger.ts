// The books of a test: what publishers were promised, and what each client got.
import type { Client, EventMeta, Gap, PublishReceipt, Resumed } from "@trunkline/core";
import { type AcceptedEvent, auditChannel, type LossFinding, type Seen } from "./loss-audit.ts";

/** An accepted event as the ledger takes it: a receipt, or an event of `gateway.published()`. */
export type AcceptedReceipt =
  | PublishReceipt
  | (Omit<AcceptedEvent, "line"> & { readonly channel: string; readonly line: "log" | "state" | "volatile" });

/** A finding, and whose. */
export interface ClientFinding extends LossFinding {
  readonly client: string;
  readonly channel: string;
}

export interface LossLedger {
  /**
   * Notes what was accepted. The same place may be noted again.
   * @param change of an event on the state line: its key, and whether it was deleted. @defaultValue absent: a log event
   */
  accept(receipt: AcceptedReceipt, change?: { readonly key: string; readonly deleted?: boolean }): void;
  /**
   * Notes from now on what `client` gets. Follow a client that is `ready()`: it is owed what comes after its positions of this
   * moment; of channels it joins later, what comes from their first event on, or from the first look at the findings.
   * @param name names it in findings. @defaultValue "client 1", "client 2", …
   * @returns its undo; what was noted stays
   */
  follow(client: Client, name?: string): () => void;
  /** What is wrong so far. Empty: every accepted event came to every client that is owed it, once and in order, or a gap covers it. */
  findings(): readonly ClientFinding[];
}

/** Thrown by `assertNoLoss`: `findings` has all, the message the first 20. */
export class LossError extends Error {
  override readonly name = "LossError";
  readonly findings: readonly ClientFinding[];

  constructor(findings: readonly ClientFinding[]) {
    super(describe(findings));
    this.findings = findings;
  }
}

/**
 * Call it when the clients have had time to catch up; `vi.waitFor(() => assertNoLoss(ledger))` gives it to them.
 * @throws {LossError} listing what is missing, came twice or out of order, by client, channel and offset
 */
export function assertNoLoss(ledger: LossLedger): void {
  const findings = ledger.findings();
  if (findings.length > 0) throw new LossError(findings);
}

/** Books without an entry. */
export function lossLedger(): LossLedger {
  return new Ledger();
}

class Ledger implements LossLedger {
  readonly #accepted = new Map<string, AcceptedEvent[]>();
  /** Places noted, so that none counts twice. */
  readonly #places = new Set<string>();
  readonly #diaries: {
    readonly client: string;
    readonly seen: Map<string, Seen[]>;
    /** Begins with what the client has joined meanwhile. */
    readonly begin: () => void;
  }[] = [];

  accept(receipt: AcceptedReceipt, change?: { readonly key: string; readonly deleted?: boolean }): void {
    const { channel, ...event } = acceptedEvent(receipt, change);
    // `volatile` events have no place, and are promised to nobody.
    if (event.epoch === "") return;
    const place = `${channel}\0${event.line} ${event.epoch} ${event.offset}`;
    if (this.#places.has(place)) return;
    this.#places.add(place);
    this.#of(channel).push(event);
  }

  follow(client: Client, name = `client ${this.#diaries.length + 1}`): () => void {
    const seen = new Map<string, Seen[]>();
    let following = true;
    const begin = (): void => {
      if (!following) return;
      for (const { channel, position } of client.health().streams) {
        if (position === null || seen.has(channel)) continue;
        seen.set(channel, [this.#start(channel, position.epoch, position.offset, position.state?.revision ?? 0)]);
      }
    };
    begin();
    this.#diaries.push({ client: name, seen, begin });
    const note = (channel: string, ...entries: readonly Seen[]): void => {
      const entriesOf = seen.get(channel);
      if (entriesOf === undefined) seen.set(channel, [...entries]);
      else entriesOf.push(...entries);
    };
    const onEvent = (_data: unknown, { channel, offset, revision, tag = "", key = "", deleted }: EventMeta) => {
      if (offset === undefined && revision === undefined) return;
      if (!seen.has(channel)) {
        const position = client.health().streams.find((stream) => stream.channel === channel)?.position;
        const before = offset === undefined ? (position?.offset ?? 0) : offset - 1;
        note(channel, this.#start(channel, position?.epoch ?? "", before, (revision ?? 1) - 1));
      }
      if (offset !== undefined) note(channel, { kind: "event", offset, tag });
      else if (revision !== undefined) note(channel, { kind: "change", revision, key, deleted: deleted === true });
    };
    const onGap = ({ channel, reason, from, to, position: { epoch, offset }, snapshot = false }: Gap): void => {
      if (!seen.has(channel)) return;
      const accepted = this.#of(channel).length;
      note(channel, { kind: "gap", reason, from, to, epoch, offset, accepted });
      if (snapshot) note(channel, { kind: "snapshot" });
    };
    const onResumed = ({ channel, verdict }: Resumed): void => {
      if (verdict === "snapshot" && seen.has(channel)) note(channel, { kind: "snapshot" });
    };
    const undo = [client.on("*", onEvent), client.on("gap", onGap), client.on("resumed", onResumed)];
    return () => {
      following = false;
      for (const off of undo) off();
    };
  }

  findings(): readonly ClientFinding[] {
    for (const { begin } of this.#diaries) begin();
    return this.#diaries.flatMap(({ client, seen }) =>
      [...seen].flatMap(([channel, entries]) =>
        auditChannel(this.#of(channel), entries).map((finding) => ({ client, channel, ...finding })),
      ),
    );
  }

  #start(channel: string, epoch: string, offset: number, revision: number): Seen {
    return { kind: "start", epoch, offset, revision, accepted: this.#of(channel).length };
  }

  #of(channel: string): AcceptedEvent[] {
    let events = this.#accepted.get(channel);
    if (events === undefined) this.#accepted.set(channel, (events = []));
    return events;
  }
}

function acceptedEvent(
  receipt: AcceptedReceipt,
  change: { readonly key: string; readonly deleted?: boolean } | undefined,
): AcceptedEvent & { readonly channel: string } {
  const { epoch, offset } = receipt;
  if ("stream" in receipt) {
    const place = { channel: receipt.stream, epoch, offset };
    return change === undefined ? { ...place, line: "log" } : { ...place, line: "state", ...change };
  }
  const { channel, key, deleted = false, line } = receipt;
  if (line !== "state") return { channel, epoch, offset, line: "log" };
  return { channel, epoch, offset, line, deleted, ...(key !== undefined && { key }) };
}

const shown = 20;

function describe(findings: readonly ClientFinding[]): string {
  const lines = findings
    .slice(0, shown)
    .map(
      ({ kind, client, channel, line, epoch, offset, key }) =>
        `  ${client}: ${channel}: ${kind}: ${line === "log" ? "offset" : "revision"} ${offset}` +
        `${key === undefined ? "" : ` of key ${JSON.stringify(key)}`} (epoch ${epoch})`,
    );
  const more = findings.length > shown ? [`  … and ${findings.length - shown} more`] : [];
  return ["expected every accepted event once and in order, or a gap that covers it; got", ...lines, ...more].join(
    "\n",
  );
}
