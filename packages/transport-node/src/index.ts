export { type TlsOptions, type WebSocketTransportOptions, webSocketTransport } from "./web-socket.ts";
