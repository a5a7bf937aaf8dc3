import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import WebSocket from "isomorphic-ws";
import type { Browser } from "playwright-core";
import { createClient } from "trunkline";
import { afterAll, beforeAll, expect, it } from "vitest";
import { launchChromium } from "../support/chromium.ts";
import { command, endCommands, trunkline } from "../support/command.ts";
import { until } from "../support/until.ts";

// Three ways in, four ways out: the first thing a new user tries.

const key = "demo-secret";
let browser: Browser;
let folder: string;
let url: string;

beforeAll(async () => {
  browser = await launchChromium();
  folder = await mkdtemp(join(tmpdir(), "trunkline-everywhere-"));
  const app = command("playground/server/main.ts", [], { PORT: "0", PLAYGROUND_DB: join(folder, "posts.sqlite") });
  url = (await app.until(/playground on (http\S+)/))[1] ?? "";
});
afterAll(async () => {
  await browser?.close();
  await endCommands();
  await rm(folder, { recursive: true });
});

const run = (...args: string[]) => trunkline(args, { TRUNKLINE_API_KEY: key, TRUNKLINE_URL: url });

/** Ways in: each makes one event whose name it gives. */
const waysIn: Readonly<Record<string, () => Promise<unknown>>> = {
  "from.curl": () =>
    fetch(`${url}/api/v1/publish`, {
      method: "POST",
      headers: { Authorization: `Bearer ${key}` },
      body: JSON.stringify({ event: "from.curl", data: { text: "hello" } }),
    }),
  "from.command": () => run("publish", "from.command", '{"text":"hello"}').exited,
  "post.created": () =>
    fetch(`${url}/posts`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ title: "hello" }),
    }),
};

it("an event from HTTP, from the command and from the app reaches Chromium, Node, tail and a bare WebSocket", async () => {
  const page = await browser.newPage();
  await page.goto(url);
  await page.locator("#status", { hasText: /^connected$/ }).waitFor();

  const client = createClient({ url, apiKey: key });
  const inNode: string[] = [];
  client.on("*", (_data, meta) => inNode.push(meta.event));
  await client.ready();

  const tail = run("tail");
  await tail.until(/connected/, "stderr");

  const bare = new WebSocket(`${url.replace("http", "ws")}/api/ws/v1/events?api_key=demo-public`);
  const frames: string[] = [];
  bare.onmessage = ({ data }) => void frames.push(data as string);
  await until("the bare socket is connected", () => frames.length === 1);
  expect(frames).toEqual(['{"type":"connected"}']);

  const names = Object.keys(waysIn);
  for (const publish of Object.values(waysIn)) await publish();

  for (const name of names) await page.locator("#log li", { hasText: ` ${name} on account.demo` }).waitFor();
  await until("the Node client has them", () => inNode.length === names.length);
  expect(inNode).toEqual(names);
  await tail.until(/"post\.created"/);
  await until("the bare socket has them", () => frames.length === 1 + names.length);
  expect(frames.slice(1).map((frame) => (JSON.parse(frame) as { event: string }).event)).toEqual(names);

  bare.close();
  await client.close();
  await page.close();
});
