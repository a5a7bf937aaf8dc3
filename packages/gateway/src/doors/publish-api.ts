// POST /api/v1/publish, PROTOCOL §8.
import type { IncomingMessage, ServerResponse } from "node:http";
import { type Publishing, type PublishOutcome, type PublishScope, accountChannel } from "@trunkline/core/publish";
import type { PublishRequest } from "@trunkline/core/wire";
import { type Principal, idForbidden, mayPublish, mayUseId, principalKey } from "../auth/principal.ts";
import { countRefused } from "../metrics.ts";
import { type JsonPostOptions, type Refusal, createJsonPost, unauthorized } from "./json-post.ts";
import { sendError, sendJson } from "./json-response.ts";

export interface PublishApiOptions extends JsonPostOptions {
  readonly publishing: Publishing;
  /** Most events of one batch. @defaultValue 1000 */
  readonly maxBatch?: number | undefined;
}

const maxBatchDefault = 1000;

/** Handles every request to the publish path; the caller has matched the path. */
export function createPublishApi(
  options: PublishApiOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { publishing, stats, maxBatch = maxBatchDefault } = options;

  /** The broker is called before this returns. */
  const publish = (principal: Principal, item: unknown): Promise<PublishOutcome> => {
    const { account } = principal;
    // What is no request is nobody's channel, and told as such.
    const { channel = accountChannel(account), id } = (item ?? {}) as {
      readonly channel?: unknown;
      readonly id?: unknown;
    };
    const maySay = typeof channel !== "string" || mayPublish(principal, channel);
    if (!maySay || !mayUseId(principal, id)) {
      if (stats !== undefined) countRefused(stats, "gateway.forbidden");
      const message = maySay ? idForbidden : forbidden;
      return Promise.resolve({ ok: false, status: 403, error: { code: "gateway.forbidden", message } });
    }
    const scope = { account, dedupePrefix: principalKey(principal), patterns: principal.kind === "secret" };
    return publishItem(publishing, scope, item);
  };

  const answer = async (
    response: ServerResponse,
    principal: Principal,
    value: unknown,
  ): Promise<Refusal | undefined> => {
    if (!Array.isArray(value)) {
      const outcome = await publish(principal, value);
      if (outcome.ok) sendJson(response, 202, outcome.receipt);
      else sendError(response, outcome.status, outcome.error.code, outcome.error.message);
      return undefined;
    }
    if (value.length > maxBatch) {
      const message = `expected at most ${maxBatch} events in a batch, got ${value.length}; send it in parts`;
      return { status: 413, code: "gateway.too-large", message };
    }
    // All are handed over before the first is awaited: order of calls is order of offsets.
    const outcomes = await Promise.all(value.map((item) => publish(principal, item)));
    // 207 Multi-Status when they differ from "all accepted": what became of each item is in the item.
    sendJson(response, outcomes.every(({ ok }) => ok) ? 202 : 207, outcomes.map(itemOf));
    return undefined;
  };

  return createJsonPost(options, {
    name: "publish",
    example: '{"event":"post.created","data":{}}',
    remedy: "nothing is known about this publish, retry it with an id",
    refusal,
    answer,
  });
}

function refusal(principal: Principal): Refusal | null {
  if (principal.kind === "secret" || (principal.kind === "user" && (principal.mayPublish ?? []).length > 0))
    return null;
  if (principal.kind === "anonymous") return unauthorized({ message: wantsKey });
  return { status: 403, code: "gateway.forbidden", message: listener };
}

const wantsKey = "publishing takes a secret key; send it as Authorization: Bearer KEY";
const listener = "this key or token may only listen; publish with a secret key, from a server";
/** The same words whatever the channel is. */
const forbidden = "this token may not publish to this channel; publish with one that may, or with a secret key";

/** `retryMs` says that it is a repetition (PROTOCOL §8.6); the rest is the request. */
async function publishItem(publishing: Publishing, scope: PublishScope, item: unknown): Promise<PublishOutcome> {
  if (typeof item !== "object" || item === null || !("retryMs" in item))
    return publishing.publish(scope, item as PublishRequest);
  const { retryMs, ...request } = item;
  if (typeof retryMs === "number" && retryMs >= 0) return publishing.publish(scope, request as PublishRequest, retryMs);
  const message = `retryMs: expected a number of at least 0, got ${typeof retryMs === "number" ? retryMs : typeof retryMs}`;
  return { ok: false, status: 400, error: { code: "gateway.bad-request", message } };
}

function itemOf(outcome: PublishOutcome): object {
  return outcome.ok ? { status: 202, ...outcome.receipt } : { status: outcome.status, error: outcome.error };
}
