// A gateway with pages that closes on SIGTERM and then has nothing left to do: `REDIS_URL` or nothing as its argument. Writes one JSON object per
// line: `{ready, pages}`, then `{closed}` with what its listeners were told. It never calls `process.exit`.
import { redisBroker } from "@trunkline/broker-redis";
import { createGateway } from "@trunkline/gateway";
import { pageSecret } from "./visitor.ts";

const [, , url = ""] = process.argv;
const say = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);

const broker = url === "" ? undefined : redisBroker({ url });
const gateway = createGateway({
  secretKeys: [{ key: "sk_acme_secret", account: "acme" }],
  pages: { secret: pageSecret, account: "acme" },
  raw: true,
  ...(broker !== undefined && { broker }),
});
const told = {
  connections: [] as string[],
  disconnections: [] as string[],
  joins: [] as string[],
  leaves: [] as string[],
};
gateway.on("connection", ({ id }) => void told.connections.push(id));
gateway.on("disconnection", ({ id }) => void told.disconnections.push(id));
gateway.on("join", ({ id }) => void told.joins.push(id));
gateway.on("leave", ({ id }) => void told.leaves.push(id));

async function close(): Promise<void> {
  await gateway.close({ drainMs: 200 });
  await broker?.close();
  say({ closed: told });
}
process.once("SIGTERM", () => void close());
const { url: ready } = await gateway.listen({ port: 0 });
const page = await gateway.pageFor({ cookie: undefined });
await page.subscribe("news");
say({ ready, page: { id: page.id, cookie: page.setCookie?.split(";")[0] } });
