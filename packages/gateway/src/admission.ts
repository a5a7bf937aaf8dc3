// May this upgrade come in, and as what? PROTOCOL §2, §10.1. Pure, but for the keyring it is handed.
import { type StreamRequest, type WireError, socketPath, subprotocol } from "@trunkline/core/wire";
import type { Keyring } from "./auth/api-key.ts";
import type { Principal } from "./auth/principal.ts";
import type { Dialect } from "./dialect.ts";

/** What an upgrade request says. Header values as they came; `undefined` when absent. */
export interface UpgradeRequest {
  /** Path and query. */
  readonly url: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
  /** `Sec-WebSocket-Protocol`. */
  readonly protocols: string | undefined;
}

/** What the gateway is like just now. */
export interface Situation {
  readonly keyring: Keyring;
  /** Origins besides the gateway's own, as browsers send them; "*" is any. */
  readonly origins: readonly string[];
  readonly draining: boolean;
  /** Links that have not said hello, and how many there may be. */
  readonly greeting: number;
  readonly maxGreeting: number;
}

/** What a session starts from. `principal` null: `hello` will say. */
export type Admitted =
  | {
      readonly kind: "admitted";
      readonly dialect: Dialect;
      readonly principal: Principal | null;
      /** Absent over WebSocket. `only`: the one stream that the link carries; null when it carries any number. */
      readonly eventStream?: { readonly only: StreamRequest | null };
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
  readonly status: 400 | 401 | 403 | 503;
  readonly error: WireError;
}

export type Admission =
  | Admitted
  /** Somebody else's path. */
  | { readonly kind: "not-ours" }
  | Refused;

/** The path of a URL, fit for logs: a query may hold a key. */
export function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end === -1 ? url : url.slice(0, end);
}

export function decideAdmission(request: UpgradeRequest, situation: Situation): Admission {
  if (pathOf(request.url) !== socketPath) return { kind: "not-ours" };
  const full = noRoom(situation);
  if (full !== null) return full;
  const offered = (request.protocols ?? "").split(",").map((name) => name.trim());
  const dialect: Dialect = offered.includes(subprotocol) ? "v1" : "plain";
  if (dialect === "plain" && request.protocols !== undefined) {
    return refuse(400, "gateway.unsupported", `expected the subprotocol ${subprotocol} or none, got others`);
  }
  const turnAway = (status: 401 | 403, error: WireError): Admission =>
    dialect === "plain" ? { kind: "turned-away", dialect, error } : { kind: "refused", status, error };
  const { origin } = request;
  if (origin !== undefined && !originAllowed(origin, request.host, situation.origins)) {
    return turnAway(403, foreignPage(origin));
  }
  const bearer = bearerOf(request.authorization);
  if (bearer === null) return turnAway(401, noBearer);
  const credential = bearer ?? (dialect === "plain" ? queryKey(request.url) : undefined);
  // A hello will bring one, or say that there is none.
  if (dialect === "v1" && credential === undefined) return { kind: "admitted", dialect, principal: null };
  const authenticated = situation.keyring.authenticate(credential, { origin });
  if (authenticated.ok) return { kind: "admitted", dialect, principal: authenticated.principal };
  return turnAway(authenticated.status, authenticated.error);
}

export function refuse(status: Refused["status"], code: string, message: string): Refused {
  return { kind: "refused", status, error: { code, message } };
}

/** Why nobody comes in just now, or null. */
export function noRoom({ draining, greeting, maxGreeting }: Situation): Refused | null {
  if (draining) return refuse(503, "gateway.unavailable", "the gateway is shutting down; come back shortly");
  if (greeting < maxGreeting) return null;
  return refuse(
    503,
    "gateway.limit",
    `expected at most ${maxGreeting} links without a hello, got one more; come back shortly`,
  );
}

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

function queryKey(url: string): string | undefined {
  const query = url.indexOf("?");
  const key = query === -1 ? null : new URLSearchParams(url.slice(query + 1)).get("api_key");
  return key === null || key === "" ? undefined : key;
}
