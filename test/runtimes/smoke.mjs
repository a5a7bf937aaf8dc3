// Runs under any runtime: the published client connects, receives one event and closes, leaving nothing alive.
import process from "node:process";
import { createClient } from "trunkline";

const client = createClient({ url: process.argv[2], apiKey: "runtime-check" });
const received = new Promise((resolve, reject) => {
  client.on("greeting", (data) => resolve(data.text));
  client.on("error", reject);
});
await client.ready({ timeoutMs: 10_000 });
const text = await received;
await client.close();
const runtime = globalThis.Deno?.version.deno ?? globalThis.Bun?.version ?? process.version;
console.log(`received ${text} on ${runtime}`);
