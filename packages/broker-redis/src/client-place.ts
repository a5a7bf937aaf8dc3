// Where Redis is, as a client of ioredis was told.
import type { ConnectionOptions } from "node:tls";
import type { RedisNode, RedisPlace } from "./redis-url.ts";

/** The part of an ioredis client that is read. */
export interface RedisClient {
  readonly options: object;
  readonly isCluster?: boolean;
}

/** The options of ioredis that say where and as whom. */
interface ClientOptions {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly path?: string | undefined;
  readonly db?: number | undefined;
  readonly username?: string | undefined;
  readonly password?: string | null | undefined;
  readonly tls?: ConnectionOptions | undefined;
  readonly sentinels?: readonly Partial<RedisNode>[] | null | undefined;
  readonly name?: string | undefined;
  readonly sentinelPassword?: string | null | undefined;
}

/** The place, or what is wrong. */
export function placeOfClient(client: RedisClient): RedisPlace | string {
  if (client.isCluster === true)
    return "client: expected one of a single Redis or of Sentinels; give a Cluster's `nodes`";
  const options = client.options as ClientOptions;
  const { host = "localhost", port = 6379, path, db = 0, tls = null, sentinels, name = "" } = options;
  if (path !== undefined && path !== null) return "client: expected one of host and port, got one of a Unix socket";
  const { username, password, sentinelPassword } = options;
  const access = {
    tls,
    ...(username !== undefined && username !== null && { username }),
    ...(password !== undefined && password !== null && { password }),
  };
  if (sentinels === undefined || sentinels === null) return { ...access, kind: "single", node: { host, port }, db };
  return {
    ...access,
    kind: "sentinel",
    sentinels: sentinels.map((each) => ({ host: each.host ?? "localhost", port: each.port ?? 26_379 })),
    name,
    db,
    ...(sentinelPassword !== undefined && sentinelPassword !== null && { sentinelPassword }),
  };
}
