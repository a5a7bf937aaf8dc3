// POST /api/v1/publish, PROTOCOL §8. No CORS headers on purpose: only secret keys publish, and they have no business in pages.
import type { IncomingMessage, ServerResponse } from "node:http";
import { systemClock } from "@trunkline/core/clock";
import type { Clock, Logger } from "@trunkline/core/ports";
import type { Publishing, PublishOutcome, PublishScope } from "@trunkline/core/publish";
import type { PublishRequest } from "@trunkline/core/wire";
import type { Keyring } from "../auth/api-key.ts";
import { type Principal, mayPublish } from "../auth/principal.ts";
import { type GatewayStats, countRefused } from "../metrics.ts";
import { sendError, sendJson } from "./json-response.ts";
import { discard, readBody, textOf } from "./request-body.ts";

export interface PublishApiOptions {
  readonly keyring: Keyring;
  readonly publishing: Publishing;
  /** False while the gateway drains. */
  readonly isAccepting: () => boolean;
  /** @defaultValue 1_048_576 */
  readonly maxBodyBytes?: number | undefined;
  /** How long a body may take to arrive, in milliseconds. @defaultValue 30_000 */
  readonly bodyTimeoutMs?: number | undefined;
  /** @defaultValue the system's */
  readonly clock?: Pick<Clock, "setTimer" | "clearTimer"> | undefined;
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
  const { keyring, publishing, isAccepting, stats, logger } = options;
  const maxBodyBytes = options.maxBodyBytes ?? publishApiDefaults.maxBodyBytes;
  const { clock = systemClock, bodyTimeoutMs = publishApiDefaults.bodyTimeoutMs } = options;
  const limits = { maxBytes: maxBodyBytes, withinMs: bodyTimeoutMs, clock };
  const maxBatch = options.maxBatch ?? publishApiDefaults.maxBatch;

  const refuse = (response: ServerResponse, { status, code, message, headers }: Refusal): void => {
    if (stats !== undefined) countRefused(stats, code);
    sendError(response, status, code, message, headers);
  };

  const answer = async (response: ServerResponse, scope: PublishScope, bytes: Buffer): Promise<void> => {
    // The body may have taken its time to arrive.
    if (!isAccepting()) return refuse(response, draining);
    const parsed = parse(bytes);
    if (!parsed.ok) return refuse(response, { status: 400, code: "gateway.bad-request", message: parsed.problem });
    if (!Array.isArray(parsed.value)) {
      const outcome = await publishing.publish(scope, parsed.value as PublishRequest);
      if (outcome.ok) return sendJson(response, 202, outcome.receipt);
      return sendError(response, outcome.status, outcome.error.code, outcome.error.message);
    }
    if (parsed.value.length > maxBatch) {
      const message = `expected at most ${maxBatch} events in a batch, got ${parsed.value.length}; send it in parts`;
      return refuse(response, { status: 413, code: "gateway.too-large", message });
    }
    // All are handed over before the first is awaited: order of calls is order of offsets.
    const outcomes = await Promise.all(parsed.value.map((item) => publishing.publish(scope, item as PublishRequest)));
    // 207 Multi-Status when they differ from "all accepted": what became of each item is in the item.
    sendJson(response, outcomes.every(({ ok }) => ok) ? 202 : 207, outcomes.map(itemOf));
  };

  return (request, response) => {
    const admitted = admit(request, keyring, isAccepting());
    if (!admitted.ok) {
      refuse(response, admitted.refusal);
      discard(request, limits);
      return;
    }
    readBody(request, limits, (body) => {
      if (body === "too-slow") return refuse(response, tooSlow(bodyTimeoutMs));
      if (body === "too-long") {
        const message = `expected a body of at most ${maxBodyBytes} bytes, got more; send a batch in parts`;
        refuse(response, { status: 413, code: "gateway.too-large", message });
        discard(request, limits);
        return;
      }
      answer(response, admitted.scope, body).catch((error: unknown) => {
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
  };
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

type Admitted = { readonly ok: true; readonly scope: PublishScope } | { readonly ok: false; readonly refusal: Refusal };

/** What the request line and headers decide, before any of the body is read. */
function admit(request: IncomingMessage, keyring: Keyring, accepting: boolean): Admitted {
  const no = (status: number, code: string, message: string, headers?: Readonly<Record<string, string>>): Admitted => ({
    ok: false,
    refusal: { status, code, message, ...(headers !== undefined && { headers }) },
  });
  const { method, headers } = request;
  if (method !== "POST") return no(405, "gateway.unsupported", `expected POST, got ${method}`, { Allow: "POST" });
  if (!accepting) return { ok: false, refusal: draining };
  const challenge = { "WWW-Authenticate": "Bearer" };
  const { authorization, origin } = headers;
  const bearer = authorization === undefined ? undefined : /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
  if (authorization !== undefined && bearer === undefined) {
    return no(401, "gateway.unauthorized", "expected Authorization: Bearer KEY, got another form", challenge);
  }
  const authenticated = keyring.authenticate(bearer, { origin });
  if (!authenticated.ok) {
    const { status, error } = authenticated;
    return no(status, error.code, error.message, status === 401 ? challenge : undefined);
  }
  const scope = scopeOf(authenticated.principal);
  if (scope === null) {
    return bearer === undefined
      ? no(
          401,
          "gateway.unauthorized",
          "publishing takes a secret key; send it as Authorization: Bearer KEY",
          challenge,
        )
      : no(403, "gateway.forbidden", "a public key may only listen; publish with a secret key, from a server");
  }
  // Content-Type is not asked for: `curl -d` labels JSON as a form, and what keeps foreign pages out is the key.
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    return no(415, "gateway.unsupported", `expected plain JSON, got Content-Encoding ${JSON.stringify(encoding)}`);
  }
  return { ok: true, scope };
}

function scopeOf(principal: Principal): PublishScope | null {
  if (!mayPublish(principal) || principal.kind !== "secret") return null;
  return { account: principal.account, dedupePrefix: principal.keyId };
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

function itemOf(outcome: PublishOutcome): object {
  return outcome.ok ? { status: 202, ...outcome.receipt } : { status: outcome.status, error: outcome.error };
}
