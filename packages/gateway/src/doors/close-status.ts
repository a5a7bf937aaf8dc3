// A close before anything was opened is an answer: which HTTP status says it.
import { CloseCode } from "@trunkline/core/wire";

const statuses: Readonly<Record<number, readonly [status: number, code: string]>> = {
  [CloseCode.badRequest]: [400, "gateway.bad-request"],
  [CloseCode.unauthorized]: [401, "gateway.unauthorized"],
  [CloseCode.forbidden]: [403, "gateway.forbidden"],
  [CloseCode.internalError]: [500, "gateway.internal"],
  [CloseCode.rateLimited]: [429, "gateway.rate-limited"],
};

/** The HTTP status of a close code, and the code of its error. */
export function closeStatus(closeCode: number): readonly [status: number, code: string] {
  return statuses[closeCode] ?? [503, "gateway.unavailable"];
}
