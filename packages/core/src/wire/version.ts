/** The package version, as `User-Agent`, `hello.client` and `connected.server` carry it. */
export const version = "0.1.0";
/** The subprotocol of the enveloped dialect (PROTOCOL §2.1). */
export const subprotocol = "trunkline.v1";
/** Where a gateway listens for WebSockets, below its base URL (PROTOCOL §2.1). */
export const socketPath = "/api/ws/v1/events";
/** Where a gateway serves event streams and takes their clients' frames, below its base URL (PROTOCOL §11). */
export const streamPath = "/api/v1/events";
/** The header that asks for a whole link over an event stream (PROTOCOL §11.3). */
export const protocolHeader = "Trunkline-Protocol";
/** Where a gateway takes publishes over HTTP (PROTOCOL §8). */
export const publishPath = "/api/v1/publish";
