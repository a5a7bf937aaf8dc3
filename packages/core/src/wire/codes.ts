// Close codes and what a client does after each. PROTOCOL §6; the same table as data: test/vectors/closes.json.

/** RFC 6455 §7.4.1 and the private codes of Trunkline. */
export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  unsupportedData: 1003,
  noStatus: 1005,
  abnormal: 1006,
  invalidPayload: 1007,
  policyViolation: 1008,
  tooLarge: 1009,
  extensionRequired: 1010,
  internalError: 1011,
  serviceRestart: 1012,
  tryAgainLater: 1013,
  tlsFailed: 1015,
  badRequest: 4400,
  unauthorized: 4401,
  forbidden: 4403,
  unsupportedVersion: 4406,
  timeout: 4408,
  superseded: 4409,
  resync: 4410,
  rateLimited: 4429,
} as const;
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** RFC 6455 §5.6 opcodes of whole messages. */
export const MessageType = { text: 1, binary: 2 } as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/**
 * What a client does after a close: `backoff` waits as after any loss; `now` returns at once; `token` asks `getToken`
 * once more and is `never` when the fresh one fails too; `never` reports a fatal error.
 */
export type RetryRule = "backoff" | "now" | "token" | "never";

// Literals, so that a bundle that only retries does not carry the table of all codes.
export function retryRule(code: number): RetryRule {
  // resync, unauthorized
  if (code === 4410) return "now";
  if (code === 4401) return "token";
  // Of the codes that are ours, only timeout and rate-limited pass.
  return code >= 4400 && code < 4500 && code !== 4408 && code !== 4429 ? "never" : "backoff";
}

/**
 * The code a browser may send in place of `code`: it refuses all but 1000 and 3000–4999, so 1001 travels as 4901
 * (PROTOCOL §6.2). A number that is no close code at all becomes 1000, since closing must not throw.
 */
export function browserCloseCode(code: number): number {
  if (code > 1000 && code < 1016) return 4900 + (code - 1000);
  return code >= 3000 && code <= 4999 ? code : 1000;
}

/** What the browser meant: the inverse of `browserCloseCode`. */
export function meantCloseCode(code: number): number {
  return code > 4900 && code < 4916 ? 1000 + (code - 4900) : code;
}
