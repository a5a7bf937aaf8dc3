// Several Redis processes that belong together: a Cluster, or a primary with its replica and Sentinels.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type RedisServer, freePort, startRedisServer, startSentinel } from "./redis-server.ts";
import { until } from "./until.ts";

const run = promisify(execFile);

export interface RedisCluster {
  /** The first three began as primaries. */
  readonly nodes: readonly RedisServer[];
  readonly url: string;
  close(): Promise<void>;
}

/** Three primaries that share the slots, each with so many replicas. A node is taken for dead after a second. */
export async function startRedisCluster(replicas = 0): Promise<RedisCluster> {
  const nodes = await Promise.all(
    Array.from({ length: 3 * (1 + replicas) }, async () => {
      // By default the bus takes the port + 10,000, which may be none.
      const bus = String(await freePort());
      return startRedisServer("--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "1000");
    }),
  );
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  await run("redis-cli", ["--cluster", "create", ...addresses, "--cluster-replicas", `${replicas}`, "--cluster-yes"]);
  for (const node of nodes)
    await until("the Cluster serves all slots", async () =>
      (await node.command("CLUSTER", "INFO")).includes("cluster_state:ok"),
    );
  const followers = nodes.slice(3);
  for (const node of followers) await until("the replica follows", () => follows(node));
  return { nodes, url: `redis://${addresses.join(",")}`, close: () => closeAll(nodes) };
}

export interface SentinelSet {
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  readonly url: string;
  close(): Promise<void>;
}

/** A primary, a replica that may take its place, and three Sentinels. */
export async function startSentinelSet(): Promise<SentinelSet> {
  const primary = await startRedisServer();
  const replica = await startRedisServer("--replicaof", "127.0.0.1", String(primary.port));
  await until("the replica follows", () => follows(replica));
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel("main", primary.port)));
  for (const sentinel of sentinels)
    await until("the Sentinels know each other and the replica", async () => {
      const said = (await sentinel.command("SENTINEL", "MASTER", "main")).replaceAll(/\$\d+\r\n/g, "");
      return said.includes("num-other-sentinels\r\n2\r\n") && said.includes("num-slaves\r\n1\r\n");
    });
  const addresses = sentinels.map(({ port }) => `127.0.0.1:${port}`);
  return {
    primary,
    replica,
    url: `redis+sentinel://${addresses.join(",")}/main`,
    close: () => closeAll([primary, replica, ...sentinels]),
  };
}

async function follows(replica: RedisServer): Promise<boolean> {
  return (await replica.command("INFO", "replication")).includes("master_link_status:up");
}

async function closeAll(servers: readonly RedisServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.close()));
}
