import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createClient } from "trunkline";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { command, endCommands } from "../support/command.ts";
import { until } from "../support/until.ts";

// The little apps of examples/, each as the process that its README starts.

afterEach(endCommands);

const read = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../examples/${path}`, import.meta.url)), "utf8");

async function start(name: string): Promise<string> {
  const app = command(`examples/${name}/main.ts`, [], { PORT: "0" });
  return (await app.until(/http:\S+/))[0];
}

const post = (url: string, body: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
  fetch(`${url}/posts`, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body });

describe.each(["express", "fastify", "hono", "node-http"])("examples/%s", (name) => {
  it("tells a listener of a new post, and keeps its own routes and its own 404", async () => {
    const url = await start(name);
    const client = createClient({ url, publicKey: "pk_blog" });
    onTestFinished(() => client.close());
    const heard: unknown[] = [];
    client.on("*", (data, { event }) => heard.push([event, data]));
    await client.ready();

    const created = await post(url, JSON.stringify({ title: "Hello" }));
    expect(created.status).toBe(201);
    expect(await created.json()).toEqual({ id: 1, title: "Hello" });
    await until("the post comes", () => heard.length > 0);
    expect(heard).toEqual([["post.created", { id: 1, title: "Hello" }]]);
    expect(await (await fetch(`${url}/posts`)).json()).toEqual([{ id: 1, title: "Hello" }]);

    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: "alive" });
    const page = await fetch(url);
    expect(await page.text()).toBe(read(`${name}/public/index.html`));
    const missing = await fetch(`${url}/nothing`);
    expect([missing.status, await missing.text()]).toEqual([404, expect.stringMatching(notFound[name] ?? "")]);
  });

  it("lets nobody publish, and listens to no post of a foreign page", async () => {
    const url = await start(name);
    const publish = (authorization: string): Promise<Response> =>
      fetch(`${url}/api/v1/publish`, { method: "POST", headers: { authorization }, body: '{"event":"post.created"}' });
    expect((await publish("Bearer pk_blog")).status).toBe(403);
    expect((await publish("Bearer guessed")).status).toBe(401);
    // What a page elsewhere can send without asking first.
    const foreign = await post(url, '{"title":"spam"}', {
      "Content-Type": "text/plain",
      Origin: "https://elsewhere.example",
    });
    expect(await (await fetch(`${url}/posts`)).text()).not.toContain("spam");
    expect(foreign.status).toBeGreaterThanOrEqual(400);
  });

  it("is server and page in less than 40 lines, with no secret in the page", () => {
    const [server, page] = [read(`${name}/main.ts`), read(`${name}/public/index.html`)];
    expect(`${server}${page}`.split("\n").filter((line) => line.trim() !== "").length).toBeLessThan(40);
    expect(server).not.toContain("secretKeys");
  });
});

/** What each framework says of an address that it does not know. */
const notFound: Readonly<Record<string, string>> = {
  express: "Cannot GET /nothing",
  fastify: "Route GET:/nothing not found",
  hono: "404 Not Found",
  "node-http": "There is nothing here.",
};
