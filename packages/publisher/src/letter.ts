// One event on its way over HTTP: what is sent of it, what is known of it.
import { GatewayError, LinkError, type TrunklineError } from "@trunkline/core/errors";
import { newEventId, pushProblem } from "@trunkline/core/publish";
import { type PublishReceipt, type PublishRequest, byteLength } from "@trunkline/core/wire";

/** Begins the messages of its errors. */
export const method = "publisher.publish";

/** One event from its call to its result. */
export interface Letter {
  /** In the order of the calls. */
  readonly number: number;
  /** The request as JSON. */
  readonly text: string;
  readonly bytes: number;
  /** "" is the account's own. */
  readonly channel: string;
  /** When the first attempt began of which nobody knows what became. */
  doubtSince: number | null;
  lastError: TrunklineError | null;
  sending: boolean;
  sentAt: number;
  settled: boolean;
  /** It has its result, and was or may have been published. */
  reached: boolean;
  settle(result: PublishReceipt | TrunklineError): void;
}

/** PROTOCOL §8.4: the largest body that a gateway takes. */
export const maxBatchBytes = 1024 * 1024;
/** Room for a comma and `"retryMs":…` in each. */
const itemOverheadBytes = 32;

/** Bytes that `text` takes in a batch. */
export function bytesOf(text: string): number {
  return byteLength(text) + itemOverheadBytes;
}

/** Whether a letter that ends with `result` was or may have been published. */
export function mayBePublished({ sending, doubtSince }: Letter, result: PublishReceipt | TrunklineError): boolean {
  return sending || doubtSince !== null || !("code" in result) || result.code === "gateway.outcome-unknown";
}

/** What is to be said of a letter that is given up: `why`, such as "no receipt within 100 ms". */
export function givenUp({ sending, doubtSince, lastError }: Letter, why: string): TrunklineError {
  if (!sending && doubtSince === null)
    return lastError ?? new LinkError("link.timeout", `${method}: ${why}; it was not sent`);
  const message = `${method}: ${why}; it may be published: repeat it with the same id`;
  return new GatewayError("gateway.outcome-unknown", message, lastError === null ? {} : { cause: lastError });
}

/** @throws {GatewayError} as the gateway would refuse it */
export function textOf(given: PublishRequest): string {
  const problem = pushProblem(given);
  if (problem !== null) throw new GatewayError("gateway.bad-request", `${method}: ${problem}`);
  // An id makes repetitions safe.
  const request = { ...given, id: given.id ?? newEventId(), data: given.data ?? null };
  let text: string | null = null;
  try {
    if (JSON.stringify(request.data) !== undefined) text = JSON.stringify(request);
  } catch {
    // A cycle, or a bigint.
  }
  if (text === null) {
    const message = `${method}: data: expected a JSON value, got one that JSON can't hold`;
    throw new GatewayError("gateway.bad-request", message);
  }
  if (bytesOf(text) <= maxBatchBytes) return text;
  throw new GatewayError(
    "gateway.too-large",
    `${method}: expected an event of less than ${maxBatchBytes} bytes as JSON`,
  );
}
