// How soon a permission that is taken back has reached every connection, on two gateways of one Redis.
import { redisBroker } from "@trunkline/broker-redis";
import { type Gateway, createGateway } from "@trunkline/gateway";
import { startRedisServer } from "../../test/support/redis-server.ts";
import { until } from "../../test/support/until.ts";
import { Listener } from "./listener.ts";

export interface RevocationSize {
  /** Connections, spread over both gateways; half of them are revoked. */
  readonly clients: number;
  readonly rounds: number;
}

export interface Revocations {
  /** Milliseconds from the call to the last client that was told, for each `reauthorize`. */
  readonly takenOffMs: readonly number[];
  /** The same of the final `disconnect`. */
  readonly endedMs: readonly number[];
  /** What went wrong, in words. */
  readonly misses: readonly string[];
}

const channel = "room";

export async function measureRevocations({ clients, rounds }: RevocationSize): Promise<Revocations> {
  const redis = await startRedisServer();
  const brokers = [redisBroker({ url: redis.url }), redisBroker({ url: redis.url })];
  const members = new Set(["revoked", "kept"]);
  const gateways = brokers.map((broker) =>
    createGateway({
      broker,
      authenticate: ({ token: id }) => (id === undefined ? null : { kind: "user", account: "acme", id }),
      subscriptions: ({ principal }) => (principal.kind === "user" && members.has(principal.id) ? [channel] : []),
      limits: { greetings: clients + 1 },
    }),
  );
  const listeners: Listener[] = [];
  try {
    const addresses = await Promise.all(gateways.map((gateway) => gateway.listen({ port: 0 })));
    const user = async (id: string): Promise<readonly Listener[]> => {
      const own = Array.from({ length: clients / 2 }, (_, index) => Listener.open(addresses[index % 2]?.url ?? "", id));
      const open = await Promise.all(own);
      listeners.push(...open);
      return open;
    };
    const [revoked, kept] = [await user("revoked"), await user("kept")];
    await until("everybody is on", () => listeners.every(({ on }) => on));
    return await revoke(gateways, members, { revoked, kept }, rounds);
  } finally {
    for (const listener of listeners) listener.leave();
    await Promise.all(gateways.map((gateway) => gateway.close({ drainMs: 0 })));
    await Promise.all(brokers.map((broker) => broker.close()));
    await redis.close();
  }
}

async function revoke(
  [one, two]: readonly Gateway[],
  members: Set<string>,
  { revoked, kept }: { readonly revoked: readonly Listener[]; readonly kept: readonly Listener[] },
  rounds: number,
): Promise<Revocations> {
  if (one === undefined || two === undefined) throw new Error("measureRevocations: expected two gateways");
  const filter = { account: "acme", user: "revoked" };
  const takenOffMs: number[] = [];
  const misses: string[] = [];
  for (let round = 0; round < rounds; round++) {
    members.delete("revoked");
    const since = performance.now();
    await one.reauthorize(filter);
    await until("all were taken off", () => revoked.every(({ takenOffAt }) => (takenOffAt ?? 0) > since));
    takenOffMs.push(Math.max(...revoked.map(({ takenOffAt }) => takenOffAt ?? Infinity)) - since);
    await two.publish({ event: "said", data: round, channel }, { account: "acme" });
    await until("the others heard", () => kept.every(({ heard }) => heard.includes(round)));
    members.add("revoked");
    await two.reauthorize(filter);
    await until("all are on again", () => revoked.every(({ on }) => on));
  }
  const since = performance.now();
  await one.disconnect(filter);
  await until("all have ended", () => revoked.every(({ endedAt }) => endedAt !== null));
  const endedMs = [Math.max(...revoked.map(({ endedAt }) => endedAt ?? Infinity)) - since];
  const leaks = revoked.reduce((sum, { heard }) => sum + heard.length, 0);
  if (leaks > 0) misses.push(`${leaks} events reached connections that were revoked before`);
  const lost = kept.filter(({ heard, endedAt }) => heard.length !== rounds || endedAt !== null).length;
  if (lost > 0) misses.push(`${lost} connections that nobody revoked lost something`);
  return { takenOffMs, endedMs, misses };
}
