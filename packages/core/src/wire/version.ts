/** The package version, as `User-Agent`, `hello.client` and `connected.server` carry it. */
export const version = "0.1.0";
/** The subprotocol of the enveloped dialect (PROTOCOL §2.1). */
export const subprotocol = "trunkline.v1";
/** Where a gateway listens for WebSockets, below its base URL (PROTOCOL §2.1). */
export const socketPath = "/api/ws/v1/events";
/** Where a gateway takes publishes over HTTP (PROTOCOL §8). */
export const publishPath = "/api/v1/publish";
