import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { endCommands, type Running, trunkline } from "../support/command.ts";
import { type FrameOf, connectV1 } from "../support/frame-client.ts";
import { until } from "../support/until.ts";
import { Visitor, pageSecret } from "../support/visitor.ts";

const key = "hunter2-secret";
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "trunkline-start-"));
});
afterAll(async () => rm(folder, { recursive: true }));
afterEach(endCommands);

async function urlOf(gateway: Running): Promise<string> {
  return (await gateway.until(/listens on (http\S+)/))[1] ?? "";
}

it("A-18 D-21 starts a gateway on the asked address, says where and what to try, and never the key", async () => {
  const gateway = trunkline(["start", "--host", "127.0.0.1", "--port", "0", "--api-key", `${key}:acme`]);
  const url = await urlOf(gateway);
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(gateway.stdout).toContain(`curl ${url}/api/v1/publish`);
  expect(await fetch(`${url}/healthz`)).toMatchObject({ status: 200 });
  gateway.kill("SIGTERM");
  expect(await gateway.exited).toBe(0);
  expect(gateway.stdout + gateway.stderr).not.toContain("hunter2");
});

it("A-18 --host and --port are where it listens, and nowhere else", async () => {
  const gateway = trunkline(["start", "--host", "127.0.0.2", "--port", "0", "--anonymous"]);
  const url = await urlOf(gateway);
  expect(url).toMatch(/^http:\/\/127\.0\.0\.2:\d+$/);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  await expect(fetch(`${url.replace("127.0.0.2", "127.0.0.1")}/healthz`)).rejects.toThrow("fetch failed");
});

it.each(["SIGTERM", "SIGINT"] as const)("drains its connections and exits 0 on %s", async (signal) => {
  const gateway = trunkline(["start", "--port", "0"], { TRUNKLINE_API_KEY: key });
  const tail = trunkline(["tail", "--url", await urlOf(gateway)], { TRUNKLINE_API_KEY: key });
  await tail.until(/listening/, "stderr");
  gateway.kill(signal);
  expect(await gateway.exited).toBe(0);
  tail.kill("SIGINT");
  expect(await tail.exited).toBe(0);
});

it("takes an interrupt that npm passes on a second time for one", async () => {
  const gateway = trunkline(["start", "--port", "0", "--anonymous"]);
  await urlOf(gateway);
  gateway.kill("SIGINT");
  gateway.kill("SIGINT");
  expect(await gateway.exited).toBe(0);
});

it("refuses to start where nobody could connect, naming both ways out", async () => {
  const gateway = trunkline(["start"]);
  expect(await gateway.exited).toBe(2);
  expect(gateway.stderr).toMatch(/--api-key.*--anonymous/);
  expect(gateway.stdout).toBe("");
});

it("says what to do when the port is taken", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as AddressInfo;
  try {
    const gateway = trunkline(["start", "--anonymous", "--port", String(port)]);
    expect(await gateway.exited).toBe(1);
    expect(gateway.stderr).toMatch(new RegExp(`port ${port} on 127\\.0\\.0\\.1 is in use.*--port`));
  } finally {
    await new Promise((resolve) => taken.close(resolve));
  }
});

it.each([
  [["start", "--prot", "1"], "unknown flag --prot; did you mean --port?"],
  [["start", "--port", "many", "--anonymous"], '--port: expected an integer from 0 to 65535, got "many"'],
  [["start", "--anonymous", "--redis", "localhost:hunter2"], "--redis: expected redis://host:port"],
  [["start", "--anonymous", "extra"], "expected flags only"],
  [["start", "--api-key", "hunter2 with spaces"], "key: expected visible ASCII characters"],
  [["start", "--anonymous", "--origin", "not-an-origin"], "origins[0]: expected one such as"],
  [["strat"], "unknown command strat; did you mean start?"],
  [[], "Usage: trunkline COMMAND"],
])("exits 2 on %j and says why", async (args, message) => {
  const wrong = trunkline(args);
  expect(await wrong.exited).toBe(2);
  expect(wrong.stderr).toContain(message);
  expect(wrong.stderr).not.toContain("hunter2");
});

it("D-25 reads a config file, and flags override it", async () => {
  const config = join(folder, "trunkline.config.json");
  await writeFile(config, JSON.stringify({ port: 1, apiKeys: [`${key}:acme`], logLevel: "debug" }));
  const gateway = trunkline(["start", "--config", config, "--port", "0", "--log-level", "silent"]);
  const url = await urlOf(gateway);
  const published = trunkline(["publish", "greeting", "--url", url], { TRUNKLINE_API_KEY: key });
  expect(await published.exited).toBe(0);
  expect(JSON.parse(published.stdout)).toMatchObject({ stream: "account.acme", offset: 1 });
  gateway.kill("SIGTERM");
  expect(await gateway.exited).toBe(0);
  expect(gateway.stderr).toBe("");
});

it("takes a module as config, whose contract says what is volatile", async () => {
  const config = join(folder, "trunkline.config.mjs");
  await writeFile(
    config,
    `export default { port: 0, apiKeys: ["${key}"], contract: { events: { moved: { delivery: "volatile" } } } };`,
  );
  const gateway = trunkline(["start", "--config", config]);
  const published = trunkline(["publish", "moved", "--url", await urlOf(gateway)], { TRUNKLINE_API_KEY: key });
  expect(await published.exited).toBe(0);
  expect(JSON.parse(published.stdout)).toMatchObject({ offset: 0 });
  gateway.kill("SIGTERM");
  expect(await gateway.exited).toBe(0);
});

it("D-25 what a module says decides who comes in, what they hear and how it looks", async () => {
  const config = join(folder, "app.config.mjs");
  await writeFile(
    config,
    `export default {
      apiKeys: ["${key}"],
      history: { count: 2 },
      authenticate: ({ token }) => token === "ada" ? { kind: "user", account: "default", id: "ada" } : null,
      subscriptions: ({ principal }) => principal.kind === "user" ? ["user." + principal.id] : [],
      authorize: ({ channel }) => channel === "room",
      authorizePublish: ({ channel }) => channel === "room",
      scope: ({ hint }) => hint,
      serialize: ({ data }) => ({ shown: data }),
    };`,
  );
  const gateway = trunkline(["start", "--config", config, "--port", "0"]);
  const url = await urlOf(gateway);
  const streams = ["room", "hall"].map((channel) => ({ channel, rewind: 5 }));
  for (const data of [1, 2, 3]) {
    const published = trunkline(["publish", "said", `${data}`, "--channel", "room", "--url", url], {
      TRUNKLINE_API_KEY: key,
    });
    expect(await published.exited).toBe(0);
  }
  const ada = await connectV1(`${url.replace("http", "ws")}/api/ws/v1/events`, {
    token: "ada",
    streams,
    scope: "mine",
  });
  const [{ streams: verdicts }] = ada.all("connected") as [FrameOf<"connected">];
  expect(Object.fromEntries(verdicts.map(({ channel, verdict }) => [channel, verdict]))).toEqual({
    hall: "refused",
    room: "snapshot",
    "user.ada": "fresh",
  });
  ada.send([
    { type: "publish", ref: 1, event: "said", data: 4, channel: "room" },
    { type: "publish", ref: 2, event: "said", data: 5, channel: "hall" },
  ]);
  await until("both are answered", () => ada.all("published").length === 2);
  expect(ada.all("published").find(({ ref }) => ref === 2)?.error?.code).toBe("gateway.forbidden");
  await until("the room's came", () => ada.events.length === 3);
  expect(ada.events.map(({ data }) => data)).toEqual([{ shown: 2 }, { shown: 3 }, { shown: 4 }]);
});

it("D-25 listeners of a module hear what is said on channels, and answer it", async () => {
  const config = join(folder, "listeners.config.mjs");
  const source = new URL("../../packages/gateway/src/index.ts", import.meta.url).href;
  await writeFile(
    config,
    `import { defineListener } from "${source}";
    const listeners = defineListener(
      { orders: (data, { publish }) => publish({ event: "seen", data, channel: "seen" }) },
      { account: "acme" },
    );
    export default { port: 0, apiKeys: ["${key}:acme"], listeners };`,
  );
  const gateway = trunkline(["start", "--config", config]);
  const url = await urlOf(gateway);
  const tail = await connectV1(`${url.replace("http", "ws")}/api/ws/v1/events`, {
    token: key,
    streams: [{ channel: "seen" }],
  });
  const published = trunkline(["publish", "message", "7", "--channel", "orders", "--url", url], {
    TRUNKLINE_API_KEY: key,
  });
  expect(await published.exited).toBe(0);
  await until("it is answered", () => tail.events.length === 1);
  expect(tail.events[0]).toMatchObject({ event: "seen", data: 7 });
});

it("D-25 the raw door is open where the config file says", async () => {
  const config = join(folder, "raw.config.json");
  await writeFile(
    config,
    JSON.stringify({ port: 0, raw: { prefix: "/live/" }, anonymous: { mayListen: ["news"] }, apiKeys: [key] }),
  );
  const gateway = trunkline(["start", "--config", config]);
  const url = await urlOf(gateway);
  const texts: string[] = [];
  const socket = new WebSocket(`${url.replace("http", "ws")}/live/news`);
  socket.addEventListener("message", ({ data }) => texts.push(String(data)));
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", reject);
  });
  const published = trunkline(["publish", "message", '"new model!"', "--channel", "n*", "--url", url], {
    TRUNKLINE_API_KEY: key,
  });
  expect(await published.exited).toBe(0);
  await until("it came", () => texts.length === 1);
  expect(texts).toEqual(["new model!"]);
  socket.close();
});

it("D-25 an app in any language subscribes a page before its socket is there", async () => {
  const gateway = trunkline(["start", "--port", "0"], { TRUNKLINE_API_KEY: key, TRUNKLINE_PAGE_SECRET: pageSecret });
  const url = await urlOf(gateway);
  const response = await fetch(`${url}/api/v1/pages`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ cookie: null, subscribe: ["room"], push: [{ channel: "room", data: "welcome" }] }),
  });
  const { id, setCookie } = (await response.json()) as { readonly id: string; readonly setCookie: string };
  const visitor = new Visitor();
  visitor.cookie = setCookie.split(";")[0];
  const socket = await visitor.connect(`${url.replace("http", "ws")}/api/ws/v1/events`, { id });
  await until("it is greeted", () => socket.events.length === 1);
  expect(socket.events[0]).toMatchObject({ data: "welcome", for: "room" });
  gateway.kill("SIGTERM");
  expect(await gateway.exited).toBe(0);
  expect(gateway.stdout + gateway.stderr).not.toMatch(new RegExp(`${pageSecret}|hunter2`));
});

it("D-25 a chat with its history and who is there takes a config file, and no code", async () => {
  const config = join(folder, "chat.config.json");
  const rights = ["chat.*"];
  await writeFile(
    config,
    JSON.stringify({
      port: 0,
      anonymous: { mayListen: rights, mayPublish: rights, mayAttend: rights },
      presence: { graceMs: 0 },
    }),
  );
  const gateway = trunkline(["start", "--config", config]);
  const url = `${(await urlOf(gateway)).replace("http", "ws")}/api/ws/v1/events`;
  const streams = [
    { channel: "chat.1", rewind: 10 },
    { channel: "~members/chat.1", rewind: 0 },
  ];
  const ada = await connectV1(url, { instance: "ada", streams });
  ada.send([
    { type: "presence", ref: 1, enter: [{ channel: "chat.1", data: { name: "Ada" } }] },
    { type: "publish", ref: 2, event: "said", data: "hello", channel: "chat.1" },
    { type: "publish", ref: 3, event: "said", data: "hello", channel: "news" },
  ]);
  await until("all is answered", () => ada.all("published").length === 2 && ada.all("presence").length === 1);
  expect(ada.all("published").find(({ ref }) => ref === 3)?.error?.code).toBe("gateway.forbidden");
  const bob = await connectV1(url, { instance: "bob", streams });
  await until("bob has seen both", () => bob.events.length === 2);
  expect(Object.fromEntries(bob.events.map(({ event, data }) => [event, data]))).toEqual({
    member: { data: { name: "Ada" }, since: expect.any(Number) },
    said: "hello",
  });
  ada.ws.close();
  await until("she leaves", () => bob.events.some(({ event, deleted }) => event === "member" && deleted === true));
});

it.each([
  ["broken.json", "{\n  port: 1\n}", /broken\.json:2:3: broken JSON: expected JSON, got "p"/],
  ["unknown.json", '{"prot":1}', /unknown\.json: unknown key "prot"; did you mean "port"\?/],
  [
    "nested.json",
    '{"pages":{"secrte":"hunter2"}}',
    /nested\.json: unknown key "pages\.secrte"; did you mean "pages\.secret"\?/,
  ],
  ["short.json", '{"pages":{"secret":"hunter2"}}', /pages\.secret: expected at least 32 characters, got 7/],
  ["type.json", '{"apiKeys":"hunter2"}', /type\.json: apiKeys: expected an array of non-empty strings, got a string/],
])("exits 2 on the config file %s, naming file and key", async (name, content, message) => {
  await writeFile(join(folder, name), content);
  const gateway = trunkline(["start", "--config", join(folder, name)]);
  expect(await gateway.exited).toBe(2);
  expect(gateway.stderr).toMatch(message);
  expect(gateway.stderr).not.toContain("hunter2");
});

it("logs JSON lines where no person is watching, at the asked level, without the key", async () => {
  const gateway = trunkline(["start", "--port", "0", "--api-key", key, "--log-level", "debug"]);
  const url = await urlOf(gateway);
  await fetch(`${url}/api/v1/publish`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
    body: '{"event":"a"}',
  });
  gateway.kill("SIGTERM");
  expect(await gateway.exited).toBe(0);
  const lines = gateway.stderr.trim().split("\n");
  for (const line of lines)
    expect(JSON.parse(line)).toMatchObject({
      time: expect.any(String),
      level: expect.any(String),
      message: expect.any(String),
    });
  expect(gateway.stdout + gateway.stderr).not.toContain("hunter2");
});

it("shows its version and help worth reading, and exits 0", async () => {
  const [version, help, startHelp] = [trunkline(["--version"]), trunkline(["--help"]), trunkline(["start", "--help"])];
  expect(await Promise.all([version.exited, help.exited, startHelp.exited])).toEqual([0, 0, 0]);
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  for (const word of ["start", "publish", "tail", "Examples:"]) expect(help.stdout).toContain(word);
  for (const word of ["--api-key KEY[:ACCOUNT]", "--public-key", "--anonymous", "--origin", "--config", "Examples:"]) {
    expect(startHelp.stdout).toContain(word);
  }
});

it("A-20 takes the tokens that `trunkline token` makes with the same secret, or with the config file's key", async () => {
  const env = { TRUNKLINE_TOKEN_SECRET: "hunter2-".repeat(4) };
  const config = join(folder, "tokens.json");
  await writeFile(config, JSON.stringify({ jwt: { secret: env.TRUNKLINE_TOKEN_SECRET, issuer: "me" } }));
  for (const [flags, own, issued] of [
    [[], env, []],
    [["--config", config], {}, ["--issuer", "me"]],
  ] as const) {
    const gateway = trunkline(["start", "--port", "0", ...flags], own);
    const url = await urlOf(gateway);
    const signer = trunkline(["token", "ada", "--channel", "user.ada", ...issued], env);
    expect(await signer.exited).toBe(0);
    const authorization = `Bearer ${signer.stdout.trim()}`;
    const abort = new AbortController();
    expect((await fetch(`${url}/api/v1/events`, { headers: { authorization }, signal: abort.signal })).status).toBe(
      200,
    );
    abort.abort();
    expect((await fetch(`${url}/api/v1/events`, { headers: { authorization: `${authorization}x` } })).status).toBe(401);
    gateway.kill("SIGTERM");
    expect(await gateway.exited).toBe(0);
    expect(gateway.stdout + gateway.stderr + signer.stderr).not.toMatch(/hunter2|ey[\w-]+\.ey/);
  }
});
