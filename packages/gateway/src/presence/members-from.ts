// `gateway.members`, with what it is given checked.
import { UsageError } from "@trunkline/core/errors";
import { channelProblem } from "@trunkline/core/wire";
import { accountProblem, defaultAccount } from "../auth/principal.ts";
import type { Member } from "./member.ts";
import type { Presence } from "./presence.ts";

/** @throws {UsageError} `usage.bad-argument`, `usage.unsupported` without presence @throws {GatewayError} `gateway.unavailable` */
export async function membersFrom(
  presence: Presence | null,
  channel: string,
  account: string = defaultAccount,
): Promise<readonly Member[]> {
  if (presence === null)
    throw new UsageError("usage.unsupported", "gateway.members: expected a gateway with presence, got presence: false");
  const problem = accountProblem(account) ?? channelProblem(channel);
  if (problem !== null) throw new UsageError("usage.bad-argument", `gateway.members: ${problem}`);
  return presence.members(account, channel);
}
