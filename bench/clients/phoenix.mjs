import { Socket } from "phoenix";
import { WebSocket } from "ws";

/** Resolves once events can come; `onEvent` gets each event's data. */
export function connect(port, onEvent) {
  const socket = new Socket(`ws://127.0.0.1:${port}/socket`, { transport: WebSocket });
  socket.connect();
  const channel = socket.channel("newsroom", {});
  channel.on("posts", onEvent);
  return new Promise((resolve, reject) => channel.join().receive("ok", resolve).receive("error", reject));
}
