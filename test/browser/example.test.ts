import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished } from "vitest";
import { launchChromium } from "../support/chromium.ts";
import { command, endCommands } from "../support/command.ts";
import { until } from "../support/until.ts";

// The page of examples/express in real windows; the other frameworks serve the same one.

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(async () => browser?.close());
afterEach(endCommands);

it("a post that is written in one window appears in the other, once, as text and above the older ones", async () => {
  const app = command("examples/express/main.ts", [], { PORT: "0" });
  const url = (await app.until(/http:\S+/))[0];
  const failures: string[] = [];
  const open = async (): Promise<Page> => {
    const context = await browser.newContext({ viewport: { width: 640, height: 420 } });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    page.on("pageerror", ({ message }) => failures.push(message));
    await page.goto(url);
    return page;
  };
  const write = async (page: Page, title: string): Promise<void> => {
    await page.getByLabel("Title").fill(title);
    await page.getByRole("button", { name: "Post" }).click();
    await page.getByText(title, { exact: true }).waitFor();
  };
  const [here, there] = [await open(), await open()];
  const titles = ["First post", "<b>Not bold</b>", "Third"];
  for (const title of titles) await write(here, title);
  for (const page of [here, there, await open()]) {
    const items = page.getByRole("listitem");
    await until("all posts are there", async () => (await items.count()) === titles.length);
    expect(await items.allTextContents()).toEqual(["Third", "<b>Not bold</b>", "First post"]);
  }
  expect(failures).toEqual([]);
});
