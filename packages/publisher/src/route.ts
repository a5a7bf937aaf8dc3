import type { VerbsOptions } from "@trunkline/core/publish";

/** A way that publishes take: a broker, or HTTP. */
export interface Route {
  /** Rejects with a `TrunklineError`. Order of calls is order of offsets. */
  readonly send: VerbsOptions["send"];
  /** Once nothing is under way any more. */
  close(): Promise<void>;
}
