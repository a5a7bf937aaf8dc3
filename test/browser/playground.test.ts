import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { launchChromium } from "../support/chromium.ts";
import { command, endCommands, type Running } from "../support/command.ts";

// The playground as `npm start` runs it, in real pages.

let browser: Browser;
let folder: string;
let app: Running;
let url: string;
let context: BrowserContext;
const failures: string[] = [];

beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(async () => browser?.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "trunkline-page-"));
  await start("0");
  context = await browser.newContext();
  failures.length = 0;
});
afterEach(async () => {
  await context.close();
  await endCommands();
  await rm(folder, { recursive: true });
});

async function start(port: string): Promise<void> {
  app = command("playground/server/main.ts", [], { PORT: port, PLAYGROUND_DB: join(folder, "posts.sqlite") });
  url = (await app.until(/playground on (http\S+)/))[1] ?? "";
}
async function open(path = "/"): Promise<Page> {
  const page = await context.newPage();
  page.on("pageerror", ({ message }) => failures.push(message));
  await page.goto(`${url}${path}`);
  await connected(page);
  return page;
}
async function connected(page: Page): Promise<void> {
  await page.locator("#status", { hasText: /^connected$/ }).waitFor();
}
async function write(page: Page, title: string, text = ""): Promise<void> {
  const form = page.locator("#write");
  await form.getByLabel("Title").fill(title);
  await form.getByLabel("Text").fill(text);
  await form.getByRole("button", { name: "Publish" }).click();
}
async function post(title: string): Promise<{ readonly id: number }> {
  const response = await fetch(`${url}/posts`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ title }),
  });
  return ((await response.json()) as { readonly post: { readonly id: number } }).post;
}
async function shows(page: Page, ...titles: readonly string[]): Promise<void> {
  await expect.poll(() => page.locator("#posts h3").allTextContents()).toEqual(titles);
}

it("shows what one page writes, edits and deletes in another, as text and never as markup", async () => {
  const [one, other] = [await open(), await open()];
  const title = "<img src=x onerror=alert(1)>";
  await write(one, title, "first\nsecond");
  await shows(other, title);
  expect(await other.locator("#posts img").count()).toBe(0);
  await other.getByRole("button", { name: `Edit ${title}` }).click();
  await other.locator("#posts").getByLabel("Title").fill("Changed");
  await other.keyboard.press("Enter");
  await shows(one, "Changed");
  await write(one, "Second");
  await shows(other, "Second", "Changed");
  await one.getByRole("button", { name: "Delete Changed" }).click();
  await shows(other, "Second");
  await shows(one, "Second");
  expect(failures).toEqual([]);
});

it("catches up after a loss, and says with how much", async () => {
  const sockets: { close(): Promise<void> }[] = [];
  let reachable = true;
  await context.routeWebSocket(/events/, (socket) => {
    if (!reachable) return void socket.close();
    socket.connectToServer();
    sockets.push(socket);
  });
  const page = await open();
  await post("before");
  await shows(page, "before");
  reachable = false;
  for (const socket of sockets) await socket.close();
  await page.locator("#status", { hasText: "reconnecting" }).waitFor();
  await post("meanwhile");
  const { id } = await post("gone again");
  await fetch(`${url}/posts/${id}`, { method: "DELETE" });
  reachable = true;
  await page.locator("#log", { hasText: "caught up: 3 events on account.demo" }).waitFor();
  await shows(page, "meanwhile", "before");
  expect(failures).toEqual([]);
});

it("reloads the posts when events are gone for good", async () => {
  const page = await open();
  await post("before");
  await shows(page, "before");
  app.kill("SIGTERM");
  expect(await app.exited).toBe(0);
  await page.locator("#status", { hasText: "reconnecting" }).waitFor();
  await start(new URL(url).port);
  await post("meanwhile");
  await page.locator("#log", { hasText: /gap on account\.demo.*epoch/ }).waitFor();
  await connected(page);
  await shows(page, "meanwhile", "before");
  expect(failures).toEqual([]);
});

it("keeps what is being typed when the post changes meanwhile, and does not overwrite unasked", async () => {
  const [one, other] = [await open(), await open()];
  await write(one, "original");
  await shows(other, "original");
  await one.getByRole("button", { name: "Edit original" }).click();
  const field = one.locator("#posts").getByLabel("Title");
  await field.fill("mine");
  await other.getByRole("button", { name: "Edit original" }).click();
  await other.locator("#posts").getByLabel("Title").fill("theirs");
  await other.getByRole("button", { name: "Save" }).click();
  await one.locator("#log", { hasText: "post.updated" }).waitFor();
  expect(await field.inputValue()).toBe("mine");
  await one.getByRole("button", { name: "Save" }).click();
  await one.getByRole("alert").filter({ hasText: "Someone saved “theirs” meanwhile" }).waitFor();
  await shows(other, "theirs");
  await one.getByRole("button", { name: "Save" }).click();
  await shows(other, "mine");
  expect(failures).toEqual([]);
});

it.each(["/esm.html", "/script-tag.html"])("shows events in %s, without a bundler", async (path) => {
  const page = await open(path);
  await post("plain");
  await page.locator("#log li", { hasText: /^post\.created .*"plain"/ }).waitFor();
  expect(failures).toEqual([]);
});
