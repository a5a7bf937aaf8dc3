// One gateway as a process of its own, with a door for questions about itself.
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createGateway, type Gateway } from "@trunkline/gateway";
import { redisBroker } from "@trunkline/broker-redis";
import { answer } from "./child-process.ts";
import { account, contract, secretKey } from "./contract.ts";
import type { GatewayCondition, GatewaySettings } from "./gateway.ts";

const sockets = new Set<Socket>();
let gateway: Gateway | null = null;
let mostUnreadBytes = 0;
let mostResidentBytes = 0;

answer({
  open: async ({ redis, ...settings }: GatewaySettings): Promise<string> => {
    const made = createGateway({
      secretKeys: [{ key: secretKey, account }],
      authorize: ({ principal }) => principal.kind === "secret",
      contract,
      ...settings,
      ...(redis !== undefined && { broker: redisBroker(redis) }),
    });
    gateway = made;
    const server = createServer();
    server.on("connection", (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
    made.attach(server);
    process.on("SIGTERM", () => {
      server.close();
      void made.close().then(() => process.exit(0));
    });
    setInterval(measure, 100).unref();
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", 1024, resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  condition: (): GatewayCondition => {
    measure();
    return { ...(gateway as Gateway).stats(), mostUnreadBytes, mostResidentBytes };
  },
});

function measure(): void {
  for (const { writableLength } of sockets) mostUnreadBytes = Math.max(mostUnreadBytes, writableLength);
  mostResidentBytes = Math.max(mostResidentBytes, process.memoryUsage.rss());
}
