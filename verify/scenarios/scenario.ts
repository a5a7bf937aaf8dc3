import type { Account } from "../ledger/ledger.ts";
import type { Random } from "../random.ts";

/** What a scenario is run with. */
export interface Run {
  /** The small form: few clients, in seconds. */
  readonly quick: boolean;
  readonly random: Random;
  /** Says what happens, for people. */
  readonly say: (what: string) => void;
  /** Whatever is put here is ended when the run is over, last one first. */
  readonly ends: (() => Promise<unknown>)[];
}

/** What came of it. */
export interface Outcome {
  readonly clients: number;
  /** Publishes with a receipt, and without an answer. */
  readonly published: number;
  readonly unknown: number;
  readonly account: Account;
  /** From the moment that nothing was in a client's way any more to its having everything, in milliseconds. */
  readonly returnsMs: readonly number[];
  /** From a client's new link to its having everything. */
  readonly replaysMs: readonly number[];
  /** Clients that were not connected in the end. */
  readonly neverBack: number;
  /** Targets of this scenario's own that were missed. */
  readonly misses: readonly string[];
  /** More to tell. */
  readonly notes: readonly string[];
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  run(run: Run): Promise<Outcome>;
}
