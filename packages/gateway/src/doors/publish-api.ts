// POST /api/v1/publish, PROTOCOL §8. No CORS headers on purpose: it is for servers; pages publish over their link.
import type { IncomingMessage, ServerResponse } from "node:http";
import { systemClock } from "@trunkline/core/clock";
import type { Clock, Logger } from "@trunkline/core/ports";
import { type Publishing, type PublishOutcome, type PublishScope, accountChannel } from "@trunkline/core/publish";
import type { PublishRequest, WireError } from "@trunkline/core/wire";
import { bearerOf, foreignPage, noBearer, originAllowed } from "../admission.ts";
import { type Principal, idForbidden, mayPublish, mayUseId, principalKey } from "../auth/principal.ts";
import type { Reception } from "../auth/reception.ts";
import type { RequestInfo } from "../auth/request-info.ts";
import { type GatewayStats, countRefused } from "../metrics.ts";
import { sendError, sendJson } from "./json-response.ts";
import { discard, readBody, textOf } from "./request-body.ts";

export interface PublishApiOptions extends Reception {
  /** Origins besides the gateway's own whose pages may send requests. @defaultValue none */
  readonly origins?: readonly string[] | undefined;
  readonly publishing: Publishing;
  /** False while the gateway drains. */
  readonly isAccepting: () => boolean;
  /** @defaultValue 1_048_576 */
  readonly maxBodyBytes?: number | undefined;
  /** How long a body may take to arrive, in milliseconds. @defaultValue 30_000 */
  readonly bodyTimeoutMs?: number | undefined;
  /** @defaultValue the system's */
  readonly clock?: Pick<Clock, "wallTime" | "setTimer" | "clearTimer"> | undefined;
  /** Most events of one batch. @defaultValue 1000 */
  readonly maxBatch?: number | undefined;
  readonly stats?: GatewayStats | undefined;
  /** @defaultValue silent */
  readonly logger?: Logger | undefined;
}

const publishApiDefaults = { maxBodyBytes: 1024 * 1024, bodyTimeoutMs: 30_000, maxBatch: 1000 } as const;

/** A refusal on its way to the client. */
interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Handles every request to the publish path; the caller has matched the path. */
export function createPublishApi(
  options: PublishApiOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { entrance, waitingRoom, origins = [], publishing, isAccepting, stats, logger } = options;
  const maxBodyBytes = options.maxBodyBytes ?? publishApiDefaults.maxBodyBytes;
  const { clock = systemClock, bodyTimeoutMs = publishApiDefaults.bodyTimeoutMs } = options;
  const limits = { maxBytes: maxBodyBytes, withinMs: bodyTimeoutMs, clock };
  const maxBatch = options.maxBatch ?? publishApiDefaults.maxBatch;

  const refuse = (response: ServerResponse, { status, code, message, headers }: Refusal): void => {
    if (stats !== undefined) countRefused(stats, code);
    sendError(response, status, code, message, headers);
  };

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

  const answer = async (response: ServerResponse, principal: Principal, bytes: Buffer): Promise<void> => {
    // The body may have taken its time to arrive.
    if (!isAccepting()) return refuse(response, draining);
    if (principal.kind === "user" && (principal.expiresAt ?? Infinity) <= clock.wallTime())
      return refuse(response, unauthorized({ message: ended }));
    const parsed = parse(bytes);
    if (!parsed.ok) return refuse(response, { status: 400, code: "gateway.bad-request", message: parsed.problem });
    if (!Array.isArray(parsed.value)) {
      const outcome = await publish(principal, parsed.value);
      if (outcome.ok) return sendJson(response, 202, outcome.receipt);
      return sendError(response, outcome.status, outcome.error.code, outcome.error.message);
    }
    if (parsed.value.length > maxBatch) {
      const message = `expected at most ${maxBatch} events in a batch, got ${parsed.value.length}; send it in parts`;
      return refuse(response, { status: 413, code: "gateway.too-large", message });
    }
    // All are handed over before the first is awaited: order of calls is order of offsets.
    const outcomes = await Promise.all(parsed.value.map((item) => publish(principal, item)));
    // 207 Multi-Status when they differ from "all accepted": what became of each item is in the item.
    sendJson(response, outcomes.every(({ ok }) => ok) ? 202 : 207, outcomes.map(itemOf));
  };

  const take = (request: IncomingMessage, response: ServerResponse, principal: Principal): void =>
    readBody(request, limits, (body) => {
      if (body === "too-slow") return refuse(response, tooSlow(bodyTimeoutMs));
      if (body === "too-long") {
        const message = `expected a body of at most ${maxBodyBytes} bytes, got more; send a batch in parts`;
        refuse(response, { status: 413, code: "gateway.too-large", message });
        discard(request, limits);
        return;
      }
      answer(response, principal, body).catch((error: unknown) => {
        if (stats !== undefined) stats.errors += 1;
        logger?.error("a publish request failed", { error });
        sendError(
          response,
          500,
          "gateway.internal",
          "the gateway failed; nothing is known about this publish, retry it with an id",
        );
      });
    });

  return (message, response) => {
    const request = options.readRequest(message);
    const turnAway = (refusal: Refusal): void => {
      refuse(response, refusal);
      discard(message, limits);
    };
    const refusal = problemOf(message.method, request, isAccepting(), origins);
    if (refusal !== null) return turnAway(refusal);
    const token = bearerOf(request.headers.authorization);
    if (token === null) return turnAway(unauthorized(noBearer));
    waitingRoom.wait(entrance.enter({ token, request }), (who) => {
      // Whoever went away meanwhile needs no answer.
      if (response.destroyed) return;
      if (!isAccepting()) return turnAway(draining);
      if (!who.ok) return turnAway(refusalOf(who));
      const { principal } = who;
      if (principal.kind === "secret" || (principal.kind === "user" && (principal.mayPublish ?? []).length > 0))
        return take(message, response, principal);
      if (principal.kind === "anonymous") return turnAway(unauthorized({ message: wantsKey }));
      turnAway({ status: 403, code: "gateway.forbidden", message: listener });
    });
  };
}

const wantsKey = "publishing takes a secret key; send it as Authorization: Bearer KEY";
const ended = "expected a token that is still good, got one that has ended; fetch another";
const listener = "this key or token may only listen; publish with a secret key, from a server";
/** The same words whatever the channel is. */
const forbidden = "this token may not publish to this channel; publish with one that may, or with a secret key";

function unauthorized({ message }: { readonly message: string }): Refusal {
  return { status: 401, code: "gateway.unauthorized", message, headers: { "WWW-Authenticate": "Bearer" } };
}

function refusalOf({ status, error }: { readonly status: number; readonly error: WireError }): Refusal {
  if (status === 401) return unauthorized(error);
  return { status, ...error, ...(status === 503 && { headers: { "Retry-After": "1" } }) };
}

const draining: Refusal = {
  status: 503,
  code: "gateway.unavailable",
  message: "the gateway is shutting down; send this to another one or try again shortly",
  headers: { "Retry-After": "1", Connection: "close" },
};

function tooSlow(withinMs: number): Refusal {
  const message = `expected the whole body within ${withinMs} ms, got a part`;
  return { status: 408, code: "gateway.bad-request", message, headers: { Connection: "close" } };
}

/** What the request line and headers say against it, before it is known who it is; null: nothing. */
function problemOf(
  method: string | undefined,
  { headers, origin, host }: RequestInfo,
  accepting: boolean,
  origins: readonly string[],
): Refusal | null {
  if (method !== "POST") {
    const message = `expected POST, got ${method}`;
    return { status: 405, code: "gateway.unsupported", message, headers: { Allow: "POST" } };
  }
  if (!accepting) return draining;
  // A browser sends the cookies of its user along, whichever page asks it to.
  if (origin !== undefined && !originAllowed(origin, host, origins)) return { status: 403, ...foreignPage(origin) };
  // Content-Type is not asked for: `curl -d` labels JSON as a form, and what keeps foreign pages out is the key.
  const encoding = headers["content-encoding"];
  if (encoding === undefined || encoding === "identity") return null;
  const message = `expected plain JSON, got Content-Encoding ${JSON.stringify(encoding)}`;
  return { status: 415, code: "gateway.unsupported", message };
}

type Parsed = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: string };

function parse(bytes: Buffer): Parsed {
  const text = textOf(bytes);
  if (text === null) return { ok: false, problem: "body: expected UTF-8 text, got other bytes" };
  if (text.trim() === "")
    return { ok: false, problem: 'body: expected JSON such as {"event":"post.created","data":{}}, got nothing' };
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    // The engine's message says where; what it quotes of the body goes back to its sender alone.
    return {
      ok: false,
      problem: `body: expected JSON, got: ${error instanceof Error ? error.message : "something else"}`,
    };
  }
}

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
