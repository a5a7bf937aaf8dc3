// A gateway for the runtime checks: publishes an event a second to the demo account, prints its address.
import { createGateway } from "@trunkline/gateway";

const gateway = createGateway({ secretKeys: [{ key: "runtime-check", account: "check" }] });
const { url } = await gateway.listen({ port: 0 });
console.log(url);
gateway.on("connection", () => {
  setImmediate(() => void gateway.publish({ event: "greeting", data: { text: "hello" } }, { account: "check" }));
});
process.on("SIGTERM", () => void gateway.close({ drainMs: 0 }).then(() => process.exit(0)));
