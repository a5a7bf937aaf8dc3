// Requests of servers with a JSON body and a credential. No CORS headers on purpose: pages have their links.
import type { IncomingMessage, ServerResponse } from "node:http";
import { systemClock } from "@trunkline/core/clock";
import type { Clock, Logger } from "@trunkline/core/ports";
import type { WireError } from "@trunkline/core/wire";
import { bearerOf, foreignPage, noBearer, originAllowed } from "../admission.ts";
import type { Principal } from "../auth/principal.ts";
import type { Reception } from "../auth/reception.ts";
import type { RequestInfo } from "../auth/request-info.ts";
import { type GatewayStats, countRefused } from "../metrics.ts";
import { sendError } from "./json-response.ts";
import { discard, readBody, textOf } from "./request-body.ts";

export interface JsonPostOptions extends Reception {
  /** Origins besides the gateway's own whose pages may send requests. @defaultValue none */
  readonly origins?: readonly string[] | undefined;
  /** False while the gateway drains. */
  readonly isAccepting: () => boolean;
  /** @defaultValue 1_048_576 */
  readonly maxBodyBytes?: number | undefined;
  /** How long a body may take to arrive, in milliseconds. @defaultValue 30_000 */
  readonly bodyTimeoutMs?: number | undefined;
  /** @defaultValue the system's */
  readonly clock?: Pick<Clock, "wallTime" | "setTimer" | "clearTimer"> | undefined;
  readonly stats?: GatewayStats | undefined;
  /** @defaultValue silent */
  readonly logger?: Logger | undefined;
}

/** What one kind of request is about. */
export interface JsonPost {
  /** "publish", in logs. */
  readonly name: string;
  /** A body, to be shown to who sends none. */
  readonly example: string;
  /** What to do when the gateway fails and nobody knows what was done. */
  readonly remedy: string;
  /** Why `principal` may send no such request, or null. */
  readonly refusal: (principal: Principal) => Refusal | null;
  /** Answers by itself, or names a refusal. A rejection is a failure of the gateway. */
  readonly answer: (response: ServerResponse, principal: Principal, value: unknown) => Promise<Refusal | undefined>;
}

/** A refusal on its way to the client. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const jsonPostDefaults = { maxBodyBytes: 1024 * 1024, bodyTimeoutMs: 30_000 } as const;

/** Handles every request to one path; the caller has matched it. */
export function createJsonPost(
  options: JsonPostOptions,
  post: JsonPost,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { entrance, waitingRoom, origins = [], isAccepting, stats, logger, clock = systemClock } = options;
  const { maxBodyBytes = jsonPostDefaults.maxBodyBytes, bodyTimeoutMs = jsonPostDefaults.bodyTimeoutMs } = options;
  const limits = { maxBytes: maxBodyBytes, withinMs: bodyTimeoutMs, clock };

  const refuse = (response: ServerResponse, { status, code, message, headers }: Refusal): void => {
    if (stats !== undefined) countRefused(stats, code);
    sendError(response, status, code, message, headers);
  };

  const answer = async (response: ServerResponse, principal: Principal, bytes: Buffer): Promise<void> => {
    // The body may have taken its time to arrive.
    if (!isAccepting()) return refuse(response, draining);
    if (principal.kind === "user" && (principal.expiresAt ?? Infinity) <= clock.wallTime())
      return refuse(response, unauthorized({ message: ended }));
    const parsed = parse(bytes, post.example);
    if (!parsed.ok) return refuse(response, { status: 400, code: "gateway.bad-request", message: parsed.problem });
    const refusal = await post.answer(response, principal, parsed.value);
    if (refusal !== undefined) refuse(response, refusal);
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
        logger?.error(`a ${post.name} request failed`, { error });
        sendError(response, 500, "gateway.internal", `the gateway failed; ${post.remedy}`);
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
      const no = post.refusal(principal);
      if (no !== null) turnAway(no);
      else take(message, response, principal);
    });
  };
}

const ended = "expected a token that is still good, got one that has ended; fetch another";

export function unauthorized({ message }: { readonly message: string }): Refusal {
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

function parse(bytes: Buffer, example: string): Parsed {
  const text = textOf(bytes);
  if (text === null) return { ok: false, problem: "body: expected UTF-8 text, got other bytes" };
  if (text.trim() === "") return { ok: false, problem: `body: expected JSON such as ${example}, got nothing` };
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
