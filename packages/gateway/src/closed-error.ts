import { UsageError } from "@trunkline/core/errors";

/** What a method of a closed gateway throws. */
export function closedError(method: string): UsageError {
  return new UsageError(
    "usage.closed",
    `gateway.${method}: expected an open gateway, got a closed one; create another`,
  );
}
