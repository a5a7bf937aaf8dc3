import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { command, endCommands, type Running, trunkline } from "../support/command.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "trunkline-playground-"));
});
afterAll(async () => rm(folder, { recursive: true }));
afterEach(endCommands);

function playground(env: Readonly<Record<string, string>> = {}): Running {
  return command("playground/server/main.ts", [], { PORT: "0", PLAYGROUND_DB: ":memory:", ...env });
}
async function urlOf(running: Running): Promise<string> {
  return (await running.until(/playground on (http\S+)/))[1] ?? "";
}
async function write(url: string, method: string, path: string, body?: object): Promise<Response> {
  return fetch(`${url}${path}`, {
    method,
    ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
  });
}
function events(tail: Running): readonly { readonly event: string; readonly data: unknown; readonly offset: number }[] {
  return tail.stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
}

it("tells every change of a post to whoever listens, in order and with growing versions", async () => {
  const app = playground();
  const url = await urlOf(app);
  const tail = trunkline(["tail", "--url", url], { TRUNKLINE_API_KEY: "demo-public" });
  await tail.until(/listening/, "stderr");
  const created = await write(url, "POST", "/posts", { title: "Hello" });
  expect(created.status).toBe(201);
  const answer = (await created.json()) as { readonly post: { readonly id: number }; readonly published: boolean };
  expect(answer.published).toBe(true);
  await write(url, "PUT", `/posts/${answer.post.id}`, { title: "Hi" });
  await write(url, "DELETE", `/posts/${answer.post.id}`);
  await tail.until(/post\.deleted.*\n/);
  expect(events(tail)).toMatchObject([
    { event: "post.created", data: answer.post, offset: 1 },
    { event: "post.updated", data: { title: "Hi" }, offset: 2 },
    { event: "post.deleted", data: { id: answer.post.id }, offset: 3 },
  ]);
  const versions = events(tail).map(({ data }) => (data as { readonly version: number }).version);
  expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
});

it("prints where it is, its demo keys, and lines that work when they are tried", async () => {
  const app = playground();
  const url = await urlOf(app);
  await app.until(/Ctrl-C/);
  for (const text of ["demo-secret", "demo-public", "account.demo", "new WebSocket("])
    expect(app.stdout).toContain(text);
  const curl = /curl (\S+) -H 'Authorization: (Bearer \S+)' -d '([^']+)'/.exec(app.stdout);
  const published = await fetch(curl?.[1] ?? "", {
    method: "POST",
    headers: { Authorization: curl?.[2] ?? "" },
    body: curl?.[3] ?? "",
  });
  expect(published.status).toBe(202);
  const socketUrl = JSON.parse(/new WebSocket\(("[^"]+")\)/.exec(app.stdout)?.[1] ?? '""') as string;
  const first = await new Promise((resolve, reject) => {
    const socket = new WebSocket(socketUrl);
    socket.onmessage = ({ data }) => resolve(data);
    socket.onerror = () => reject(new Error("the printed WebSocket line did not connect"));
  });
  expect(JSON.parse(String(first))).toEqual({ type: "connected" });
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
});

it("serves its pages with the public key only", async () => {
  const url = await urlOf(playground());
  const page = await fetch(url);
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
  const settings = await (await fetch(`${url}/settings.json`)).text();
  expect(JSON.parse(settings)).toEqual({ publicKey: "demo-public" });
  expect((await page.text()) + settings).not.toContain("demo-secret");
  const statuses = [
    "/style.css",
    "/esm.html",
    "/script-tag.html",
    "/healthz",
    "/nothing",
    "/..%2fpackage.json",
    "/server/main.ts",
  ].map(async (path) => (await fetch(`${url}${path}`)).status);
  expect(await Promise.all(statuses)).toEqual([200, 200, 200, 200, 404, 404, 404]);
});

it("keeps its posts over a restart", async () => {
  const env = { PLAYGROUND_DB: join(folder, "below", "posts.sqlite") };
  const first = playground(env);
  await write(await urlOf(first), "POST", "/posts", { title: "kept" });
  first.kill("SIGTERM");
  expect(await first.exited).toBe(0);
  const second = playground(env);
  expect(await (await fetch(`${await urlOf(second)}/posts`)).json()).toMatchObject({ posts: [{ title: "kept" }] });
});

it.each(["SIGTERM", "SIGINT"] as const)(
  "lets its pages leave and exits 0 on %s, sent twice as npm does",
  async (signal) => {
    const app = playground();
    const tail = trunkline(["tail", "--url", await urlOf(app)], { TRUNKLINE_API_KEY: "demo-secret" });
    await tail.until(/listening/, "stderr");
    app.kill(signal);
    app.kill(signal);
    expect(await app.exited).toBe(0);
  },
);

it("says what to do when the port is taken", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as AddressInfo;
  try {
    const app = playground({ PORT: String(port) });
    expect(await app.exited).toBe(1);
    expect(app.stderr).toContain(`port ${port} on 127.0.0.1 is in use`);
    expect(app.stderr).toContain(`PORT=${port + 1}`);
  } finally {
    await new Promise((resolve) => taken.close(resolve));
  }
});

it.each([
  [{ REDIS_URL: "redis://:hunter2@localhost:x" }, "REDIS_URL: expected host:port"],
  [{ PORT: "http" }, "PORT: expected an integer"],
])("exits 2 with %j", async (env, message) => {
  const app = playground(env);
  expect(await app.exited).toBe(2);
  expect(app.stderr).toContain(message);
  expect(app.stderr + app.stdout).not.toContain("hunter2");
});

it("makes keys of its own when other machines can connect", async () => {
  const app = playground({ HOST: "0.0.0.0" });
  const url = await urlOf(app);
  expect(app.stdout).not.toMatch(/demo-secret|demo-public/);
  const local = url.replace("localhost", "127.0.0.1");
  const { publicKey } = (await (await fetch(`${local}/settings.json`)).json()) as { readonly publicKey: string };
  expect(app.stdout).toContain(publicKey);
});
