// Argument: PORT of Redis. One of many gateways; tells the bench where it listens.
import { redisBroker } from "@trunkline/broker-redis";
import { createGateway } from "@trunkline/gateway";

const broker = redisBroker({ url: `redis://127.0.0.1:${process.argv[2]}` });
const gateway = createGateway({ broker, secretKeys: [{ key: "bench-secret-key", account: "acme" }] });
process.on("disconnect", () => process.exit(0));
const { port } = await gateway.listen({ port: 0 });
process.send(port);
