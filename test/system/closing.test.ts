// P-41: a gateway that closes, in a process of its own.
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { WebSocket } from "ws";
import { command, endCommands } from "../support/command.ts";
import { openEventStream } from "../support/event-stream-client.ts";
import { connectPlain, connectV1 } from "../support/frame-client.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { testKeys } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";
import { pageUrl } from "../support/visitor.ts";

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(() => redis.close());
afterEach(endCommands);

interface Told {
  readonly connections: string[];
  readonly disconnections: string[];
  readonly joins: string[];
  readonly leaves: string[];
}

it.each(["memory", "Redis"])(
  "P-41 close({ drainMs }) says 1001 to every client, tells of each once, quits the %s broker, and the process ends by itself",
  async (kind) => {
    const gateway = command("test/support/closing-process.ts", kind === "Redis" ? [redis.url] : []);
    const [line] = await gateway.until(/\{"ready".*\}/);
    const { ready, page } = JSON.parse(line) as {
      readonly ready: string;
      readonly page: { readonly id: string; readonly cookie: string };
    };
    const base = ready.replace("http", "ws");
    const socketUrl = `${base}/api/ws/v1/events`;
    const headers = { cookie: page.cookie };
    const links = [
      await connectV1(socketUrl, { token: testKeys.acme, instance: "one" }),
      await connectV1(socketUrl, { token: testKeys.acme, instance: "two" }),
      await connectV1(pageUrl(socketUrl, page.id), { instance: "page", headers }),
      await connectPlain(socketUrl, testKeys.acme),
    ];
    const raw = new WebSocket(`${base}/account.acme?api_key=${testKeys.acme}`);
    await once(raw, "open");
    const rawEnd = once(raw, "close");
    const stream = await openEventStream(ready, { key: testKeys.acme });

    gateway.kill("SIGTERM");
    const ends = await Promise.all(links.map((link) => link.end()));
    expect(ends.map(({ code }) => code)).toEqual([1001, 1001, 1001, 1001]);
    expect((await rawEnd)[0]).toBe(1001);
    await until("the event stream ends", () => stream.ended);
    // Not by a signal, nor by `process.exit`: nothing was left open.
    expect(await gateway.exited).toBe(0);

    const { closed } = JSON.parse((/\{"closed".*\}/.exec(gateway.stdout) ?? [""])[0]) as { readonly closed: Told };
    expect(closed.connections).toHaveLength(6);
    expect(new Set(closed.disconnections)).toEqual(new Set(closed.connections));
    expect(closed.disconnections).toHaveLength(6);
    expect(closed.joins).toHaveLength(1);
    expect(closed.leaves).toEqual(closed.joins);
    expect(gateway.stderr).toBe("");
  },
);
