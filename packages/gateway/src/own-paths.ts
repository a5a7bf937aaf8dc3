// The paths that a gateway answers, whatever else it is attached to.
import { publishPath, socketPath, streamPath } from "@trunkline/core/wire";

/** What operators and load balancers ask for. */
export const healthPaths: readonly string[] = ["/healthz", "/readyz", "/metrics"];

export const ownPaths: readonly string[] = [socketPath, streamPath, publishPath, ...healthPaths];
