// Where WebSockets can't get through: the same frames over fetch, as an event stream and POSTs (PROTOCOL §11.3).
import { type StreamHttp, openEventStreamLink } from "@trunkline/core/event-stream";
import type { Transport } from "@trunkline/core/ports";

export interface EventStreamTransportOptions {
  /** Further headers of each request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** @defaultValue `globalThis.fetch`, looked up for each request */
  readonly fetch?: typeof fetch;
  /** How long the gateway may take to answer a POST, in milliseconds; later the link is lost. @defaultValue 10_000 */
  readonly postTimeoutMs?: number;
}

/** A Transport over `fetch` streaming: browsers, workers, Bun, Deno. For `trunkline.v1` alone. */
export function eventStreamTransport(options: EventStreamTransportOptions = {}): Transport {
  return {
    name: "event-stream",
    open: (request, listener) => openEventStreamLink(fetchHttp(options), request, listener),
  };
}

/** The HTTP of one link. */
function fetchHttp({
  headers: further,
  fetch: given,
  postTimeoutMs = 10_000,
}: EventStreamTransportOptions): StreamHttp {
  const controller = new AbortController();
  const { signal } = controller;
  const request = (url: string, init: RequestInit): Promise<Response> =>
    (given ?? globalThis.fetch)(url, { cache: "no-store", signal, ...init });
  return {
    async get(url, headers) {
      const { status, headers: answered, body } = await request(url, { headers: { ...further, ...headers } });
      const reader = body?.getReader();
      const decoder = new TextDecoder();
      return {
        status,
        contentType: answered.get("content-type"),
        async read() {
          const piece = await reader?.read();
          return piece?.done === false ? decoder.decode(piece.value, { stream: true }) : null;
        },
      };
    },
    async post(url, body) {
      // A POST that fails ends the link, so that the whole of it may be given up.
      const late = setTimeout(() => controller.abort(), postTimeoutMs);
      try {
        const headers = { ...further, "Content-Type": "application/json" };
        return (await request(url, { method: "POST", headers, body })).status;
      } finally {
        clearTimeout(late);
      }
    },
    abort: () => controller.abort(),
  };
}
