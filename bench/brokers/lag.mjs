// Arguments: PORT SECONDS RATE. A gateway that publishes RATE events a second, and in a process of its own (lag-listener.mjs) another
// one with a client. Tells the bench the delay from the call of publish to the client's listener, in ms, and how many are missing.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { redisBroker } from "@trunkline/broker-redis";
import { createGateway } from "@trunkline/gateway";

const [port, seconds, rate] = process.argv.slice(2).map(Number);
process.on("disconnect", () => process.exit(0));
const broker = redisBroker({ url: `redis://127.0.0.1:${port}` });
const gateway = createGateway({ broker, secretKeys: [{ key: "bench-secret-key", account: "acme" }] });
const listener = fork(fileURLToPath(new URL("lag-listener.mjs", import.meta.url)), [String(port)]);
const said = () => new Promise((resolve) => listener.once("message", resolve));
await said();

const count = seconds * rate;
const startedAt = performance.now();
for (let n = 0; n < count;) {
  // As many as are due: a timer alone can't fire a thousand times a second evenly.
  for (; n < count && n < ((performance.now() - startedAt) / 1000) * rate; n++) {
    const data = { n, at: Number(process.hrtime.bigint()) / 1e6 };
    void gateway.publish({ event: "e", data }, { account: "acme" });
  }
  await new Promise((resolve) => setTimeout(resolve, 1));
}
await new Promise((resolve) => setTimeout(resolve, 500));
listener.send("done");
const delays = await said();
listener.disconnect();
// The first tenth warms up.
const measured = delays.slice(count / 10).toSorted((a, b) => a - b);
const at = (share) => measured[Math.min(measured.length - 1, Math.floor(measured.length * share))];
process.send({ p50: at(0.5), p99: at(0.99), missing: count - delays.length });
