import type { AddressInfo } from "node:net";
import { type Gateway, createGateway } from "@trunkline/gateway";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { launchChromium } from "../support/chromium.ts";
import { createPageServer } from "../support/page-server.ts";
import { until } from "../support/until.ts";

// The built client over fetch streaming, in a real Chromium against a real gateway. PROTOCOL §11.3.

let browser: Browser;
let context: BrowserContext;
let gateway: Gateway;
/** The gateway's own host, and another that serves pages. */
let own: string;
let listed: string;
let foreign: string;
const servers = [createPageServer(), createPageServer(), createPageServer()] as const;

beforeAll(async () => {
  for (const server of servers)
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  [own, listed, foreign] = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`) as [
    string,
    string,
    string,
  ];
  gateway = createGateway({
    secretKeys: [{ key: "stream-secret", account: "acme" }],
    publicKeys: [{ key: "stream-public", channel: "account.acme" }],
    origins: [listed],
    heartbeatMs: 300,
  });
  gateway.attach(servers[0]);
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await gateway?.close({ drainMs: 0 });
  for (const server of servers) await new Promise((resolve) => void server.close(resolve));
});
afterEach(async () => {
  await context?.close();
});

/** A page with a client that has begun; what it hears is in `window.heard`. */
async function open(host: string, options: Record<string, unknown>): Promise<Page> {
  context = await browser.newContext();
  const page = await context.newPage();
  page.on("websocket", () => {
    throw new Error("expected no WebSocket");
  });
  await page.goto(`${host}/esm.html`);
  await page.waitForFunction(() => "trunkline" in window);
  await page.evaluate(
    ({ url, given }) => {
      type Any = (...args: unknown[]) => Record<string, (...args: unknown[]) => unknown>;
      const { createClient, eventStreamTransport } = (window as never as { trunkline: Record<string, Any> }).trunkline;
      const client = createClient?.({ url, transport: eventStreamTransport?.(), heartbeatGraceMs: 300, ...given });
      const heard: unknown[] = [];
      for (const name of ["*", "status", "error", "gap", "resumed"]) {
        client?.["on"]?.(name, (value: unknown) => {
          heard.push([name, value instanceof Error ? (value as { code?: string }).code : value]);
        });
      }
      Object.assign(window, { client, heard });
    },
    { url: own, given: options },
  );
  return page;
}

const heard = (page: Page, kind: string): Promise<unknown[]> =>
  page.evaluate(
    (wanted) =>
      (window as never as { heard: [string, unknown][] }).heard
        .filter(([name]) => name === wanted)
        .map(([, value]) => value),
    kind,
  );
const publish = (n: number) => gateway.publish({ event: "tick", data: { n } }, { account: "acme" });
const ticks = (count: number) => Array.from({ length: count }, (_, index) => ({ n: index + 1 }));
const connected = (page: Page) =>
  until("it is connected", async () => (await heard(page, "status")).includes("connected"));

it.each(["own", "listed"] as const)("a page of the gateway's %s host hears its events in order", async (which) => {
  const page = await open(which === "own" ? own : listed, { publicKey: "stream-public" });
  await connected(page);
  for (let n = 1; n <= 20; n++) await publish(n);
  await until("20 events came", async () => (await heard(page, "*")).length >= 20);
  expect(await heard(page, "*")).toEqual(ticks(20));
  await page.evaluate(() => (window as never as { client: { close(): Promise<void> } }).client.close());
  await until("the gateway has seen it go", () => gateway.stats().connections === 0);
});

it("comes back by itself after it was offline, and misses nothing", async () => {
  const page = await open(own, { publicKey: "stream-public" });
  await connected(page);
  await publish(1);
  await until("the first event came", async () => (await heard(page, "*")).length === 1);
  await context.setOffline(true);
  await until("the loss was noticed", async () => (await heard(page, "status")).includes("reconnecting"));
  for (let n = 2; n <= 11; n++) await publish(n);
  await context.setOffline(false);
  await until("all events came", async () => (await heard(page, "*")).length >= 11);
  expect(await heard(page, "*")).toEqual(ticks(11));
  expect(await heard(page, "gap")).toEqual([]);
});

it("§2.5 a secret key in a page and a page of a foreign origin get nothing", async () => {
  const secret = await open(own, { apiKey: "stream-secret" });
  await until("the error came", async () => (await heard(secret, "error")).length > 0);
  expect(await heard(secret, "error")).toEqual(["gateway.forbidden"]);
  await context.close();
  const page = await open(foreign, { publicKey: "stream-public" });
  const refusals = () => gateway.stats().refused;
  const before = refusals();
  await until("the gateway refused it again", () => refusals() > before + 1);
  expect(await heard(page, "status")).not.toContain("connected");
});
