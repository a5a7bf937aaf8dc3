// May this request have an event stream, and which? PROTOCOL §11. Pure, but for the keyring it is handed.
import { type StreamRequest, channelProblem, protocolHeader, subprotocol } from "@trunkline/core/wire";
import {
  type Admitted,
  type Refused,
  type Situation,
  bearerOf,
  foreignPage,
  noBearer,
  noRoom,
  originAllowed,
  refuse,
} from "./admission.ts";
import { ownChannel } from "./auth/principal.ts";
import { positionOfEventId } from "./event-id.ts";

/** What a GET for events says. Header values as they came; `undefined` when absent. */
export interface EventsRequest {
  readonly query: URLSearchParams;
  readonly host: string | undefined;
  /** The page that asks, if one does: see `pageOf`. */
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
  /** `Trunkline-Protocol`. */
  readonly protocol: string | undefined;
  readonly lastEventId: string | undefined;
}

export type StreamAdmission = Extract<Admitted, { readonly kind: "admitted" }> | Refused;

/** The origin of the page behind a request. Browsers name none when a page reads from its own host, but say that it is one. */
export function pageOf(
  origin: string | undefined,
  fetchSite: string | undefined,
  host: string | undefined,
): string | undefined {
  return origin ?? (fetchSite === "same-origin" ? `http://${host ?? ""}` : undefined);
}

export function decideStream(request: EventsRequest, situation: Situation): StreamAdmission {
  const full = noRoom(situation);
  if (full !== null) return full;
  const { query, origin, protocol } = request;
  if (protocol !== undefined && protocol !== subprotocol)
    return refuse(400, "gateway.unsupported", `expected ${protocolHeader}: ${subprotocol} or none, got another`);
  if (origin !== undefined && !originAllowed(origin, request.host, situation.origins))
    return { kind: "refused", status: 403, error: foreignPage(origin) };
  const bearer = bearerOf(request.authorization);
  if (bearer === null) return { kind: "refused", status: 401, error: noBearer };
  // A hello will bring one, or say that there is none.
  if (protocol !== undefined && bearer === undefined)
    return { kind: "admitted", dialect: "v1", principal: null, eventStream: { only: null } };
  const authenticated = situation.keyring.authenticate(bearer, { origin });
  if (!authenticated.ok) return { kind: "refused", status: authenticated.status, error: authenticated.error };
  const { principal } = authenticated;
  if (protocol !== undefined) return { kind: "admitted", dialect: "v1", principal, eventStream: { only: null } };
  const channel = query.get("channel") ?? ownChannel(principal);
  const problem = channelProblem(channel);
  if (problem !== null) return refuse(400, "gateway.bad-request", `channel: ${problem}`);
  const only = streamRequest(channel, request.lastEventId);
  if (only === null)
    return refuse(
      400,
      "gateway.bad-request",
      "Last-Event-ID: expected the id of an event of this gateway, got another",
    );
  return { kind: "admitted", dialect: "plain", principal, eventStream: { only } };
}

function streamRequest(channel: string, lastEventId: string | undefined): StreamRequest | null {
  if (lastEventId === undefined || lastEventId === "") return { channel };
  const position = positionOfEventId(lastEventId);
  return position === null ? null : { channel, position };
}
