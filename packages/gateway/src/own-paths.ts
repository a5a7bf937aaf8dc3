// The paths that a gateway answers, whatever else it is attached to.
import { publishPath, socketPath, streamPath } from "@trunkline/core/wire";

/** What operators and load balancers ask for. */
export const healthPaths: readonly string[] = ["/healthz", "/readyz", "/metrics"];

/** Where servers speak of pages; a gateway without page sessions leaves it alone. */
export const pagesPath = "/api/v1/pages";

export const ownPaths: readonly string[] = [socketPath, streamPath, publishPath, pagesPath, ...healthPaths];
