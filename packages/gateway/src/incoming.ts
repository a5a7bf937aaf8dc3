// What clients say that is not for the gateway itself: words at the raw door and in the plain dialect, calls in `trunkline.v1`.
import type { CallFrame } from "@trunkline/core/wire";
import type { Connection } from "./connection.ts";

/** Text as it came, or a call of `trunkline.v1`. */
export type IncomingData = string | CallFrame;

export interface Incoming {
  readonly data: IncomingData;
  /** Whose words these are. */
  readonly connection: Connection;
}
