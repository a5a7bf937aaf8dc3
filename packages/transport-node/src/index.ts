export { type EventStreamTransportOptions, eventStreamTransport } from "./event-stream.ts";
export { type TlsOptions, type WebSocketTransportOptions, webSocketTransport } from "./web-socket.ts";
