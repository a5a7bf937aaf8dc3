// A gateway with presence as a process of its own, so that it can be killed: `node presence-gateway.ts REDIS_URL PREFIX`. Says where it is on stdout.
import { redisBroker } from "@trunkline/broker-redis";
import { createGateway } from "@trunkline/gateway";

const [, , url = "", prefix = ""] = process.argv;
const gateway = createGateway({
  broker: redisBroker({ url, prefix }),
  presence: { graceMs: 500, leaseMs: 1000 },
  authenticate: ({ token = "" }) => ({ kind: "user", account: "acme", id: token, mayListen: ["*"], mayAttend: ["*"] }),
});
const address = await gateway.listen({ port: 0 });
process.stdout.write(`${address.url.replace("http", "ws")}/api/ws/v1/events\n`);
