// The gateway with what it always does: authentication, history, positions, a budget per reader.
import { createGateway } from "@trunkline/gateway";
import { serve } from "./bench-server.mjs";

const gateway = createGateway({ secretKeys: [{ key: "bench-key", account: "bench" }] });
const { url } = await gateway.listen({ port: 0, host: "127.0.0.1" });
const publish = (data) => void gateway.publish({ event: "post.created", data }, { account: "bench" });
serve({ port: Number(new URL(url).port), publish });
