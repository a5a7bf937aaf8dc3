// A process that listens: `gateway REDIS_URL`, a gateway with a listener, or `client GATEWAY_URL`, the same listener over a secret key.
// Writes `{"ready":…}` once and what its handlers hear, one JSON object per line; what it hears on "orders" it answers on "done".
import { redisBroker } from "@trunkline/broker-redis";
import { createGateway } from "@trunkline/gateway";
import { createClient } from "trunkline";
import { defineListener, runListener } from "trunkline/listener";

const [, , role = "", url = ""] = process.argv;
const say = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);

const listener = defineListener(
  {
    orders: (order, { channel, event, meta, publish }) => {
      say({ heard: order, channel, event, offset: meta.offset });
      void publish({ event: "done", data: order, channel: "done" });
    },
  },
  { account: "acme" },
);

if (role === "gateway") {
  const gateway = createGateway({ listeners: listener, broker: redisBroker({ url }), anonymous: true });
  say({ ready: (await gateway.listen({ port: 0 })).url });
} else {
  const client = createClient({ url, apiKey: "sk_acme_secret" });
  await runListener(client, listener).ready();
  say({ ready: url });
}
