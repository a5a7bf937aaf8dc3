import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished } from "vitest";
import { launchChromium } from "../support/chromium.ts";
import { command, endCommands } from "../support/command.ts";
import { until } from "../support/until.ts";

// The pages of the little apps of examples/, in real windows.

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(async () => browser?.close());
afterEach(endCommands);

const titles = ["First post", "<b>Not bold</b>", "Third"];
const newestFirst = ["Third", "<b>Not bold</b>", "First post"];

async function start(name: string): Promise<string> {
  const app = command(`examples/${name}/main.ts`, [], { PORT: "0" });
  return (await app.until(/http:\S+/))[0];
}

/** A window of its own, whose scripts may not throw. */
async function open(url: string): Promise<Page> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const failures: string[] = [];
  page.on("pageerror", ({ message }) => failures.push(message));
  onTestFinished(async () => {
    await context.close();
    expect(failures).toEqual([]);
  });
  await page.goto(url);
  return page;
}

async function expectAll(page: Page): Promise<void> {
  const items = page.getByRole("listitem");
  await until("all posts are there", async () => (await items.count()) === titles.length);
  expect(await items.allTextContents()).toEqual(newestFirst);
}

it("express: a post that is written in one window appears in the other, once, as text and above the older ones", async () => {
  const url = await start("express");
  const [here, there] = [await open(url), await open(url)];
  for (const title of titles) {
    await here.getByLabel("Title").fill(title);
    await here.getByRole("button", { name: "Post" }).click();
    await here.getByText(title, { exact: true }).waitFor();
  }
  for (const page of [here, there, await open(url)]) await expectAll(page);
});

it.each(["fastify", "hono", "node-http"])("%s: posts appear in a window while they are written", async (name) => {
  const url = await start(name);
  const page = await open(url);
  for (const title of titles) {
    const headers = { "Content-Type": "application/json" };
    await fetch(`${url}/posts`, { method: "POST", headers, body: JSON.stringify({ title }) });
    await page.getByText(title, { exact: true }).waitFor();
  }
  for (const each of [page, await open(url)]) await expectAll(each);
});
