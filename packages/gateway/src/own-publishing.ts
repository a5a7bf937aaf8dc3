// What gateway code publishes by itself, in any account.
import { UsageError } from "@trunkline/core/errors";
import { type Publishing, accountProblem, defaultAccount, operatorPrefix, receiptOf } from "@trunkline/core/publish";
import type { PublishReceipt, PublishRequest } from "@trunkline/core/wire";

/** @throws {GatewayError} as over HTTP @throws {UsageError} `usage.bad-argument` when `account` can't be one */
export async function publishOwn(
  publishing: Publishing,
  account: string = defaultAccount,
  request: PublishRequest,
): Promise<PublishReceipt> {
  const problem = accountProblem(account);
  if (problem !== null) throw new UsageError("usage.bad-argument", `gateway.publish: account: ${problem}`);
  return receiptOf(await publishing.publish({ account, dedupePrefix: operatorPrefix }, request), "gateway.publish");
}
