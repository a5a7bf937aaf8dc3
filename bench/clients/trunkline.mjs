import { createClient } from "trunkline";

/** Resolves once events can come; `onEvent` gets each event's data. */
export function connect(port, onEvent) {
  const client = createClient({ url: `http://127.0.0.1:${port}`, apiKey: "bench-key" });
  client.on("posts", onEvent);
  return client.ready();
}
