// What operators and load balancers ask: alive, accepting, numbers.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { MetricsPage } from "../metrics.ts";
import { healthPaths } from "../own-paths.ts";
import { sendError, sendJson } from "./json-response.ts";

/** Whether new connections and publishes are taken, and if not, why. */
export type Readiness =
  | { readonly ready: true }
  | { readonly ready: false; readonly reason: "draining" | "broker-unavailable" };

export interface HealthOptions {
  readonly readiness: () => Readiness;
  readonly metrics: () => Promise<MetricsPage>;
}

/** Answers `/healthz`, `/readyz` and `/metrics`; false when `path` (without query) is none of them, and nothing is done. */
export function createHealth(
  options: HealthOptions,
): (path: string, request: IncomingMessage, response: ServerResponse) => boolean {
  const { readiness, metrics } = options;
  return (path, request, response) => {
    if (!healthPaths.includes(path)) return false;
    request.resume();
    if (request.method !== "GET" && request.method !== "HEAD") {
      sendError(response, 405, "gateway.unsupported", `expected GET, got ${request.method}`, { Allow: "GET, HEAD" });
      return true;
    }
    switch (path) {
      case "/healthz":
        sendJson(response, 200, { status: "alive" });
        return true;
      case "/readyz": {
        const now = readiness();
        if (now.ready) sendJson(response, 200, { status: "ready" });
        else sendJson(response, 503, { status: "not ready", reason: now.reason }, { "Retry-After": "1" });
        return true;
      }
      default:
        metrics().then(
          ({ contentType, text }) => {
            response.writeHead(200, { "Content-Type": contentType, "Cache-Control": "no-store" }).end(text);
          },
          () => sendError(response, 500, "gateway.internal", "the metrics could not be collected"),
        );
        return true;
    }
  };
}
