// Argument: PORT of Redis. A gateway with one client; collects how late each event is.
import { redisBroker } from "@trunkline/broker-redis";
import { createGateway } from "@trunkline/gateway";
import { createClient } from "trunkline";

const delays = [];
const broker = redisBroker({ url: `redis://127.0.0.1:${process.argv[2]}` });
const gateway = createGateway({ broker, secretKeys: [{ key: "bench-secret-key", account: "acme" }] });
const { url } = await gateway.listen({ port: 0 });
const client = createClient({ url, apiKey: "bench-secret-key" });
client.on("e", ({ at }) => delays.push(Number(process.hrtime.bigint()) / 1e6 - at));
await client.ready();
process.on("message", () => process.send(delays));
process.on("disconnect", () => process.exit(0));
process.send("ready");
