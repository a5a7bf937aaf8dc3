// May this upgrade come in, and as what? PROTOCOL §2, §10.1. Pure, in two steps: before it is known who it is, and after.
import { type StreamRequest, type WireError, socketPath, subprotocol } from "@trunkline/core/wire";
import type { Authenticated } from "./auth/entrance.ts";
import type { Principal } from "./auth/principal.ts";
import { type RequestInfo, keyParam } from "./auth/request-info.ts";
import type { Unavailable } from "./auth/waiting-room.ts";
import type { Dialect } from "./dialect.ts";
import { rawPath } from "./raw-path.ts";

/** What the gateway is like just now. */
export interface Situation {
  /** Origins besides the gateway's own, as browsers send them; "*" is any. */
  readonly origins: readonly string[];
  readonly draining: boolean;
  /** Links that have not said hello or wait to be let in, and how many there may be. */
  readonly greeting: number;
  readonly maxGreeting: number;
}

export type OnlyStream = Omit<StreamRequest, "channel"> & { readonly channel?: string };

/** What a session starts from. `principal` null: `hello` will say. */
export type Admitted =
  | {
      readonly kind: "admitted";
      readonly dialect: Dialect;
      readonly principal: Principal | null;
      /** What part of the account it was given; absent while that is not decided. */
      readonly scope?: string | null | undefined;
      /** Commands that gateways gave each other before are none of its business (`ControlLine.since`). */
      readonly mark?: number | undefined;
      /**
       * Absent over WebSocket. `only`: the one stream that the link carries, the first of its own where none is named; null when it carries
       * any number.
       */
      readonly eventStream?: { readonly only: OnlyStream | null };
      /** Of a raw link: the one stream that it carries. */
      readonly only?: OnlyStream | undefined;
    }
  /** Upgraded only to be told why not: a browser can't read an HTTP status, and this dialect has no other words. */
  | {
      readonly kind: "turned-away";
      readonly dialect: "plain";
      readonly error: WireError;
      readonly eventStream?: never;
    };

export interface Refused {
  readonly kind: "refused";
  readonly status: 400 | 401 | 403 | 500 | 503;
  readonly error: WireError;
}

/** An upgrade that may come in if it is somebody's. */
export interface Applicant {
  readonly kind: "applicant";
  readonly dialect: Dialect;
  readonly token: string | undefined;
  /** Of a raw link: the one stream that it carries. */
  readonly only?: OnlyStream;
}

export type Admission =
  | Applicant
  | Extract<Admitted, { readonly kind: "turned-away" }>
  /** Somebody else's path. */
  | { readonly kind: "not-ours" }
  | Refused;

/**
 * All that can be said before it is known who it is.
 * @param rawPrefix what the paths of raw links begin with; null: there are none
 */
export function decideAdmission(
  request: RequestInfo,
  situation: Situation,
  rawPrefix: string | null = null,
): Admission {
  const { path } = request;
  const raw = rawPath(path, rawPrefix);
  if (path !== socketPath && raw === null) return { kind: "not-ours" };
  const full = noRoom(situation);
  if (full !== null) return full;
  const protocols = request.headers["sec-websocket-protocol"];
  const offered = (protocols ?? "").split(",").map((name) => name.trim());
  const dialect = raw !== null ? "raw" : offered.includes(subprotocol) ? "v1" : "plain";
  if (dialect !== "v1" && protocols !== undefined) {
    const expected = raw === null ? `the subprotocol ${subprotocol} or none` : "no subprotocol at the raw door";
    return refuse(400, "gateway.unsupported", `expected ${expected}, got others`);
  }
  if (raw?.ok === false) return refuse(400, "gateway.bad-request", raw.problem);
  const { origin, host } = request;
  if (origin !== undefined && !originAllowed(origin, host, situation.origins)) {
    return turnAway(dialect, 403, foreignPage(origin));
  }
  const bearer = bearerOf(request.headers.authorization);
  if (bearer === null) return turnAway(dialect, 401, noBearer);
  const token = bearer ?? (dialect === "v1" ? undefined : queryKey(request));
  return { kind: "applicant", dialect, token, ...(raw !== null && { only: { channel: raw.channel } }) };
}

/** The rest. `who` null: `hello` will say. */
export function admit(
  { dialect, only }: Applicant,
  who: Authenticated | Unavailable | null,
  { draining }: Pick<Situation, "draining">,
): Admitted | Refused {
  // Finding out may have outlasted the gateway's day.
  if (draining) return shuttingDown;
  if (who === null) return { kind: "admitted", dialect, principal: null };
  if (who.ok) {
    const { principal, scope, mark } = who;
    return { kind: "admitted", dialect, principal, scope, mark, only };
  }
  return turnAway(dialect, who.status, who.error);
}

/** PROTOCOL §10.1: only refusals of the plain dialect are told after the upgrade; what is the gateway's own trouble never is. */
function turnAway(
  dialect: Dialect,
  status: Refused["status"],
  error: WireError,
): Extract<Admitted, { readonly kind: "turned-away" }> | Refused {
  const isTold = dialect === "plain" && status < 500;
  return isTold ? { kind: "turned-away", dialect: "plain", error } : { kind: "refused", status, error };
}

export function refuse(status: Refused["status"], code: string, message: string): Refused {
  return { kind: "refused", status, error: { code, message } };
}

/** Why nobody comes in just now, or null. */
export function noRoom({ draining, greeting, maxGreeting }: Situation): Refused | null {
  if (draining) return shuttingDown;
  if (greeting < maxGreeting) return null;
  return refuse(
    503,
    "gateway.limit",
    `expected at most ${maxGreeting} links without a hello, got one more; come back shortly`,
  );
}

export const shuttingDown = refuse(503, "gateway.unavailable", "the gateway is shutting down; come back shortly");

export function foreignPage(origin: string): WireError {
  const message = `expected a page of this host or of a listed origin, got ${JSON.stringify(origin.slice(0, 256))}; list it in \`origins\``;
  return { code: "gateway.forbidden", message };
}

export const noBearer: WireError = {
  code: "gateway.unauthorized",
  message: "expected Authorization: Bearer KEY, got another form",
};

/** Whether pages of `origin` may use this gateway, which they reach as `host`. */
export function originAllowed(origin: string, host: string | undefined, origins: readonly string[]): boolean {
  if (origins.includes("*") || origins.includes(origin)) return true;
  // Hosts only: behind a proxy that ends TLS the gateway can't know its own scheme.
  const [, originHost] = origin.split("://");
  return originHost !== undefined && host !== undefined && originHost.toLowerCase() === host.toLowerCase();
}

/** The key of a Bearer header, undefined without the header, null when it is something else. */
export function bearerOf(authorization: string | undefined): string | undefined | null {
  if (authorization === undefined) return undefined;
  return /^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? null;
}

function queryKey({ params }: RequestInfo): string | undefined {
  const key = params.get(keyParam);
  return key === null || key === "" ? undefined : key;
}
