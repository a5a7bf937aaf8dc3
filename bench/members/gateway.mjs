// The measured process: a gateway with its own broker, as it comes. Tells `{ url }`, and its CPU time and memory whenever it is asked.
import { createGateway } from "@trunkline/gateway";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc");

const gateway = createGateway({
  authenticate: ({ token = "" }) => ({ kind: "user", account: "bench", id: token, mayListen: ["*"], mayAttend: ["*"] }),
  // Not while it is measured.
  heartbeatMs: 600_000,
});
const { url } = await gateway.listen({ port: 0, host: "127.0.0.1" });
process.send({ url });
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  gc({ type: "major", execution: "sync", flavor: "last-resort" });
  const { heapUsed, external } = process.memoryUsage();
  process.send({ cpu: user + system, memory: heapUsed + external, members: gateway.stats().members });
});
process.on("disconnect", () => process.exit(0));
