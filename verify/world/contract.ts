// What is published in every scenario: one kind of event per line, so that the books can tell them apart.
import { defineContract, event } from "trunkline";

export interface Numbered {
  /** The publisher's number. */
  readonly n: number;
  /** Makes it long. */
  readonly pad?: string;
}

export const contract = defineContract({
  events: {
    happened: event<Numbered>(),
    "value.set": event<Numbered>({ delivery: "state" }),
    "value.removed": event<Numbered>({ delivery: "state", deletes: true }),
  },
});

/** The one account of all that happens here. Nothing is reachable from outside this machine. */
export const secretKey = "verify-loss-key";
export const account = "verify";
