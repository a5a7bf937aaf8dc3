// Who is said to be there when links are cut and when a gateway is killed, of three on one Redis.
import { createChannels } from "@trunkline/channels";
import { type Client, createClient } from "trunkline";
import { startRedisServer } from "../../test/support/redis-server.ts";
import { startRoundRobinProxy } from "../../test/support/round-robin-proxy.ts";
import { until } from "../../test/support/until.ts";
import { secretKey } from "../world/contract.ts";
import { GatewayProcess } from "../world/gateway.ts";
import { PresenceDiary } from "./diary.ts";

export interface PresenceSize {
  /** Clients that are members, spread over three gateways. */
  readonly members: number;
  /** Milliseconds after which a silent gateway is taken for dead. */
  readonly leaseMs: number;
}

export interface PresenceFigures {
  /** Milliseconds from SIGKILL until both watchers saw exactly those who are there. */
  readonly correctAfterMs: number;
  /** Members whose gateway was killed: those that went to another, and those that died with it. */
  readonly returned: number;
  readonly died: number;
  /** What went wrong, in words. */
  readonly misses: readonly string[];
}

const room = "room";
/** Waits of this check end by themselves: a machine may be slow. */
const patienceMs = 120_000;

export async function measurePresence({ members, leaseMs }: PresenceSize): Promise<PresenceFigures> {
  const redis = await startRedisServer();
  const settings = { redis: { url: redis.url }, presence: { leaseMs } };
  const gateways = await Promise.all([0, 1, 2].map(() => GatewayProcess.start(settings)));
  const [one, two, three] = gateways as [GatewayProcess, GatewayProcess, GatewayProcess];
  const proxy = await startRoundRobinProxy(gateways.map(({ url }) => url));
  const clients: Client[] = [];
  const connect = (url: string): Client => {
    const client = createClient({ url, apiKey: secretKey });
    clients.push(client);
    return client;
  };
  try {
    const diaries = [one, two].map(({ url }) => new PresenceDiary(createChannels(connect(url)).open(room)));
    const entered = Array.from({ length: members }, async (_, index) => {
      const client = connect(proxy.url);
      await createChannels(client).open(room).presence.enter({ index });
      return client;
    });
    const own = await Promise.all(entered);
    const see = (gone: ReadonlySet<number>): Promise<void> =>
      until(
        `both see ${members - gone.size}; they see ${diaries.map(({ here, count }) => `${here.size}/${count}`).join(" and ")}`,
        () => diaries.every((diary) => diary.shows(members, gone)),
        patienceMs,
      );
    await see(new Set());
    for (const diary of diaries) diary.moves.length = 0;

    proxy.cut();
    await until("the links are cut", () => own.some(({ status }) => status !== "connected"));
    await until("all are back", () => own.every(({ status }) => status === "connected"), patienceMs);
    await see(new Set());

    const died = new Set<number>();
    const lost = new Set<number>();
    for (const [index, client] of own.entries())
      client.on("status", (status) => {
        if (status !== "reconnecting" || lost.has(index)) return;
        lost.add(index);
        // Every other one dies with its gateway: nobody hears a goodbye.
        if (lost.size % 2 === 0) return;
        died.add(index);
        void client.close({ timeoutMs: 0 });
      });
    proxy.skip(2);
    const killedAt = performance.now();
    await three.kill();
    await until("its members have noticed", () => lost.size > 0);
    await until(
      "those that live are back",
      () => {
        return own.every(({ status }, index) => died.has(index) || status === "connected");
      },
      patienceMs,
    );
    await see(died);
    const correctAfterMs = performance.now() - killedAt;
    const misses = diaries.flatMap((diary) => diary.flaps(died));
    return { correctAfterMs, returned: lost.size - died.size, died: died.size, misses };
  } finally {
    await Promise.all(clients.map((client) => client.close({ timeoutMs: 0 })));
    await proxy.close();
    await Promise.all(gateways.map((gateway) => gateway.kill()));
    await redis.close();
  }
}
