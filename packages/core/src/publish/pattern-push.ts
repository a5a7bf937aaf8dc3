// A push by pattern on its way to all gateways: nobody knows every channel that there is, so each gateway looks among its own.
import type { StreamName } from "../ports/broker.ts";
import { type PublishRequest, publishProblem } from "../wire/publish-request.ts";
import { accountProblem } from "./account.ts";
import { channelPatternProblem, isChannelPattern } from "./channel-pattern.ts";
import { newEventId } from "./event-id.ts";

/** What all gateways listen to for pushes by pattern; they come as volatile messages. No account can be named so. */
export const patternPushStream = "~gateway/push" as StreamName;

/** One event for the channels of an account that match. */
export interface PatternPush {
  readonly account: string;
  readonly pattern: string;
  /** JSON object text, as each of them gets it. */
  readonly body: string;
}

/** As `publishProblem`, of a request whose `channel` may be a pattern. Total. */
export function pushProblem(value: unknown): string | null {
  const { channel } = (value ?? {}) as Partial<PublishRequest>;
  if (typeof channel !== "string" || !isChannelPattern(channel)) return publishProblem(value);
  const problem = channelPatternProblem(channel);
  if (problem !== null) return `channel: ${problem}`;
  const { channel: _, ...rest } = value as PublishRequest;
  return publishProblem(rest);
}

/** By this clients on several channels know that it is one event (PROTOCOL §8.7): `id` when it is such a one, else a new one. */
export function pushId(id?: string): string {
  return id?.startsWith("push:") === true ? id : `push:${newEventId()}`;
}

export function writePatternPush(push: PatternPush): string {
  return JSON.stringify(push);
}

/** null when `text` is none. Total. */
export function readPatternPush(text: string): PatternPush | null {
  let value: Partial<Record<keyof PatternPush, unknown>> | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return null;
  }
  const { account, pattern, body } = value ?? {};
  if (typeof account !== "string" || accountProblem(account) !== null) return null;
  if (typeof pattern !== "string" || channelPatternProblem(pattern) !== null) return null;
  // Its text is spliced into messages.
  return typeof body === "string" && body.startsWith('{"event":"') && body.endsWith("}")
    ? { account, pattern, body }
    : null;
}
