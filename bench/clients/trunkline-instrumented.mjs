import { instrumentClient } from "@trunkline/opentelemetry";
import { createClient } from "trunkline";

/** As trunkline.mjs, in an application that instruments its clients and runs without a provider. */
export function connect(port, onEvent) {
  const client = instrumentClient(createClient({ url: `http://127.0.0.1:${port}`, apiKey: "bench-key" }));
  client.on("posts", onEvent);
  return client.ready();
}
