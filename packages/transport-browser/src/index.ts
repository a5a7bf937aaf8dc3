export { type EventStreamTransportOptions, eventStreamTransport } from "./event-stream.ts";
export {
  type WebSocketConstructor,
  type WebSocketLike,
  type WebSocketTransportOptions,
  webSocketTransport,
} from "./web-socket.ts";
