// The verbs' way to a broker, in the name of the operator.
import { UsageError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import { accountProblem } from "./account.ts";
import { type Publishing, operatorPrefix, receiptOf } from "./publishing.ts";
import type { VerbsOptions } from "./verbs.ts";
import { waitFor } from "./wait.ts";

/**
 * Publishes inside `account`. `method` begins the messages of its errors.
 * @throws {UsageError} `usage.bad-argument` when `account` can't be one
 */
export function brokerSend(
  publishing: Publishing,
  account: string,
  method: string,
  clock: Pick<Clock, "setTimer" | "clearTimer">,
): VerbsOptions["send"] {
  const problem = accountProblem(account);
  if (problem !== null) throw new UsageError("usage.bad-argument", `${method}: account: ${problem}`);
  const scope = { account, dedupePrefix: operatorPrefix, patterns: true };
  return (request, wait) =>
    waitFor(
      () => publishing.publish(scope, request).then((outcome) => receiptOf(outcome, method)),
      wait,
      clock,
      method,
    );
}
