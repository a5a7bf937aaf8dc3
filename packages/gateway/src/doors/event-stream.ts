// `/api/v1/events`, PROTOCOL §11: GET is an event stream, POST a frame from the client of one.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock, Logger } from "@trunkline/core/ports";
import { protocolHeader } from "@trunkline/core/wire";
import { type Admitted, type Refused, type Situation, originAllowed, shuttingDown } from "../admission.ts";
import type { Reception } from "../auth/reception.ts";
import type { RequestInfo } from "../auth/request-info.ts";
import type { LinkRelay } from "../link-relay.ts";
import { type GatewayStats, countRefused } from "../metrics.ts";
import type { LinkOwner, SessionLink } from "../session-link.ts";
import { admitStream, decideStream } from "../stream-admission.ts";
import { EventStreamLink } from "./event-stream-link.ts";
import { sendError } from "./json-response.ts";
import { discard, readBody, textOf } from "./request-body.ts";

/** What becomes of a link once its session is there. */
interface StreamSession extends LinkOwner {
  close(code: number, reason: string): void;
}

export interface EventStreamDoorOptions extends Reception {
  /** Longest frame taken, in bytes. */
  readonly incomingBytes: number;
  /** How long the body of a request may take to arrive, in milliseconds. */
  readonly bodyTimeoutMs: number;
  readonly clock: Pick<Clock, "setTimer" | "clearTimer">;
  readonly stats: GatewayStats;
  readonly logger: Logger;
  readonly relay: LinkRelay;
  situation(): Situation;
  /** A link is wanted: starts its session. */
  accept(admitted: Admitted, request: RequestInfo, linkTo: (session: StreamSession) => SessionLink): void;
}

type Headers = Readonly<Record<string, string>>;

const allow = "GET, POST, OPTIONS";
const preflight: Headers = {
  "Access-Control-Allow-Methods": "GET, POST",
  "Access-Control-Allow-Headers": `Authorization, Content-Type, Last-Event-ID, ${protocolHeader}`,
  "Access-Control-Max-Age": "600",
};

/** Handles every request to the path; the caller has matched it. */
export function createEventStreamDoor(
  options: EventStreamDoorOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { stats, logger, relay, entrance, waitingRoom, incomingBytes, bodyTimeoutMs, clock } = options;
  const limits = { maxBytes: incomingBytes, withinMs: bodyTimeoutMs, clock };

  const refuse = (response: ServerResponse, status: number, code: string, message: string, headers: Headers): void => {
    countRefused(stats, code);
    sendError(response, status, code, message, {
      ...headers,
      ...(status === 401 && { "WWW-Authenticate": "Bearer" }),
      ...(status === 503 && { "Retry-After": "1", Connection: "close" }),
    });
  };
  const failed = (response: ServerResponse, headers: Headers) => (error: unknown) => {
    logger.error("an event stream could not be served", { error });
    refuse(response, 503, "gateway.unavailable", "the broker can't be used just now; come back shortly", headers);
  };

  const open = async (
    admitted: Admitted,
    request: RequestInfo,
    response: ServerResponse,
    headers: Headers,
  ): Promise<void> => {
    const whole = admitted.dialect === "v1";
    if (whole) await relay.ready();
    // Waiting may have outlasted the client, or the gateway's day.
    if (response.destroyed) return;
    if (options.situation().draining) return turnAway(shuttingDown, request, response, headers);
    options.accept(admitted, request, (owner) => {
      const link = whole ? relay.nextId() : null;
      if (link !== null) relay.add(link, owner);
      const onGone = (): void => (link === null ? undefined : relay.remove(link));
      return new EventStreamLink({ response, owner, headers, link, onGone });
    });
  };
  const turnAway = (
    { status, error }: Refused,
    { path }: RequestInfo,
    response: ServerResponse,
    headers: Headers,
  ): void => {
    logger.info("event stream refused", { path, status, code: error.code });
    refuse(response, status, error.code, error.message, headers);
  };
  const enter = (message: IncomingMessage, response: ServerResponse, headers: Headers): void => {
    const request = options.readRequest(message);
    const applicant = decideStream(request, options.situation());
    if (applicant.kind === "refused") return turnAway(applicant, request, response, headers);
    const { token, whole } = applicant;
    const entry = { token, request };
    waitingRoom.wait(whole ? entrance.beforeHello(entry) : entrance.enter(entry), (who) => {
      const admission = admitStream(applicant, request, who, options.situation());
      request.settle();
      if (admission.kind === "refused") turnAway(admission, request, response, headers);
      else open(admission, request, response, headers).catch(failed(response, headers));
    });
  };

  const gone = (response: ServerResponse, headers: Headers): void =>
    refuse(response, 404, "gateway.bad-request", "link: expected one that is open, got one that is not", headers);
  const take = async (posted: Posting, response: ServerResponse, headers: Headers): Promise<void> => {
    if (await relay.take(posted)) response.writeHead(204, { "Cache-Control": "no-store", ...headers }).end();
    else gone(response, headers);
  };

  return (request, response) => {
    const { method, headers: asked, url = "/" } = request;
    const { origin, host } = asked;
    const allowed = origin !== undefined && originAllowed(origin, host, options.situation().origins);
    const headers: Headers = { Vary: "Origin", ...(allowed && { "Access-Control-Allow-Origin": origin }) };
    if (method === "GET") {
      request.resume();
      return enter(request, response, headers);
    }
    if (method === "POST") {
      const query = queryOf(url);
      const link = query.get("link") ?? "";
      const number = Number(query.get("n"));
      // Its id is all that a frame needs to come in, so nothing is read without one.
      if (!relay.mayBeOpen(link)) {
        gone(response, headers);
        return discard(request, limits);
      }
      if (!Number.isSafeInteger(number) || number < 1) {
        refuse(response, 400, "gateway.bad-request", "n: expected the number of the frame, from 1", headers);
        return discard(request, limits);
      }
      return readBody(request, limits, (body) => {
        if (body === "too-slow") {
          const message = `expected the whole body within ${bodyTimeoutMs} ms, got a part`;
          return refuse(response, 408, "gateway.bad-request", message, { ...headers, Connection: "close" });
        }
        if (body === "too-long") {
          refuse(response, 413, "gateway.too-large", `expected a frame of at most ${incomingBytes} bytes`, headers);
          return discard(request, limits);
        }
        const text = textOf(body);
        if (text === null)
          return refuse(response, 400, "gateway.bad-request", "body: expected UTF-8 text, got other bytes", headers);
        take({ link, number, text }, response, headers).catch(failed(response, headers));
      });
    }
    request.resume();
    if (method === "OPTIONS" && asked["access-control-request-method"] !== undefined) {
      if (allowed) response.writeHead(204, { ...headers, ...preflight }).end();
      else refuse(response, 403, "gateway.forbidden", "origin: expected a listed one, got another", headers);
      return;
    }
    const message = `expected GET for an event stream or POST for a frame of its client, got ${method}`;
    refuse(response, 405, "gateway.unsupported", message, { ...headers, Allow: allow });
  };
}

type Posting = Parameters<LinkRelay["take"]>[0];

function queryOf(url: string): URLSearchParams {
  const query = url.indexOf("?");
  return new URLSearchParams(query === -1 ? "" : url.slice(query + 1));
}
