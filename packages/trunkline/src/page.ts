// What a page knows of itself that its server has bound to a visitor. Nothing else of the client looks at the DOM.
import { connectionAttribute, connectionParam, socketPath } from "@trunkline/core/wire";

/** A `Document`, as far as it is looked at. */
export interface PageDocument {
  readonly body: { getAttribute(name: string): string | null } | null;
}

/**
 * The connection id that the server put on the page's `<body>`; null without one, outside of pages, and before the body is there: call it in
 * a module, or at the end of the body.
 * @param document @defaultValue the page's own
 */
export function connectionIdFromDocument(
  document: PageDocument | undefined = (globalThis as { readonly document?: PageDocument }).document,
): string | null {
  return document?.body?.getAttribute(connectionAttribute) || null;
}

/**
 * A base URL for `createClient`, with the page's connection id in its query; without an id it stays as it is.
 * @example createClient({ url: withConnection(location.origin, connectionIdFromDocument()) })
 */
export function withConnection(url: string, connectionId: string | null): string {
  if (connectionId === null) return url;
  const base = url.replace(/#.*$/s, "");
  return `${base}${base.includes("?") ? "&" : "?"}${connectionParam}=${encodeURIComponent(connectionId)}`;
}

/**
 * Where a page without `createClient` opens its socket: on the page's own host and port, `wss` where the page came over TLS.
 * @example new WebSocket(resolveSocketUrl(location, { connectionId }))
 */
export function resolveSocketUrl(
  { protocol, host }: { readonly protocol: string; readonly host: string },
  {
    path = socketPath,
    connectionId,
  }: {
    /** @defaultValue "/api/ws/v1/events" */
    readonly path?: string;
    readonly connectionId: string;
  },
): string {
  return withConnection(`${protocol === "https:" ? "wss" : "ws"}://${host}${path}`, connectionId);
}
