import { Centrifuge } from "centrifuge";
import { WebSocket } from "ws";

/** Resolves once events can come; `onEvent` gets each event's data. The server subscribes the client; offsets are tracked. */
export function connect(port, onEvent) {
  const client = new Centrifuge(`ws://127.0.0.1:${port}/`, { websocket: WebSocket });
  client.on("publication", (publication) => onEvent(publication.data));
  return new Promise((resolve, reject) => {
    client.on("subscribed", resolve).on("error", reject);
    client.connect();
  });
}
