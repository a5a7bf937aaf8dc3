// May this request have an event stream, and which? PROTOCOL §11. Pure, in two steps: before it is known who it is, and after.
import { protocolHeader, subprotocol } from "@trunkline/core/wire";
import {
  type Admitted,
  type OnlyStream,
  type Refused,
  type Situation,
  bearerOf,
  foreignPage,
  noBearer,
  noRoom,
  originAllowed,
  refuse,
  shuttingDown,
} from "./admission.ts";
import type { Authenticated } from "./auth/entrance.ts";
import type { RequestInfo } from "./auth/request-info.ts";
import type { Unavailable } from "./auth/waiting-room.ts";
import { grantProblem } from "./channel-grant.ts";
import { positionOfEventId } from "./event-id.ts";

/** A GET for events that is answered with them if it is somebody's. */
export interface StreamApplicant {
  readonly kind: "applicant";
  /** Whether a whole link is wanted (PROTOCOL §11.3). */
  readonly whole: boolean;
  readonly token: string | undefined;
}

type StreamAdmission = Extract<Admitted, { readonly kind: "admitted" }> | Refused;

/** All that can be said before it is known who it is. */
export function decideStream(request: RequestInfo, situation: Situation): StreamApplicant | Refused {
  const full = noRoom(situation);
  if (full !== null) return full;
  const protocol = header(request, protocolHeader.toLowerCase());
  if (protocol !== undefined && protocol !== subprotocol)
    return refuse(400, "gateway.unsupported", `expected ${protocolHeader}: ${subprotocol} or none, got another`);
  const { origin, host } = request;
  if (origin !== undefined && !originAllowed(origin, host, situation.origins))
    return { kind: "refused", status: 403, error: foreignPage(origin) };
  const token = bearerOf(request.headers.authorization);
  if (token === null) return { kind: "refused", status: 401, error: noBearer };
  return { kind: "applicant", whole: protocol !== undefined, token };
}

/** The rest. `who` null: `hello` will say. */
export function admitStream(
  { whole }: StreamApplicant,
  request: RequestInfo,
  who: Authenticated | Unavailable | null,
  { draining }: Pick<Situation, "draining">,
): StreamAdmission {
  // Finding out may have outlasted the gateway's day.
  if (draining) return shuttingDown;
  if (who !== null && !who.ok) return { kind: "refused", status: who.status, error: who.error };
  if (who === null) return { kind: "admitted", dialect: "v1", principal: null, eventStream: { only: null } };
  const { principal, scope, mark } = who;
  if (whole) return { kind: "admitted", dialect: "v1", principal, scope, mark, eventStream: { only: null } };
  const channel = request.params.get("channel") ?? undefined;
  const problem = channel === undefined ? null : grantProblem(channel);
  if (problem !== null) return refuse(400, "gateway.bad-request", `channel: ${problem}`);
  const only = streamRequest(channel, header(request, "last-event-id"));
  if (only === null)
    return refuse(
      400,
      "gateway.bad-request",
      "Last-Event-ID: expected the id of an event of this gateway, got another",
    );
  return { kind: "admitted", dialect: "plain", principal, scope, mark, eventStream: { only } };
}

/** Node joins repeated headers; these are single. */
function header({ headers }: RequestInfo, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : value?.[0];
}

function streamRequest(channel: string | undefined, lastEventId: string | undefined): OnlyStream | null {
  const named = channel !== undefined && { channel };
  if (lastEventId === undefined || lastEventId === "") return { ...named };
  const position = positionOfEventId(lastEventId);
  return position === null ? null : { ...named, position };
}
