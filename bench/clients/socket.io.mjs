import { io } from "socket.io-client";

/** Resolves once events can come; `onEvent` gets each event's data. */
export function connect(port, onEvent) {
  const socket = io(`http://127.0.0.1:${port}`, { transports: ["websocket"], forceNew: true });
  socket.on("posts", onEvent);
  return new Promise((resolve, reject) => socket.once("connect", resolve).once("connect_error", reject));
}
