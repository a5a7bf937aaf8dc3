import { createClient } from "graphql-ws";
import { WebSocket } from "ws";

/** Resolves once events can come; `onEvent` gets each event's data. */
export function connect(port, onEvent) {
  return new Promise((resolve, reject) => {
    const on = { connected: resolve };
    const client = createClient({
      url: `ws://127.0.0.1:${port}/`,
      webSocketImpl: WebSocket,
      generateID: () => "1",
      on,
    });
    const sink = { next: (result) => onEvent(result.data), error: reject, complete: () => {} };
    client.subscribe({ query: "subscription { posts { id } }" }, sink);
  });
}
