// What is written down during a run, on both ends: the publisher's receipts and what each client saw.
import type { GapReason } from "@trunkline/core/wire";

/** One event of the log that a gateway answered with a receipt. */
export interface Accepted {
  /** The publisher's own number: 1, 2, 3, … per stream. */
  readonly n: number;
  readonly epoch: string;
  readonly offset: number;
}

/** One change of the state line that a gateway answered with a receipt. */
export interface AcceptedChange extends Accepted {
  readonly key: string;
  readonly deleted: boolean;
}

/** What became of everything that was published to one stream, in the order of publishing. */
export interface Receipts {
  readonly log: readonly Accepted[];
  readonly state: readonly AcceptedChange[];
  /** Published without an answer: may appear once, or not at all. Numbers of both lines. */
  readonly unknown: readonly number[];
  /**
   * What the store holds in the end, by key the number of its change; for clients that were there before the first one.
   * Absent: each key is what it was last set to in the epoch of the end.
   */
  readonly held?: Readonly<Record<string, number>>;
}

/** One thing that a client saw on one stream. */
export type Seen =
  /** The position from which it is owed everything. */
  | { readonly kind: "start"; readonly epoch: string; readonly offset: number; readonly revision: number }
  | { readonly kind: "event"; readonly n: number; readonly offset: number }
  | {
      readonly kind: "change";
      readonly n: number;
      readonly revision: number;
      readonly key: string;
      readonly deleted: boolean;
    }
  | {
      readonly kind: "gap";
      readonly reason: GapReason;
      readonly from: number;
      readonly to: number;
      readonly epoch: string;
      /** The head at that time, after which events go on. */
      readonly offset: number;
    }
  /** The state is told anew: a key that does not come from now on is gone. */
  | { readonly kind: "snapshot" };
