// The least a client can do: ws, JSON.parse, one call. Positions are not looked at, nothing comes back after a loss.
import { WebSocket } from "ws";

/** Resolves once events can come; `onEvent` gets each event's data. */
export function connect(port, onEvent) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  socket.on("message", (/** @type {Buffer} */ bytes) => {
    const message = JSON.parse(bytes.toString());
    if (Array.isArray(message)) for (const one of message) onEvent(one.data);
    else onEvent(message.data);
  });
  return new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
}
