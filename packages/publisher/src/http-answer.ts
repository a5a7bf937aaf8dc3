// What an answer to a publish over HTTP says of each of its events. Pure.
import { GatewayError, PeerError, type TrunklineError } from "@trunkline/core/errors";
import type { PublishReceipt, WireError } from "@trunkline/core/wire";

/** What became of one event in one attempt. */
export type Attempted =
  | { readonly kind: "accepted"; readonly receipt: PublishReceipt }
  /** For good; with `gateway.outcome-unknown` it may have been published. */
  | { readonly kind: "refused"; readonly error: TrunklineError }
  /** Not published, and may be sent again. */
  | { readonly kind: "again"; readonly error: TrunklineError; readonly afterMs?: number }
  /** Nobody knows; sent again with the same id it can do no harm. */
  | { readonly kind: "doubt"; readonly error: TrunklineError };

/** One per event, in their order. `retryAfter` is the header, in seconds. */
export function readAnswer(
  answer: { readonly status: number; readonly text: string; readonly retryAfter: string | null },
  events: number,
): readonly Attempted[] {
  const { status, text, retryAfter } = answer;
  const body = parsed(text);
  if (status === 202 || status === 207) {
    if (Array.isArray(body) && body.length === events) return (body as readonly unknown[]).map(itemAnswer);
    const got = Array.isArray(body) ? `${body.length} answers` : "another answer";
    return alike(events, { kind: "doubt", error: strange(`${events} receipts, got ${got}`) });
  }
  const attempted = statusAnswer(status, body);
  const seconds = Number(retryAfter ?? "");
  if (attempted.kind !== "again" || !(seconds > 0)) return alike(events, attempted);
  return alike(events, { ...attempted, afterMs: seconds * 1000 });
}

function alike(events: number, attempted: Attempted): readonly Attempted[] {
  return Array.from({ length: events }, () => attempted);
}

function itemAnswer(item: unknown): Attempted {
  const { status, stream, offset, epoch } = (item ?? {}) as Partial<PublishReceipt> & { readonly status?: unknown };
  if (status === 202 && typeof stream === "string" && typeof offset === "number" && typeof epoch === "string")
    return { kind: "accepted", receipt: { stream, offset, epoch } };
  return statusAnswer(typeof status === "number" ? status : 0, item);
}

function statusAnswer(status: number, body: unknown): Attempted {
  const said = (body as { readonly error?: Partial<WireError> } | null)?.error;
  const { code, message } = said ?? {};
  if (typeof code === "string" && code.startsWith("gateway.") && typeof message === "string") {
    const error = new GatewayError(code as GatewayError["code"], message);
    // 408: the body did not arrive, so nothing was read of it.
    if (code === "gateway.unavailable" || code === "gateway.rate-limited" || status === 408)
      return { kind: "again", error };
    return { kind: code === "gateway.internal" ? "doubt" : "refused", error };
  }
  // Not a gateway's words: those of a proxy before it, or of something else.
  if (status === 429)
    return { kind: "again", error: new GatewayError("gateway.rate-limited", "too many requests: publish more slowly") };
  if (status >= 500)
    return { kind: "doubt", error: new GatewayError("gateway.unavailable", `expected a receipt, got ${status}`) };
  const code4 = refusals[status];
  if (code4 !== undefined) {
    return { kind: "refused", error: new GatewayError(code4, `expected a receipt, got ${status}; check url and key`) };
  }
  return { kind: "refused", error: strange(`a receipt, got ${status}; check url`) };
}

const refusals: Readonly<Record<number, GatewayError["code"]>> = {
  400: "gateway.bad-request",
  401: "gateway.unauthorized",
  403: "gateway.forbidden",
  413: "gateway.too-large",
};

function strange(expected: string): PeerError {
  return new PeerError("peer.bad-frame", `expected ${expected}: is it a trunkline gateway?`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
