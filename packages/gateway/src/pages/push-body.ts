// What is pushed to one page alone, as it is stored on that page's own stream (PROTOCOL §15).
import { UsageError } from "@trunkline/core/errors";
import { isTooDeep, tooDeep } from "@trunkline/core/publish";

/**
 * The stored text: an event `message` that is meant for `channel`.
 * @throws {UsageError} `usage.bad-argument` when JSON can't hold the message
 */
export function pushBody(channel: string, message: unknown): string {
  const data = jsonOf(message === undefined ? null : message);
  if (data === undefined)
    throw new UsageError(
      "usage.bad-argument",
      `gateway.pushTo: message: expected a JSON value, got one that JSON can't hold (${typeof message})`,
    );
  const body = `{"event":"message","data":${data},"for":${JSON.stringify(channel)}}`;
  if (isTooDeep(body)) throw new UsageError("usage.bad-argument", `gateway.pushTo: message: ${tooDeep}`);
  return body;
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
