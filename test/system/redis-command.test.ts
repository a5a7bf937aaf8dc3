// `--redis` and `REDIS_URL`: the command and the playground on a Redis.
import { redisBroker, redisRegistry } from "@trunkline/broker-redis";
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished } from "vitest";
import { type Running, command, endCommands, trunkline } from "../support/command.ts";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";
import { startGateway } from "../support/start-gateway.ts";
import { until } from "../support/until.ts";
import { Visitor, pageSecret } from "../support/visitor.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer("--requirepass", "hunter2");
});
afterEach(endCommands);
afterAll(() => server.close());

const env = { TRUNKLINE_API_KEY: "command-secret" };
const redis = (): string => `redis://:hunter2@127.0.0.1:${server.port}`;
const urlOf = async (running: Running): Promise<string> => (await running.until(/(http:\/\/[\w.:]+:\d+)/))[1] as string;

it("two gateways of the command are one: published at one, heard at the other; both end with 0 and show no password", async () => {
  const one = trunkline(["start", "--port", "0", "--redis", redis()], env);
  const two = trunkline(["start", "--port", "0"], { ...env, REDIS_URL: redis() });
  const tail = trunkline(["tail", "--url", await urlOf(two)], env);
  await tail.until(/listening/, "stderr");
  const published = trunkline(["publish", "greeting", '{"n":1}', "--url", await urlOf(one)], env);
  expect(await published.exited).toBe(0);
  const [line] = await tail.until(/.*greeting.*/);
  expect(JSON.parse(line)).toMatchObject({ event: "greeting", data: { n: 1 }, offset: 1 });
  for (const each of [one, two]) {
    each.kill("SIGTERM");
    expect(await each.exited).toBe(0);
    expect(each.stdout + each.stderr).not.toContain("hunter2");
  }
});

it("D-25 a page that an app subscribes by its own gateway is heard at the command's, over Redis", async () => {
  const broker = redisBroker({ url: redis() });
  const registry = redisRegistry({ url: redis() });
  const app = await startGateway({ broker, pages: { secret: pageSecret, registry } });
  onTestFinished(async () => {
    await app.gateway.close({ drainMs: 0 });
    await Promise.all([broker.close(), registry.close()]);
  });
  const visitor = new Visitor();
  const page = await visitor.load(app.gateway);
  await page.subscribe("news");
  await app.gateway.push("before", "news");
  const started = trunkline(["start", "--port", "0"], { TRUNKLINE_PAGE_SECRET: pageSecret, REDIS_URL: redis() });
  const url = `${(await urlOf(started)).replace("http", "ws")}/api/ws/v1/events`;
  const socket = await visitor.connect(url, page);
  await app.gateway.push("after", "n*s");
  await until("both came", () => socket.events.length === 2);
  expect(socket.events.map(({ channel, data }) => [channel, data])).toEqual([
    ["news", "before"],
    ["news", "after"],
  ]);
  await app.gateway.pushTo(page.key, "news", "for you");
  await until("it came", () => socket.events.length === 3);
  expect(socket.events[2]).toMatchObject({ data: "for you", for: "news" });
  started.kill("SIGTERM");
  expect(await started.exited).toBe(0);
  expect(started.stdout + started.stderr).not.toContain(pageSecret);
});

it("a gateway without its Redis runs, says why, and is not ready until it has it", async () => {
  const wrong = trunkline(["start", "--port", "0", "--redis", redis().replace("hunter2", "hunter3")], env);
  const readyz = `${await urlOf(wrong)}/readyz`;
  await until("it is not ready", async () => (await fetch(readyz)).status === 503);
  await wrong.until(/refused the user name or password/, "stderr");
  const published = trunkline(["publish", "greeting", "--url", await urlOf(wrong)], env);
  expect(await published.exited).toBe(1);
  expect(published.stderr).toContain("Redis can't be used just now");
  expect(wrong.stdout + wrong.stderr + published.stderr).not.toContain("hunter3");
});

it("the playground honours REDIS_URL", async () => {
  const start = (): Running =>
    command("playground/server/main.ts", [], { PORT: "0", PLAYGROUND_DB: ":memory:", REDIS_URL: redis() });
  const [one, two] = [start(), start()];
  const demo = { TRUNKLINE_API_KEY: "demo-secret" };
  const tail = trunkline(["tail", "--url", await urlOf(two)], demo);
  await tail.until(/listening/, "stderr");
  const published = trunkline(["publish", "greeting", "--url", await urlOf(one)], demo);
  expect(await published.exited).toBe(0);
  await tail.until(/greeting/);
  one.kill("SIGTERM");
  expect(await one.exited).toBe(0);
});
