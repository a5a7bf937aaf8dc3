import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished } from "vitest";
import { launchChromium } from "../support/chromium.ts";
import { command, endCommands } from "../support/command.ts";
import { until } from "../support/until.ts";

// examples/chat in real windows: the script-tag bundle of channels.

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(async () => browser?.close());
afterEach(endCommands);

/** Somebody's window, whose scripts may not throw. */
async function open(url: string, name: string): Promise<Page> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const failures: string[] = [];
  page.on("pageerror", ({ message }) => failures.push(message));
  page.on("dialog", (dialog) => void dialog.accept(name));
  onTestFinished(async () => {
    await context.close();
    expect(failures).toEqual([]);
  });
  await page.goto(url);
  return page;
}

const messages = (page: Page): Promise<readonly string[]> => page.getByRole("listitem").allTextContents();
const here = async (page: Page): Promise<string> => (await page.locator("output").textContent()) ?? "";

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

it("two pages chat, see each other come and go, and have the history when they are opened or reloaded", async () => {
  const app = command("examples/chat/main.ts", [], { PORT: "0" });
  const [url] = await app.until(/http:\S+/);
  const ann = await open(url, "Ann");
  await say(ann, "Anybody here?");
  await until("it is said", async () => (await messages(ann)).length === 1);
  const bob = await open(url, "Bob <b>");
  const both = "Ann, Bob <b>";
  await until("they see each other", async () => (await here(ann)) === both && (await here(bob)) === both);
  await say(bob, "I am");
  const said = ["Ann: Anybody here?", "Bob <b>: I am"];
  for (const page of [ann, bob]) {
    await until("both are read", async () => (await messages(page)).length === 2);
    expect(await messages(page)).toEqual(said);
  }
  await ann.reload();
  await until("she is back", async () => (await messages(ann)).length === 2);
  expect(await messages(ann)).toEqual(said);
  await until("nobody is there twice", async () => (await here(bob)) === "Bob <b>, Ann");
  await bob.goto("about:blank");
  await until("he has left", async () => (await here(ann)) === "Ann");
});
